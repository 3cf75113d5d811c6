"""How an entity changes: each verb once, with its event, and what a suspension stops."""

from collections.abc import Callable
from threading import Barrier

import pytest
from django.test import Client
from django.urls import reverse

from accounts import audit, lifecycle
from accounts.models import AuditEvent, Entity
from accounts.permissions import Capability
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP, make_administrator, make_entity, make_gateway, make_merchant, make_token, put_into
from tokens.models import Token
from tokens.verification import decide

Kind, Type = Entity.Kind, AuditEvent.Type
ALL = frozenset(Capability)


def events(*, since: int = 0) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(number__gt=since).order_by("number"))


def last_number() -> int:
    return AuditEvent.objects.values_list("number", flat=True).first() or 0


def test_an_added_entity_has_an_id_of_its_kind_and_one_event(db):
    company = make_entity(Kind.COMPANY)
    administrator = make_administrator(company)
    before = last_number()
    added = lifecycle.add(kind=Kind.MERCHANT, name="Aurora", under=company, by=administrator)
    added.refresh_from_db()
    assert (added.parent_id, added.status, added.created_by_id) == (company.pk, "active", administrator.pk)
    assert added.entity_id.startswith("mer_")
    assert len(added.entity_id) == 20
    (event,) = events(since=before)
    assert (event.type, event.actor, event.entity_id, event.target) == (
        Type.ENTITY_ADDED,
        administrator,
        added.pk,
        added.entity_id,
    )
    assert event.details == {"name": "Aurora", "kind": "merchant", "under": company.entity_id}


def test_an_operator_without_an_account_acts_under_their_label(db):
    lifecycle.add(kind=Kind.PARTNER, name="Northwind", under=None, by=audit.Operator("operator at the server"))
    (event,) = events()
    assert (event.actor, event.actor_label) == (None, "operator at the server")
    assert event.entity.created_by is None


def test_entity_ids_differ(db):
    assert len({make_entity(Kind.PARTNER).entity_id for _ in range(20)}) == 20


def test_a_renaming_tells_both_names(db):
    merchant = make_merchant("Aurora")
    before = last_number()
    lifecycle.edit(merchant, name="Aurora Coffee", by=SETUP)
    (event,) = events(since=before)
    assert (event.type, event.details) == (Type.ENTITY_RENAMED, {"before": "Aurora", "after": "Aurora Coffee"})


def test_the_same_name_again_is_no_change(db):
    merchant = make_merchant("Aurora")
    before = last_number()
    lifecycle.edit(merchant, name="Aurora", by=SETUP)
    assert events(since=before) == []


def test_a_renaming_of_what_somebody_else_renamed_changes_nothing(db):
    merchant = make_merchant("Aurora")
    stale = Entity.objects.get(pk=merchant.pk)
    lifecycle.edit(merchant, name="Borealis", by=SETUP)
    before = last_number()
    with pytest.raises(Refused, match="Somebody else has renamed"):
        lifecycle.edit(stale, name="Cedar", by=SETUP)
    assert Entity.objects.get(pk=merchant.pk).name == "Borealis"
    assert events(since=before) == []


def test_a_move_tells_where_from_and_where_to(db):
    old, new = make_entity(Kind.PARTNER), make_entity(Kind.PARTNER)
    merchant = make_merchant(under=old)
    before = last_number()
    lifecycle.move(merchant, under=new, by=SETUP)
    lifecycle.move(merchant, under=None, by=SETUP)
    first, second = events(since=before)
    assert first.type == second.type == Type.ENTITY_MOVED
    assert first.details == {"before": old.entity_id, "after": new.entity_id}
    assert second.details == {"before": new.entity_id, "after": ""}


@pytest.mark.parametrize("at_the_top", [True, False])
def test_a_move_to_where_it_stands_is_refused(db, at_the_top: bool):
    parent = None if at_the_top else make_entity(Kind.PARTNER)
    merchant = make_merchant(under=parent)
    before = last_number()
    with pytest.raises(Refused, match="stands there already"):
        lifecycle.move(merchant, under=parent, by=SETUP)
    assert events(since=before) == []


def test_suspending_and_reactivating_keep_time_reason_and_nothing_else(db):
    merchant = make_merchant()
    rest = Entity.objects.filter(pk=merchant.pk).values().get()
    before = last_number()
    lifecycle.suspend(merchant, by=SETUP, reason="Fraud")
    merchant.refresh_from_db()
    assert merchant.is_suspended
    assert merchant.suspended_at is not None
    lifecycle.reactivate(merchant, by=SETUP)
    assert Entity.objects.filter(pk=merchant.pk).values().get() == rest
    suspended, reactivated = events(since=before)
    assert (suspended.type, suspended.details) == (Type.ENTITY_SUSPENDED, {"reason": "Fraud"})
    assert (reactivated.type, reactivated.details) == (Type.ENTITY_REACTIVATED, {})


@pytest.mark.parametrize("verb", [lifecycle.suspend, lifecycle.reactivate])
def test_what_is_done_already_is_refused_and_leaves_no_event(db, verb: Callable):
    merchant = make_merchant("Aurora")
    if verb is lifecycle.suspend:
        lifecycle.suspend(merchant, by=SETUP)
    before = last_number()
    with pytest.raises(Refused, match="“Aurora” has changed meanwhile"):
        verb(merchant, by=SETUP)
    assert events(since=before) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["suspend", "reactivate", "edit", "move"])
def test_of_many_at_once_one_wins_and_the_others_get_a_sentence(verb: str):
    place = make_entity(Kind.PARTNER)
    merchant = make_merchant("Aurora")
    if verb == "reactivate":
        lifecycle.suspend(merchant, by=SETUP)
    words = {"edit": {"name": "Borealis"}, "move": {"under": place}}.get(verb, {})
    stale, before, together = Entity.objects.get(pk=merchant.pk), last_number(), Barrier(6)

    def act() -> str:
        together.wait(timeout=30)
        try:
            getattr(lifecycle, verb)(stale, by=SETUP, **words)
        except Refused as refusal:
            return str(refusal)
        return "done"

    with Elsewhere(threads=6) as elsewhere:
        attempts = [elsewhere.start(act) for _ in range(6)]
        answers = sorted(attempt.result(timeout=60) for attempt in attempts)
    assert answers.count("done") == 1
    assert all(answer == "done" or answer.endswith((".", "changed now.")) for answer in answers)
    assert len(events(since=before)) == 1
    assert list(audit.verify()) == []


def test_the_loser_of_a_race_gets_a_page_that_says_so(client: Client, db):
    company = make_entity(Kind.COMPANY)
    merchant = make_merchant("Aurora", under=company)
    client.force_login(make_administrator(company))
    lifecycle.suspend(merchant, by=SETUP)
    before = last_number()
    answer = client.post(reverse("accounts:suspend", args=[merchant.entity_id]), {"reason": "too late"})
    assert answer.status_code == 409
    assert "“Aurora” is suspended already." in answer.text
    assert events(since=before) == []


def test_a_verb_is_offered_only_where_state_and_capability_allow_it(db):
    merchant = make_merchant()
    channel = make_entity(Kind.CHANNEL, under=merchant)
    terminal = make_entity(Kind.TERMINAL, under=channel)

    def offered(entity: Entity, held: frozenset[str]) -> list[str]:
        return [verb for verb in lifecycle.CAPABILITY if lifecycle.can(verb, entity, held)]

    assert offered(merchant, ALL) == ["add", "edit", "move", "suspend"]
    assert offered(terminal, ALL) == ["edit", "move", "suspend"]
    lifecycle.suspend(channel, by=SETUP)
    channel.refresh_from_db()
    assert offered(channel, ALL) == ["add", "edit", "move", "reactivate"]
    assert offered(channel, frozenset({Capability.ENTITY_EDIT})) == ["edit"]
    assert offered(channel, frozenset()) == []


def test_nothing_is_added_below_a_terminal(client: Client, db):
    terminal = make_entity(Kind.TERMINAL, under=make_merchant())
    client.force_login(make_administrator(terminal.get_root()))
    answer = client.post(reverse("accounts:add", args=[terminal.entity_id]), {"kind": "terminal", "name": "Till"})
    assert answer.status_code == 409
    assert "Nothing stands below a terminal." in answer.text


@pytest.fixture
def gateway(db) -> str:
    return make_gateway()[1]


def test_a_suspension_stops_everything_below_without_touching_a_token(gateway: str):
    """S0-32 for a whole subtree: no job, no write to any token, at once; and as it was, when it ends."""
    partner = make_entity(Kind.PARTNER)
    company = make_entity(Kind.COMPANY, under=partner)
    merchants = [make_merchant(under=company), make_merchant(under=partner)]
    bystanders_secret = make_token(make_merchant())[1]
    secrets = [make_token(merchant)[1] for merchant in merchants]
    stopped_by_itself, secret_of_inactive = make_token(merchants[0])
    put_into(stopped_by_itself, "inactive")
    rows, places = list(Token.objects.order_by("pk").values()), list(Entity.objects.order_by("pk").values())

    def reasons() -> list[str]:
        everything = [*secrets, secret_of_inactive, bystanders_secret]
        return [decide(secret, gateway=gateway).reason for secret in everything]

    assert reasons() == ["good", "good", "inactive", "good"]
    lifecycle.suspend(company, by=SETUP)
    assert reasons() == ["suspended", "good", "inactive", "good"]
    lifecycle.suspend(partner, by=SETUP)
    assert reasons() == ["suspended", "suspended", "inactive", "good"]
    assert list(Token.objects.order_by("pk").values()) == rows
    lifecycle.reactivate(partner, by=SETUP)
    assert reasons() == ["suspended", "good", "inactive", "good"]
    lifecycle.reactivate(company, by=SETUP)
    assert reasons() == ["good", "good", "inactive", "good"]
    assert list(Token.objects.order_by("pk").values()) == rows
    assert list(Entity.objects.order_by("pk").values()) == places


def test_a_suspended_channel_stops_only_what_is_asked_for_it(gateway: str):
    merchant = make_merchant()
    web, shop = make_entity(Kind.CHANNEL, under=merchant), make_entity(Kind.CHANNEL, under=merchant)
    till = make_entity(Kind.TERMINAL, under=web)
    secret = make_token(merchant)[1]
    lifecycle.suspend(web, by=SETUP)
    answers = {place: decide(secret, gateway=gateway, entity=place.entity_id).allowed for place in (web, till, shop)}
    assert answers == {web: False, till: False, shop: True}
    assert decide(secret, gateway=gateway).allowed


def test_a_merchant_moved_below_a_suspended_partner_stops_and_moved_away_works(gateway: str):
    good, bad = make_entity(Kind.PARTNER), make_entity(Kind.PARTNER)
    merchant = make_merchant(under=good)
    secret = make_token(merchant)[1]
    lifecycle.suspend(bad, by=SETUP)
    for under, reason in ((bad, "suspended"), (good, "good"), (bad, "suspended"), (None, "good")):
        lifecycle.move(merchant, under=under, by=SETUP)
        assert lifecycle.is_stopped(merchant) == (reason == "suspended")
        assert decide(secret, gateway=gateway).reason == reason
