"""The verbs of the five slots, without a browser."""

import base64
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.lifecycle import suspend
from accounts.models import AuditEvent, Entity
from accounts.refusals import Refused
from tests.factories import SETUP
from tests.tokens.keys.conftest import House
from tokens.keys import lifecycle
from tokens.keys.slots import PAIRS, SLOTS
from tokens.models import SharedKey, Token
from tokens.verification import reason_for

each_slot = pytest.mark.parametrize("name", SLOTS)


def events(*types: str) -> list[tuple[str, str]]:
    """Return (type, key ID) of the events of these types, the oldest first."""
    return list(AuditEvent.objects.filter(type__in=types).order_by("number").values_list("type", "target"))


def values() -> list[dict]:
    """Return every column of every key, as the database has it."""
    rows = [*SharedKey.objects.order_by("pk").values(), *Token.objects.exclude(slot="").order_by("pk").values()]
    return [
        {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()} for row in rows
    ]


@each_slot
def test_a_key_is_made_for_an_empty_slot_and_works_at_once(house: House, name):
    """S4-11: status Active; live and test have slots of their own (C8)."""
    key, secret = lifecycle.create(house.sibling, SLOTS[name], mode="test", by=house.developer, note="Shop")
    assert (key.status, key.slot, key.mode, key.created_by) == ("active", name, "test", house.developer)
    assert (key.description, key.alias) == ("Shop", SLOTS[name].label)
    assert secret[:-1].endswith(key.last4[:-1]) or key.last4 in secret
    assert lifecycle.keys_of(house.sibling, "test") == {name: key}
    assert lifecycle.keys_of(house.sibling, "live") == {}
    assert events("key.created")[-1] == ("key.created", key.key_id)
    if isinstance(key, Token):
        assert reason_for(secret, mode="test") == "good"
    else:
        assert lifecycle.read(key, by=SETUP) == secret
        assert lifecycle.keys_of(house.sibling, "test")[name].last_used_at is not None


def test_the_values_have_the_form_that_other_systems_read(house: House):
    """S4-3: HMAC keys are 32 bytes as Standard Webhooks writes them, the password 24 letters and digits."""
    for name in ("hmac_primary", "hmac_secondary"):
        prefix, _underscore, text = house.secrets[name].partition("_")
        assert (prefix, len(base64.b64decode(text, validate=True))) == ("whsec", 32)
    assert (len(house.secrets["encryption"]), house.secrets["encryption"].isalnum()) == (24, True)
    assert house.secrets["rest_primary"].startswith("kh_api_live_")
    assert len(set(house.secrets.values())) == 5


@each_slot
def test_a_filled_slot_takes_no_second_key(house: House, name):
    """S4-11: Create is for an empty one."""
    before = values()
    with pytest.raises(Refused, match="is filled already"):
        lifecycle.create(house.merchant, SLOTS[name], mode="live", by=house.developer)
    assert values() == before


@each_slot
def test_renewal_kills_the_old_value_at_once(house: House, name):
    """S4-13, S4-15: another value, active; the old one is destroyed, and its row says what took its place."""
    old = house.key(name)
    new, secret = lifecycle.renew(old, by=house.developer)
    assert secret != house.secrets[name]
    assert house.key(name) == new
    assert (new.replaces, new.status) == (old, "active")
    old.refresh_from_db()
    assert (old.status, getattr(old, "ciphertext", None), getattr(old, "digest", None)) == ("revoked", None, None)
    assert events("key.renewed") == [("key.renewed", new.key_id)]
    if isinstance(old, Token):
        assert (reason_for(house.secrets[name]), reason_for(secret)) == ("revoked", "good")
    with pytest.raises(Refused, match="revoked or renewed meanwhile"):
        lifecycle.renew(old, by=house.developer)
    assert house.key(name) == new


@each_slot
def test_revocation_empties_the_slot_in_two_events(house: House, name):
    """S4-16, S4-18, C4: deactivated and irretrievably deleted; then Create is offered again."""
    old = house.key(name)
    lifecycle.revoke(old, by=house.developer, reason="switched")
    assert name not in lifecycle.keys_of(house.merchant, "live")
    assert events("key.deactivated", "key.revoked") == [("key.deactivated", old.key_id), ("key.revoked", old.key_id)]
    old.refresh_from_db()
    assert (old.status, getattr(old, "ciphertext", None), getattr(old, "digest", None)) == ("revoked", None, None)
    with pytest.raises(Refused):
        lifecycle.revoke(old, by=house.developer)
    assert len(events("key.revoked")) == 1
    held = frozenset(lifecycle.CAPABILITY.values())
    assert lifecycle.can("create", SLOTS[name], None, held=held, stopped=False)
    new, _secret = lifecycle.create(house.merchant, SLOTS[name], mode="live", by=house.developer)
    assert house.key(name) == new


def test_promotion_swaps_the_roles_and_no_value(house: House):
    """S4-22: what was secondary is primary, and the other way round; both go on working."""
    before = {name: house.key(name) for name in SLOTS}
    assert lifecycle.promote(house.merchant, mode="live", by=house.developer) == list(PAIRS)
    for primary, secondary in PAIRS.items():
        assert house.key(primary) == before[secondary]
        assert house.key(secondary) == before[primary]
        assert house.key(primary).alias == SLOTS[primary].label
    assert house.key("encryption") == before["encryption"]
    assert lifecycle.read(house.key("hmac_primary"), by=SETUP) == house.secrets["hmac_secondary"]
    assert lifecycle.read(house.key("hmac_secondary"), by=SETUP) == house.secrets["hmac_primary"]
    assert reason_for(house.secrets["rest_primary"]) == reason_for(house.secrets["rest_secondary"]) == "good"
    assert events("key.promoted") == [("key.promoted", house.merchant.entity_id)]


def test_promotion_takes_what_there_is(house: House):
    """S4-10: both secondary keys are optional."""
    lifecycle.revoke(house.key("hmac_secondary"), by=SETUP)
    lifecycle.revoke(house.key("rest_primary"), by=SETUP)
    hmac, rest = house.key("hmac_primary"), house.key("rest_secondary")
    assert lifecycle.promote(house.merchant, mode="live", by=house.developer) == ["rest_primary"]
    assert (house.key("hmac_primary"), house.key("rest_primary")) == (hmac, rest)
    assert set(lifecycle.keys_of(house.merchant, "live")) == {"encryption", "hmac_primary", "rest_primary"}
    with pytest.raises(Refused, match="no secondary key"):
        lifecycle.promote(house.merchant, mode="live", by=house.developer)


def test_a_key_is_revealed_with_an_event_each_time_and_not_more_than_ten_times_an_hour(house: House):
    """S4-1, C1."""
    key = house.key("hmac_primary")
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        for _time in range(lifecycle.MOST_REVEALS):
            assert lifecycle.reveal(key, by=house.developer) == house.secrets["hmac_primary"]
        with pytest.raises(Refused, match="10 keys within an hour"):
            lifecycle.reveal(house.key("encryption"), by=house.developer)
    assert events("key.revealed") == [("key.revealed", key.key_id)] * 10
    with time_machine.travel(start + timedelta(minutes=61), tick=False):
        assert lifecycle.reveal(house.key("encryption"), by=house.developer) == house.secrets["encryption"]


def test_a_key_that_was_renewed_meanwhile_is_not_revealed(house: House):
    """S4-15: nor does the try count."""
    old = house.key("hmac_primary")
    lifecycle.renew(old, by=SETUP)
    with pytest.raises(Refused, match="revoked or renewed meanwhile"):
        lifecycle.reveal(old, by=house.developer)
    assert events("key.revealed") == []


@pytest.mark.parametrize("verb", lifecycle.CAPABILITY)
def test_each_verb_needs_its_capability(house: House, verb):
    """S4-6: editing credentials is something of its own, and revealing them another."""
    slot = SLOTS["hmac_primary"]
    key = None if verb == "create" else house.key("hmac_primary")
    assert lifecycle.can(verb, slot, key, held=frozenset({lifecycle.CAPABILITY[verb]}), stopped=False)
    others = frozenset(lifecycle.CAPABILITY.values()) - {lifecycle.CAPABILITY[verb]} | {"key.view"}
    assert not lifecycle.can(verb, slot, key, held=others, stopped=False)


def test_a_rest_api_key_is_never_revealed(house: House):
    """C1."""
    with pytest.raises(Refused, match="shown once"):
        lifecycle.check("reveal", SLOTS["rest_primary"], house.key("rest_primary"))


def test_under_a_suspended_merchant_keys_end_but_none_begins(house: House):
    """S4-16: stopping must always be possible."""
    key = house.key("hmac_primary")
    suspend(Entity.objects.get(pk=house.merchant.pk), by=SETUP)
    before = values()
    for verb in (
        lambda: lifecycle.renew(key, by=house.developer),
        lambda: lifecycle.promote(house.merchant, mode="live", by=house.developer),
        lambda: lifecycle.create(house.merchant, SLOTS["encryption"], mode="test", by=house.developer),
    ):
        with pytest.raises(Refused, match="is suspended"):
            verb()
    assert values() == before
    lifecycle.revoke(key, by=house.developer)
    assert "hmac_primary" not in lifecycle.keys_of(house.merchant, "live")


def test_only_merchants_have_slots(house: House):
    """S4-7: per MerchantID."""
    with pytest.raises(Refused, match="belong to merchants"):
        lifecycle.create(house.channel, SLOTS["encryption"], mode="live", by=SETUP)
