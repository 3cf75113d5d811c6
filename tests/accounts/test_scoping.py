"""Who sees what, and who may do what where: the boundary between tenants."""

from http import HTTPStatus
from itertools import product

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import lifecycle, querysets
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import (
    FROM_ABOVE,
    ROLE_CAPABILITIES,
    ROLES_AT,
    Capability,
    Role,
    held_on,
    roles_to_give,
    roles_with,
)
from accounts.standing import standing_of
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP, give_role, make_administrator, make_entity, make_merchant, make_token, make_user
from tokens.models import Token

Kind = Entity.Kind
SEE = {"entity.view", "activity.view", "member.view", "token.view", "sdk.view", "key.view"}
SDK = {"sdk.view", "sdk.manage", "sdk.own"}
TOKEN_VERBS = ("create", "edit", "rotate", "deactivate", "reactivate", "revoke", "remove")
WORK = {f"token.{verb}" for verb in TOKEN_VERBS} | {"key.edit", "key.reveal", "sdk.others"} | SDK
TREE = {"entity.add", "entity.edit", "entity.move", "entity.suspend"}
MEMBERS = {"member.manage"}
PEOPLE = {"person.disable", "person.enable"}
MAY = {
    "administrator": SEE | WORK | TREE | MEMBERS,
    "developer": SEE | WORK,
    "viewer": SEE,
    "terminal_operator": {"entity.view"} | SDK,
    "sdk_user": {"entity.view", "sdk.own"},
    "platform_administrator": SEE | WORK | TREE | MEMBERS | PEOPLE | {"entity.release"},
    "support": SEE | {"token.deactivate", "person.disable"},
}
ONLY_BELOW = {"entity.move", "entity.suspend"}
PLATFORM = {"platform_administrator", "support"}


@pytest.fixture
def forest(db) -> dict[str, Entity]:
    """Return two partners' trees: a merchant (`own`), what stands around it, and somebody else's (`foreign`)."""
    above = make_entity(Kind.COMPANY, under=make_entity(Kind.PARTNER))
    own = make_merchant("Own", under=above)
    below = make_entity(Kind.CHANNEL, under=own)
    beside = make_merchant("Beside", under=above)
    foreign = make_merchant("Foreign", under=make_entity(Kind.PARTNER))
    make_entity(Kind.TERMINAL, under=make_entity(Kind.CHANNEL, under=foreign))
    return {"above": above, "own": own, "below": below, "beside": beside, "foreign": foreign}


def answer(user: User, capability: str, entity_id: str) -> object:
    """Return what a page gets: the entity's ID, or the status that refuses it."""
    try:
        return Entity.objects.get_permitted(user, capability, entity_id=entity_id).entity_id
    except Http404:
        return HTTPStatus.NOT_FOUND
    except PermissionDenied:
        return HTTPStatus.FORBIDDEN


def test_each_role_may_do_exactly_this():
    assert {role: set(held) for role, held in ROLE_CAPABILITIES.items()} == MAY
    assert set(Role) == set(MAY)
    assert set(Capability) == SEE | WORK | TREE | MEMBERS | PEOPLE | {"entity.release"}
    assert set(FROM_ABOVE) == ONLY_BELOW
    for capability in ("token.create", "token.rotate"):
        assert roles_with(capability) == {"administrator", "developer", "platform_administrator"}


GIVEN = {
    "partner": {"administrator", "developer", "viewer"},
    "company": {"administrator", "developer", "viewer"},
    "merchant": {"administrator", "developer", "viewer", "terminal_operator", "sdk_user"},
    "channel": {"administrator", "viewer", "terminal_operator", "sdk_user"},
    "terminal": {"viewer", "terminal_operator", "sdk_user"},
    None: PLATFORM,
}


@pytest.mark.parametrize("giver", sorted(MAY))
def test_nobody_gives_more_than_they_hold(giver: str):
    """S2-17, C9: administrators give what means something at that kind of entity; everybody else gives nothing."""
    assert set(ROLES_AT) == {*Kind, None}
    for kind, roles in GIVEN.items():
        held = frozenset(ROLE_CAPABILITIES[giver])
        expected = roles if giver == "platform_administrator" or (giver == "administrator" and kind) else set()
        assert set(roles_to_give(kind, held)) == expected
        assert all(ROLE_CAPABILITIES[role] <= held for role in roles_to_give(kind, held))


@pytest.mark.parametrize("role", sorted(MAY))
def test_a_role_reaches_its_subtree_and_nothing_else(forest, role: str):
    """404 for what one may not know of, 403 for what one sees and may not do, in every combination there is."""
    user = make_user(role, on=None if role in PLATFORM else forest["own"])
    ids = {place: entity.entity_id for place, entity in forest.items()} | {"missing": "mer_0000000000000000"}
    expected, found = {}, {}
    for place, capability in product(ids, Capability):
        sees = place in forest and (role in PLATFORM or place in {"own", "below"})
        may = capability in MAY[role] and (place != "own" or role in PLATFORM or capability not in ONLY_BELOW)
        refusal = HTTPStatus.FORBIDDEN if sees else HTTPStatus.NOT_FOUND
        expected[place, capability] = ids[place] if sees and may else refusal
        found[place, capability] = answer(user, capability, ids[place])
    assert found == expected


def test_a_foreign_entity_and_a_missing_one_are_told_apart_by_nothing(forest):
    user = make_administrator(forest["own"])
    for entity_id in (forest["foreign"].entity_id, "mer_0000000000000000", "", "\N{SNOWMAN}", "x" * 300):
        with pytest.raises(Http404) as refusal:
            Entity.objects.get_permitted(user, Capability.ENTITY_VIEW, entity_id=entity_id)
        assert str(refusal.value) == ""


def test_nobody_is_shown_anything_by_default(forest):
    inactive = make_user(Role.PLATFORM_ADMINISTRATOR)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    for user in (AnonymousUser(), None, make_user(), User.objects.get(pk=inactive.pk)):
        for rows in (Entity.objects, Token.objects, Membership.objects, AuditEvent.objects):
            assert not rows.visible_to(user).exists()
    assert User.objects.get(pk=inactive.pk).capabilities_on(forest["own"]) == frozenset()
    assert not User.objects.get(pk=inactive.pk).has_platform_capability(Capability.ENTITY_VIEW)


def test_an_unknown_capability_is_held_by_nobody(forest):
    for user in (make_user(Role.PLATFORM_ADMINISTRATOR), make_administrator(forest["above"])):
        assert not Entity.objects.permitted(user, "token.steal").exists()
        assert not user.has_platform_capability("token.steal")
        with pytest.raises(PermissionDenied):
            Entity.objects.get_permitted(user, "token.steal", entity_id=forest["own"].entity_id)


@pytest.mark.parametrize("verb", ["suspend", "reactivate", "move"])
def test_nobody_stops_or_moves_what_their_own_rights_hang_on(forest, client: Client, verb: str):
    """FROM_ABOVE: a suspended merchant's administrator could otherwise lift the suspension."""
    if verb == "reactivate":
        for place in ("own", "below"):
            lifecycle.suspend(forest[place], by=make_administrator(forest["above"]))
    client.force_login(make_administrator(forest["own"]))
    before = list(Entity.objects.order_by("pk").values("pk", "status", "parent"))
    for place, status in (("own", HTTPStatus.FORBIDDEN), ("above", HTTPStatus.NOT_FOUND)):
        address = reverse(f"accounts:{verb}", args=[forest[place].entity_id])
        assert client.get(address).status_code == client.post(address, {"destination": "x"}).status_code == status
    assert list(Entity.objects.order_by("pk").values("pk", "status", "parent")) == before
    address = reverse(f"accounts:{verb}", args=[forest["below"].entity_id])
    assert client.get(address).status_code == HTTPStatus.OK


def test_a_second_membership_further_up_gives_what_the_lower_one_does_not(forest):
    user = make_administrator(forest["own"])
    give_role(user, Role.ADMINISTRATOR, on=forest["above"])
    assert answer(user, Capability.ENTITY_SUSPEND, forest["own"].entity_id) == forest["own"].entity_id
    assert answer(user, Capability.ENTITY_SUSPEND, forest["above"].entity_id) == HTTPStatus.FORBIDDEN


def test_a_move_to_another_partner_changes_both_sides_at_the_next_request(client: Client, forest):
    new_partner = forest["foreign"].get_root()
    leaving, arriving = make_administrator(forest["above"]), make_administrator(new_partner)
    page = reverse("portal:entity", args=[forest["own"].entity_id])

    def statuses() -> list[int]:
        found = []
        for user in (leaving, arriving):
            client.force_login(user)
            found.append(client.get(page).status_code)
        return found

    assert statuses() == [HTTPStatus.OK, HTTPStatus.NOT_FOUND]
    lifecycle.move(forest["own"], under=new_partner, by=SETUP)
    assert statuses() == [HTTPStatus.NOT_FOUND, HTTPStatus.OK]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("many", [0, 4], ids=["a range each", "one set"])
def test_a_move_while_a_page_is_made_shows_no_foreign_row(monkeypatch, many: int):
    """The memberships are read, then a move gives their old interval to somebody else, then the rows are read."""
    monkeypatch.setattr(querysets, "MANY", many)
    partner = make_entity(Kind.PARTNER)
    own = make_merchant("Own", under=partner)
    make_token(own, alias="own token")
    other = make_merchant("Other", under=partner)
    make_token(other, alias="other token")
    user = make_administrator(own)
    interval = (own.tree_id, own.lft, own.rght)
    asked = {
        "entities": Entity.objects.visible_to(user),
        "tokens": Token.objects.visible_to(user),
        "events": AuditEvent.objects.visible_to(user).filter(type=AuditEvent.Type.TOKEN_CREATED),
        "below": Entity.objects.visible_to(user).below(own),
    }
    with Elsewhere() as elsewhere:
        elsewhere.do(lifecycle.move, own, under=make_entity(Kind.PARTNER), by=SETUP)
    other.refresh_from_db()
    assert (other.tree_id, other.lft, other.rght) == interval
    assert [entity.name for entity in asked["entities"]] == ["Own"]
    assert [token.alias for token in asked["tokens"]] == ["own token"]
    assert [event.details["alias"] for event in asked["events"]] == ["own token"]
    assert [entity.name for entity in asked["below"]] == ["Own"]
    standing = standing_of(user, own)
    assert [entity.name for entity in standing.above] == ["Own"]
    assert standing.held == user.capabilities_on(own) == MAY["administrator"] - ONLY_BELOW


grants = st.sets(
    st.tuples(st.integers(0, 5), st.sampled_from(sorted(set(MAY) - PLATFORM)))
    | st.tuples(st.none(), st.sampled_from(sorted(PLATFORM))),
    max_size=7,
)


@pytest.fixture
def owned(forest) -> list[Entity]:
    """Return the forest's entities, merchants with a token each, so that there are rows of every kind."""
    for merchant in Entity.objects.filter(kind=Kind.MERCHANT):
        make_token(merchant)
    make_administrator(forest["foreign"])
    return list(Entity.objects.order_by("pk"))


@given(grants=grants, many=st.sampled_from([0, 4]))
@settings(max_examples=30, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_offered_on_an_entity_is_what_the_queries_allow(owned, monkeypatch_session, grants: set, many: int):
    """`capabilities_on` draws buttons, `permitted` refuses requests, `held_on` is the rule: all three agree."""
    monkeypatch_session.setattr(querysets, "MANY", many)
    user = make_user()
    for at, role in grants:
        give_role(user, role, on=owned[at] if at is not None else None)
    user = User.objects.get(pk=user.pk)
    allowed = {
        capability: set(Entity.objects.permitted(user, capability).values_list("pk", flat=True))
        for capability in Capability
    }
    held = {entity.pk: user.capabilities_on(entity) for entity in owned}
    for entity in owned:
        assert held[entity.pk] == {capability for capability in Capability if entity.pk in allowed[capability]}
        chain = list(Entity.objects.above(entity).values_list("pk", flat=True))
        assert held[entity.pk] == held_on(chain, user.grants)
    everywhere = {role for at, role in grants if at is None}
    for rows, capability in (
        (Token.objects, Capability.TOKEN_VIEW),
        (Membership.objects, Capability.MEMBER_VIEW),
        (AuditEvent.objects, Capability.ACTIVITY_VIEW),
    ):
        expected = {
            row.pk
            for row in rows.all()
            if (capability in held[row.entity_id] if row.entity_id else everywhere & roles_with(capability))
        }
        assert set(rows.visible_to(user).values_list("pk", flat=True)) == expected


@pytest.fixture
def monkeypatch_session():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_a_person_with_very_many_memberships_is_served_like_any_other(forest, django_assert_num_queries):
    """A statement with a range for each of 1,500 memberships is refused by SQLite."""
    partner = forest["foreign"].get_root()
    merchants = [make_merchant(under=partner) for _ in range(3)]
    user = make_user(Role.VIEWER, on=merchants[0])
    Membership.objects.bulk_create(
        Membership(user=user, role=Role.VIEWER, entity=entity)
        for entity in (
            *merchants[1:],
            *Entity.objects.bulk_create(
                Entity(
                    kind=Kind.MERCHANT, name=f"Top {n}", entity_id=f"mer_{n}", tree_id=900 + n, lft=1, rght=2, level=0
                )
                for n in range(1500)
            ),
        )
    )
    user = User.objects.get(pk=user.pk)
    with django_assert_num_queries(2):
        assert Entity.objects.visible_to(user).count() == 1503
    assert answer(user, Capability.ENTITY_VIEW, merchants[2].entity_id) == merchants[2].entity_id
    assert answer(user, Capability.ENTITY_VIEW, forest["foreign"].entity_id) == HTTPStatus.NOT_FOUND
