"""The life of a token: every arrow that exists, none that does not, and one event for each change."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import Error, IntegrityError, transaction

from accounts import audit
from accounts.models import AuditEvent, Entity
from accounts.permissions import Capability
from accounts.refusals import Refused
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, put_into
from tests.tokens.conftest import House, stored
from tests.tokens.test_authorize_faults import renamed
from tokens import lifecycle
from tokens.models import Token

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STATUSES = ["active", "inactive", "revoked", "removed"]
VERBS = ["edit", "deactivate", "reactivate", "revoke", "remove"]
ARROWS = {
    ("active", "edit"): "active",
    ("inactive", "edit"): "inactive",
    ("active", "deactivate"): "inactive",
    ("inactive", "reactivate"): "active",
    ("inactive", "revoke"): "revoked",
    ("inactive", "remove"): "removed",
    ("revoked", "remove"): "removed",
}
"""DESIGN 4, rulings C2 and C4, written out again on purpose."""

EVENTS = {
    "edit": "token.renamed",
    "deactivate": "token.deactivated",
    "reactivate": "token.reactivated",
    "revoke": "token.revoked",
    "remove": "token.removed",
}
EVERYTHING = frozenset(Capability)


def act(verb: str, token: Token, *, by: audit.Actor = SETUP) -> None:
    options = {"alias": "Renamed"} if verb == "edit" else {}
    getattr(lifecycle, verb)(token, by=by, **options)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_arrow_of_the_life_of_a_token_and_no_other(house: House, status, verb):
    """S0-32 ... S0-37, S3-13 ... S3-17, S3-20, S3-22."""
    person = make_administrator(house.merchant)
    token = put_into(house.token, status)
    before, events = stored(token), AuditEvent.objects.count()
    if (status, verb) in ARROWS:
        assert lifecycle.can(verb, token, EVERYTHING)
        act(verb, token, by=person)
        assert stored(token)["status"] == ARROWS[status, verb]
        event = AuditEvent.objects.latest("number")
        assert AuditEvent.objects.count() == events + 1
        assert (event.type, event.target, event.actor, event.entity) == (
            EVENTS[verb],
            token.key_id,
            person,
            house.merchant,
        )
    else:
        assert not lifecycle.can(verb, token, EVERYTHING)
        with pytest.raises(Refused, match=r"“Till” is \w+|This token has changed meanwhile"):
            act(verb, token, by=person)
        assert stored(token) == before
        assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_without_its_capability_is_not_offered(house: House, verb):
    token = put_into(house.token, "inactive" if verb in {"reactivate", "revoke", "remove"} else "active")
    needed = Capability(f"token.{verb}")
    assert lifecycle.can(verb, token, frozenset({needed}))
    assert not lifecycle.can(verb, token, EVERYTHING - {needed})


def test_an_active_token_must_be_deactivated_before_it_can_end(house: House):
    """S0-36, S3-15, ruling C4."""
    for verb in ["revoke", "remove"]:
        with pytest.raises(Refused, match=r"“Till” is active. Deactivate it first."):
            act(verb, house.token)


@pytest.mark.parametrize("verb", ["revoke", "remove"])
def test_the_end_of_a_token_destroys_its_digest(house: House, verb):
    """Ruling C3: the row stays for the audit trail, the secret does not."""
    token = put_into(house.token, "inactive")
    assert stored(token)["digest"]
    act(verb, token)
    row = stored(token)
    assert row["digest"] is None
    assert row["ended_at"] is not None
    assert row["last4"] == house.secret[-4:], "what is shown of it stays"


def test_the_database_itself_keeps_no_digest_of_an_ended_token(house: House):
    for status in ["revoked", "removed"]:
        with pytest.raises(IntegrityError), transaction.atomic():
            Token.objects.filter(pk=house.token.pk).update(status=status)
    with pytest.raises(IntegrityError), transaction.atomic():
        Token.objects.filter(pk=house.token.pk).update(digest=None)


def test_a_change_is_noted_with_its_time_and_its_person(house: House):
    person = make_administrator(house.merchant)
    with time_machine.travel(NOON, tick=False):
        lifecycle.deactivate(house.token, by=person, reason="Leaked")
    token = Token.objects.get(pk=house.token.pk)
    assert (token.changed_at, token.changed_by) == (NOON, person)
    assert AuditEvent.objects.latest("number").details == {"alias": "Till", "reason": "Leaked"}
    lifecycle.reactivate(token, by=SETUP)
    assert Token.objects.get(pk=token.pk).changed_by is None, "an operator has no account"


def test_what_is_fixed_at_creation_never_changes(house: House):
    """S1-22, S1-27, S3-10, rulings C7 and C8: permissions, mode, entity, kind and key ID."""
    fixed = ["scope", "mode", "entity_id", "kind", "key_id", "last4", "pepper_id", "expires_at", "created_at"]
    before = stored(house.token)
    for verb in ["edit", "deactivate", "reactivate", "deactivate", "revoke", "remove"]:
        act(verb, Token.objects.get(pk=house.token.pk))
        after = stored(house.token)
        assert {name: after[name] for name in fixed} == {name: before[name] for name in fixed}


def test_an_expired_token_cannot_be_reactivated_but_can_be_stopped_and_removed(house: House):
    token, _ = make_token(house.merchant, expires_at=NOON)
    with time_machine.travel(NOON, tick=False):
        assert lifecycle.can("deactivate", token, EVERYTHING)
        lifecycle.deactivate(token, by=SETUP)
        token = Token.objects.get(pk=token.pk)
        assert not lifecycle.can("reactivate", token, EVERYTHING)
        with pytest.raises(Refused, match=r"has expired. Create a new token"):
            lifecycle.reactivate(token, by=SETUP)
        lifecycle.remove(token, by=SETUP)


def test_only_the_alias_can_be_edited(house: House):
    """S0-31."""
    before = stored(house.token)
    lifecycle.edit(house.token, alias="Kasse 2", by=SETUP)
    after = stored(house.token)
    assert {name for name in after if after[name] != before[name]} == {"alias", "changed_at"}
    assert AuditEvent.objects.latest("number").details == {"alias": "Till", "before": "Till", "after": "Kasse 2"}


def test_the_same_alias_again_is_no_change(house: House):
    events = AuditEvent.objects.count()
    lifecycle.edit(house.token, alias="Till", by=SETUP)
    assert AuditEvent.objects.count() == events
    assert stored(house.token)["changed_at"] is None


def test_whoever_renames_what_was_renamed_meanwhile_is_told_so(house: House):
    stale = Token.objects.get(pk=house.token.pk)
    lifecycle.edit(house.token, alias="First", by=SETUP)
    events = AuditEvent.objects.count()
    with pytest.raises(Refused, match=r"has changed meanwhile. Nothing was changed now."):
        lifecycle.edit(stale, alias="Second", by=SETUP)
    assert stored(house.token)["alias"] == "First"
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("verb", ["deactivate", "revoke", "remove"])
def test_the_second_of_two_people_is_refused_and_leaves_no_event(house: House, verb):
    token = house.token if verb == "deactivate" else put_into(house.token, "inactive")
    stale = Token.objects.get(pk=token.pk)
    act(verb, token)
    events = AuditEvent.objects.count()
    with pytest.raises(Refused, match=r"“Till” is (inactive|revoked|removed) already."):
        act(verb, stale)
    assert AuditEvent.objects.count() == events


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["deactivate", "reactivate", "revoke", "remove"])
def test_without_its_audit_event_no_change_happens(house: House, verb):
    token = house.token if verb == "deactivate" else put_into(house.token, "inactive")
    before = stored(token)
    with renamed("accounts_auditevent"), pytest.raises(Error):
        act(verb, token)
    assert stored(token) == before


def test_whatever_happens_the_audit_chain_is_whole(house: House):
    for verb in ["edit", "deactivate", "reactivate", "deactivate", "revoke", "remove"]:
        act(verb, Token.objects.get(pk=house.token.pk))
    with pytest.raises(Refused):
        act("reactivate", house.token)
    stranger = make_merchant(under=make_entity(Entity.Kind.COMPANY))
    with time_machine.travel(NOON + timedelta(days=400), tick=False):
        make_token(stranger)
    assert list(audit.verify()) == []
