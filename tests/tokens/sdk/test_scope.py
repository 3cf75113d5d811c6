"""Who may see which SDK tokens, and do what with them: by role, and by whose token it is."""

from http import HTTPStatus

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts import lifecycle as entities
from accounts.models import Entity, User
from accounts.permissions import PLATFORM_ROLES, Capability, Role
from accounts.refusals import Refused
from tests.factories import SETUP, give_role, make_entity, make_token, make_user
from tests.tokens.sdk.conftest import Shop, make_sdk
from tokens.models import Token, UsageBucket
from tokens.permissions import ON_SDK_TOKENS, held_on

SEE, STOP = Capability.TOKEN_VIEW, Capability.TOKEN_DEACTIVATE
ALL = {"api", "merchant", "terminal", "person"}


def seen(user: User, shop: Shop, capability: str = SEE) -> set[str]:
    """Return which of the shop's tokens `user` holds `capability` on."""
    named = {shop.api.pk: "api"} | {token.pk: name for name, token in shop.sdk.items()}
    return {named[pk] for pk in Token.objects.permitted(user, capability).values_list("pk", flat=True)}


def answer(user: User, token: Token, capability: str) -> HTTPStatus:
    """Return what a page answers."""
    try:
        Token.objects.get_permitted(user, capability, key_id=token.key_id)
    except Http404:
        return HTTPStatus.NOT_FOUND
    except PermissionDenied:
        return HTTPStatus.FORBIDDEN
    return HTTPStatus.OK


@pytest.mark.parametrize(("role", "on", "sees", "stops", "revokes"), [
    (Role.ADMINISTRATOR, "partner", ALL, ALL, ALL),
    (Role.DEVELOPER, "merchant", ALL, ALL, ALL),
    (Role.VIEWER, "merchant", ALL, set(), set()),
    (Role.TERMINAL_OPERATOR, "merchant", ALL - {"api"}, ALL - {"api"}, {"terminal"}),
    (Role.TERMINAL_OPERATOR, "channel", {"terminal"}, {"terminal"}, {"terminal"}),
    (Role.TERMINAL_OPERATOR, "till", {"terminal"}, {"terminal"}, {"terminal"}),
    (Role.TERMINAL_OPERATOR, "other_till", set(), set(), set()),
    (Role.SDK_USER, "merchant", set(), set(), set()),
    (Role.ADMINISTRATOR, "rival", set(), set(), set()),
    (Role.PLATFORM_ADMINISTRATOR, "", ALL, ALL, ALL),
    (Role.SUPPORT, "", ALL, ALL, set()),
])  # fmt: skip
def test_each_role_reaches_the_tokens_of_its_scope(shop: Shop, role, on, sees, stops, revokes):
    """S2-13, S2-17 ... S2-19, C9: no terminal operator and no SDK user ever meets an API token."""
    user = make_user(role, on=getattr(shop, on) if on else None)
    assert seen(user, shop) == sees
    assert seen(user, shop, STOP) == stops
    assert seen(user, shop, Capability.TOKEN_REVOKE) == revokes


def test_an_sdk_user_has_their_own_tokens_and_no_others(shop: Shop):
    """S2-15."""
    elsewhere, _secret = make_sdk(shop.rival, user=give(shop.seller, Role.SDK_USER, on=shop.rival))
    shop.seller.memberships.filter(entity=shop.rival).update(role=Role.VIEWER)
    assert seen(shop.colleague, shop) == set()
    for capability in ON_SDK_TOKENS:
        assert answer(shop.seller, shop.of_seller, capability) == HTTPStatus.OK
        assert answer(shop.colleague, shop.of_seller, capability) == HTTPStatus.NOT_FOUND
        assert answer(shop.seller, shop.of_merchant, capability) == HTTPStatus.NOT_FOUND
    assert answer(shop.seller, shop.api, SEE) == HTTPStatus.NOT_FOUND
    # Theirs, but where their role lets them look only.
    assert answer(shop.seller, elsewhere, SEE) == HTTPStatus.OK
    assert answer(shop.seller, elsewhere, STOP) == HTTPStatus.FORBIDDEN


def test_a_person_who_left_no_longer_sees_the_token(shop: Shop):
    shop.seller.memberships.all().delete()
    assert answer(User.objects.get(pk=shop.seller.pk), shop.of_seller, SEE) == HTTPStatus.NOT_FOUND


def test_nobody_duplicates_an_sdk_token(shop: Shop):
    """C7: what it may do is fixed for all of them, so there is nothing to be changed by a duplicate."""
    user = make_user(Role.PLATFORM_ADMINISTRATOR)
    assert seen(user, shop, Capability.TOKEN_CREATE) == {"api"}
    assert answer(user, shop.of_till, Capability.TOKEN_CREATE) == HTTPStatus.FORBIDDEN


def give(user: User, role: str, *, on: Entity | None) -> User:
    give_role(user, role, on=on)
    return User.objects.get(pk=user.pk)


grants = st.sets(
    st.tuples(
        st.sampled_from(["partner", "merchant", "channel", "till", "rival"]),
        st.sampled_from(sorted(set(Role) - PLATFORM_ROLES)),
    )
    | st.tuples(st.just(""), st.sampled_from(sorted(PLATFORM_ROLES))),
    max_size=5,
)


@given(grants=grants, is_seller=st.booleans())
@example(grants={("", Role.SUPPORT), ("merchant", Role.TERMINAL_OPERATOR)}, is_seller=False)
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_offered_on_a_token_is_what_the_queries_allow(shop: Shop, grants: set, is_seller: bool):
    """`held_on` draws buttons, `permitted` refuses requests: both agree for every mixture of roles and every token."""
    user = shop.seller if is_seller else make_user()
    user.memberships.all().delete()
    for on, role in grants:
        give_role(user, role, on=getattr(shop, on) if on else None)
    user = User.objects.get(pk=user.pk)
    tokens = [shop.api, *shop.sdk.values()]
    for capability in [each for each in Capability if each.startswith("token.")]:
        allowed = set(Token.objects.permitted(user, capability).values_list("pk", flat=True))
        assert allowed == {token.pk for token in tokens if capability in held_on(user, token)}, capability


def test_the_use_of_a_token_is_seen_by_whoever_sees_the_token(shop: Shop):
    """S0-20, S2-17."""
    for number, token in enumerate([shop.api, *shop.sdk.values()]):
        hour = token.created_at.replace(minute=0, second=0, microsecond=0)
        row = UsageBucket(token=token, hour=hour, caller="192.0.2.7", outcome="good", count=10**number)
        row.first_at = row.last_at = hour
        row.save(force_insert=True)
    counts = {
        user: sum(UsageBucket.objects.visible_to(user).values_list("count", flat=True))
        for user in (shop.operator, shop.seller, shop.colleague, make_user(Role.VIEWER, on=shop.merchant))
    }
    assert list(counts.values()) == [100, 1000, 0, 1111]


def test_a_merchant_s_list_of_api_tokens_holds_no_sdk_token(shop: Shop):
    """S2-5."""
    make_token(shop.merchant)
    assert Token.objects.of(shop.merchant).api().count() == 2
    assert Token.objects.of(shop.merchant).sdk().count() == 2


def test_a_token_that_moves_with_its_terminal_is_seen_where_that_stands(shop: Shop):
    """S0-8: scope is where the entity stands now."""
    elsewhere = make_entity("channel", "Web shop", under=shop.merchant)
    entities.move(shop.till, under=elsewhere, by=SETUP)
    assert seen(make_user(Role.VIEWER, on=shop.channel), shop) == set()
    assert seen(make_user(Role.VIEWER, on=elsewhere), shop) == {"terminal"}
    assert seen(shop.operator, shop) == {"terminal"}


@pytest.mark.parametrize("thing", ["till", "channel"])
def test_nothing_below_a_merchant_moves_to_another_one(shop: Shop, thing):
    """C9, S2-4: its tokens would become those of a merchant who never got them."""
    with pytest.raises(Refused, match="stays with its merchant"):
        entities.move(getattr(shop, thing), under=shop.rival, by=SETUP)
    assert seen(make_user(Role.VIEWER, on=shop.merchant), shop) == ALL
