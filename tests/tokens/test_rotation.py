"""Rotation (ruling C10): one token gives way to another, and at no moment is there none that works."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.refusals import Refused
from tests.factories import SETUP, make_administrator, make_token, put_into
from tests.reading import client_of, main_of
from tests.tokens.conftest import House, stored
from tokens import lifecycle, rotation
from tokens.models import Token
from tokens.verification import GOOD

HOUR = timedelta(hours=1)
PRESETS = ("alias", "description", "kind", "mode", "scope", "networks", "entity")


def fresh(token: Token) -> Token:
    return Token.objects.get(pk=token.pk)


def rotate(house: House, **options) -> tuple[Token, str]:
    return rotation.rotate(fresh(house.token), by=SETUP, **{"overlap": HOUR} | options)


def events(token: Token) -> list[str]:
    return list(AuditEvent.objects.filter(target=token.key_id).order_by("number").values_list("type", flat=True))


def test_the_successor_has_the_same_presets_and_another_secret(house: House):
    """C10, S3-8, S0-40."""
    options = {"permissions": frozenset({"customer.view"}), "networks": "192.0.2.0/24", "mode": "test"}
    token, secret = make_token(house.merchant, alias="Till", description="Front desk", **options)
    successor, new = rotation.rotate(token, overlap=HOUR, by=SETUP)
    assert new != secret
    assert successor.replaces == token
    for field in PRESETS:
        assert getattr(fresh(successor), field) == getattr(token, field), field
    assert fresh(token).alias == "Till (old)"
    asked = {"mode": "test", "caller": "192.0.2.7"}
    assert house.reason(new, **asked) == house.reason(secret, **asked) == GOOD


@pytest.mark.parametrize("overlap", [HOUR, timedelta(days=1), timedelta(days=7)])
def test_the_clock_ends_the_overlap_exactly(house: House, overlap):
    """C10: nobody and no job has to end it."""
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        _, new = rotate(house, overlap=overlap)
    for moment, reason in [
        (now, GOOD),
        (now + overlap - timedelta(microseconds=1), GOOD),
        (now + overlap, "expired"),
        (now + overlap + timedelta(days=400), "expired"),
    ]:
        with time_machine.travel(moment, tick=False):
            assert house.reason() == reason, moment
            assert house.reason(new) == GOOD, moment


def test_without_an_overlap_the_old_token_stops_at_once(house: House):
    _, new = rotate(house, overlap=timedelta(0))
    assert (house.reason(), house.reason(new)) == ("expired", GOOD)
    assert fresh(house.token).state == "expired"


def test_until_somebody_confirms_both_work(house: House):
    _, new = rotate(house, overlap=None)
    with time_machine.travel(timezone.now() + timedelta(days=4000)):
        assert house.reason() == house.reason(new) == GOOD
    assert fresh(house.token).state == "retiring"
    rotation.end(fresh(house.token), by=SETUP)
    assert (house.reason(), house.reason(new)) == ("expired", GOOD)


def test_an_overlap_never_outlives_the_tokens_own_expiry(house: House):
    expires = timezone.now() + HOUR
    token, _ = make_token(house.merchant, expires_at=expires)
    rotation.rotate(token, overlap=timedelta(days=7), by=SETUP)
    assert fresh(token).expires_at == expires
    rotation.extend(fresh(token), overlap=timedelta(days=7), by=SETUP)
    assert fresh(token).expires_at == expires


def test_the_successor_lives_as_long_from_now_as_the_old_one_did(house: House):
    token, _ = make_token(house.merchant, expires_at=timezone.now() + timedelta(days=90))
    with time_machine.travel(timezone.now() + timedelta(days=60)):
        successor, _ = rotation.rotate(fresh(token), overlap=HOUR, by=SETUP)
        assert abs(successor.expires_at - timezone.now() - timedelta(days=90)) < timedelta(seconds=10)


def test_an_overlap_is_extended_from_now(house: House):
    rotate(house)
    rotation.extend(fresh(house.token), overlap=timedelta(days=1), by=SETUP)
    assert abs(fresh(house.token).expires_at - timezone.now() - timedelta(days=1)) < timedelta(seconds=10)
    rotation.extend(fresh(house.token), overlap=None, by=SETUP)
    assert fresh(house.token).expires_at is None
    assert events(house.token)[-2:] == ["token.overlap_changed"] * 2


def test_a_rotation_is_called_off(house: House):
    """The old token works on as before; nobody keeps a second one that works."""
    before = stored(house.token)
    successor, new = rotate(house)
    rotation.cancel(fresh(house.token), by=SETUP)
    after = stored(house.token)
    assert {name for name in after if after[name] != before[name]} == {"changed_at"}, "its name too is as before"
    assert (house.reason(), house.reason(new)) == (GOOD, "inactive")
    assert events(house.token)[-1] == "token.rotation_cancelled"
    assert events(successor)[-1] == "token.deactivated"
    rotate(house)  # and may be rotated once more
    assert fresh(house.token).state == "retiring"


@pytest.mark.parametrize("ending", ["deactivate", "condemn"])
def test_without_a_successor_that_works_the_overlap_is_not_ended(house: House, ending):
    """C10: at no moment is there no token that works because somebody ended an overlap."""
    successor, _new = rotate(house)
    getattr(lifecycle, ending)(successor, by=SETUP)
    with pytest.raises(Refused, match="nothing would"):
        rotation.end(fresh(house.token), by=SETUP)
    assert house.reason() == GOOD
    rotation.cancel(fresh(house.token), by=SETUP)
    assert (house.reason(), fresh(house.token).expires_at) == (GOOD, house.token.expires_at)


def test_both_pages_say_that_the_new_token_stops_or_has_stopped(house: House):
    """C10: before the successor stops, and on the old token's page afterwards."""
    client = client_of(make_administrator(house.merchant))
    successor, _new = rotate(house)
    asked = main_of(client.get(reverse("tokens:deactivate", args=[successor.key_id])))
    assert f"It was to take the place of “{fresh(house.token).alias}”." in asked.text
    lifecycle.deactivate(successor, by=SETUP)
    page = main_of(client.get(fresh(house.token).get_absolute_url()))
    assert "The new token does not work." in page.text
    assert "Both tokens work" not in page.text
    assert "End now" not in page.text


@pytest.mark.parametrize("verb", ["extend", "end", "cancel"])
def test_after_its_end_an_overlap_is_over(house: House, verb):
    rotate(house)
    options = {"overlap": HOUR} if verb == "extend" else {}
    with time_machine.travel(timezone.now() + HOUR):
        with pytest.raises(Refused, match="overlap is over"):
            getattr(rotation, verb)(fresh(house.token), by=SETUP, **options)
        assert house.reason() == "expired"


@pytest.mark.parametrize("status", ["inactive", "revoked", "removed"])
def test_only_an_active_token_is_rotated(house: House, status):
    put_into(house.token, status)
    count = Token.objects.count()
    with pytest.raises(Refused, match="Only an active token"):
        rotate(house)
    assert Token.objects.count() == count


def test_a_retiring_token_is_not_rotated_again(house: House):
    rotate(house)
    count = Token.objects.count()
    with pytest.raises(Refused):
        rotation.rotate(house.token, overlap=HOUR, by=SETUP)  # as somebody has it who loaded it before
    assert Token.objects.count() == count


def test_the_same_form_sent_twice_rotates_once(house: House):
    person, key = make_administrator(house.merchant), uuid4()
    successor, _ = rotation.rotate(house.token, overlap=HOUR, by=person, form_key=key)
    count, written = Token.objects.count(), AuditEvent.objects.count()
    with pytest.raises(Refused):
        rotation.rotate(house.token, overlap=HOUR, by=person, form_key=key)
    assert (Token.objects.count(), AuditEvent.objects.count()) == (count, written)
    assert successor.status == Token.Status.ACTIVE


def test_each_step_is_one_event_with_its_maker(house: House):
    person = make_administrator(house.merchant)
    successor, _ = rotation.rotate(house.token, overlap=HOUR, by=person)
    rotation.end(fresh(house.token), by=person)
    assert events(house.token)[-2:] == ["token.rotated", "token.overlap_ended"]
    assert events(successor) == ["token.created"]
    rotated = AuditEvent.objects.get(type="token.rotated")
    assert (rotated.actor, rotated.details["successor"]) == (person, successor.key_id)


def test_a_retiring_token_can_still_be_stopped(house: House):
    """S2-22: a compromised token does not wait for its overlap."""
    rotate(house)
    lifecycle.deactivate(fresh(house.token), by=SETUP)
    assert house.reason() == "inactive"
    assert fresh(house.token).state == "inactive"
