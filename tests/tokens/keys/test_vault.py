"""The vault: what is sealed opens where it was put and nowhere else, and goes over to a new key without a gap."""

import copy
import random
import secrets

import pytest
from django.db import connection

from accounts import audit
from accounts.models import AuditEvent
from tests.factories import SETUP, make_merchant
from tests.tokens.keys.conftest import House
from tokens import vault
from tokens.keys import lifecycle
from tokens.keys.slots import SLOTS
from tokens.models import SharedKey

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
TRIES = 10_000
RECOVERABLE = [name for name, slot in SLOTS.items() if slot.is_recoverable]


@pytest.fixture
def both_keys(settings) -> None:
    settings.VAULT_KEYS = {1: OLD, 2: NEW}


def sealed(chance: random.Random) -> SharedKey:
    """Return a key with something sealed into it, of some merchant, slot and mode."""
    key = SharedKey(
        pk=chance.randrange(1, 10**6),
        key_id="".join(chance.choices("0123456789abcdefghijklmnop", k=16)),
        entity_id=chance.randrange(1, 10**6),
        slot=chance.choice(RECOVERABLE),
        mode=chance.choice(["live", "test"]),
    )
    vault.seal(chance.randbytes(chance.randrange(20, 60)), key)
    return key


def flip(chance: random.Random, data: bytes, start: int, end: int) -> bytes:
    """Return `data` with one bit changed between these two positions."""
    changed = bytearray(data)
    changed[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def swap_ciphertext(_chance, key: SharedKey, other: SharedKey) -> None:
    key.ciphertext = other.ciphertext


def swap_nonce(_chance, key: SharedKey, other: SharedKey) -> None:
    end = 1 + vault.NONCE
    key.ciphertext = key.ciphertext[:1] + other.ciphertext[1:end] + key.ciphertext[end:]


def swap_sealed_part(_chance, key: SharedKey, other: SharedKey) -> None:
    end = 1 + vault.NONCE
    key.ciphertext = key.ciphertext[:end] + other.ciphertext[end:]


def swap_tag(_chance, key: SharedKey, other: SharedKey) -> None:
    key.ciphertext = key.ciphertext[:-16] + other.ciphertext[-16:]


def flip_version(chance, key: SharedKey, _other) -> None:
    key.ciphertext = flip(chance, key.ciphertext, 0, 1)


def flip_nonce(chance, key: SharedKey, _other) -> None:
    key.ciphertext = flip(chance, key.ciphertext, 1, 1 + vault.NONCE)


def flip_sealed_part(chance, key: SharedKey, _other) -> None:
    key.ciphertext = flip(chance, key.ciphertext, 1 + vault.NONCE, len(key.ciphertext))


def cut_off(chance, key: SharedKey, _other) -> None:
    key.ciphertext = key.ciphertext[: chance.randrange(len(key.ciphertext))]


def lengthen(chance, key: SharedKey, _other) -> None:
    key.ciphertext += chance.randbytes(chance.randrange(1, 40))


def to_another_row(_chance, key: SharedKey, other: SharedKey) -> None:
    key.key_id = other.key_id


def to_another_merchant(_chance, key: SharedKey, other: SharedKey) -> None:
    key.entity_id = other.entity_id


def to_another_slot(chance, key: SharedKey, _other) -> None:
    key.slot = chance.choice([name for name in [*SLOTS, ""] if name != key.slot])


def to_the_other_mode(_chance, key: SharedKey, _other) -> None:
    key.mode = "test" if key.mode == "live" else "live"


def under_another_number(chance, key: SharedKey, _other) -> None:
    key.vault_key = chance.choice([0, 1, 3, 2**15 - 1])


CHANGES = [
    swap_ciphertext, swap_nonce, swap_sealed_part, swap_tag, flip_version, flip_nonce, flip_sealed_part, cut_off,
    lengthen, to_another_row, to_another_merchant, to_another_slot, to_the_other_mode, under_another_number,
]  # fmt: skip


def test_nothing_that_was_changed_or_moved_opens(both_keys, settings):
    """S4-3: 10,000 random changes of ciphertext, nonce and of all that it is bound to; number 3 is the same key."""
    settings.VAULT_KEYS = {1: OLD, 2: NEW}
    chance = random.Random(4)
    keys = [sealed(chance) for _ in range(200)]
    settings.VAULT_KEYS |= {3: NEW}
    tried = dict.fromkeys(CHANGES, 0)
    for _ in range(TRIES):
        key, other = copy.copy(chance.choice(keys)), chance.choice(keys)
        place = vault._place(key), key.ciphertext
        change = chance.choice(CHANGES)
        change(chance, key, other)
        if (vault._place(key), key.ciphertext) == place:
            continue  # it was swapped with itself
        with pytest.raises(vault.Unreadable):
            vault.open_(key)
        tried[change] += 1
    assert min(tried.values()) > TRIES / len(CHANGES) / 2
    for key in keys:
        assert vault.open_(key)


def test_the_same_value_is_sealed_differently_each_time():
    """SP 800-38D, 8: a nonce is never used twice."""
    key, seen = sealed(random.Random(1)), set()
    for _ in range(1_000):
        vault.seal(b"value", key)
        seen.add(key.ciphertext[1 : 1 + vault.NONCE])
    assert len(seen) == 1_000


def test_why_something_does_not_open_is_not_told():
    key = sealed(random.Random(1))
    key.ciphertext = flip(random.Random(2), key.ciphertext, 20, 30)
    with pytest.raises(vault.Unreadable) as raised:
        vault.open_(key)
    assert str(raised.value) == ""
    assert raised.value.__cause__ is None


def test_two_places_never_have_the_same_text():
    """What something is bound to cannot be read in two ways: no part may hold the mark between them."""
    key = sealed(random.Random(1))
    parts = vault._place(key).decode().split("|")
    assert parts == [
        "1", "tokens_sharedkey", str(key.vault_key), key.key_id, str(key.entity_id), key.slot, key.mode,
    ]  # fmt: skip


# Faults


def test_keys_that_fit_are_no_fault(house: House):
    assert vault.faults() == []


def test_without_stored_keys_any_vault_key_will_do(db, settings):
    settings.VAULT_KEYS = {7: secrets.token_bytes(32)}
    assert vault.faults() == []


def test_a_missing_and_a_wrong_key_are_told_by_number(house: House, settings):
    right = settings.VAULT_KEYS[1]
    settings.VAULT_KEYS = {1: right, 2: NEW}
    lifecycle.renew(house.key("encryption"), by=SETUP)
    assert vault.faults() == []
    settings.VAULT_KEYS = {2: NEW}
    assert vault.faults() == ["KEYHOUSE_VAULT_KEYS lacks key number 1, under which integration keys are stored."]
    settings.VAULT_KEYS = {1: right, 2: OLD}
    assert vault.faults() == ["KEYHOUSE_VAULT_KEYS holds another key as number 2 than the one that was used before."]
    settings.VAULT_KEYS = {3: NEW}
    assert len(vault.faults()) == 2


def test_one_row_that_was_tampered_with_does_not_make_the_key_a_wrong_one(house: House):
    """Else one changed byte in the database would take the whole service down."""
    SharedKey.objects.filter(pk=house.key("encryption").pk).update(ciphertext=b"\1nonsense")
    assert vault.faults() == []


def test_asking_costs_one_look_for_each_number_and_one_more(house: House, django_assert_num_queries):
    """For probes: however many keys are stored, they are looked up in the index."""
    with django_assert_num_queries(2):
        vault.faults()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # as `readers` does: the table is small here
        explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[connection.vendor]
        cursor.execute(explain + vault._FIRST % "'0'")
        assert "sharedkey_vault_key" in str(cursor.fetchall())


# Going over to a new key


def test_rotation_seals_every_key_anew_and_changes_none(house: House, settings):
    values = {name: lifecycle.read(house.key(name), by=SETUP) for name in RECOVERABLE}
    before = dict(SharedKey.objects.values_list("pk", "ciphertext"))
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: NEW}
    assert vault.waiting() == 3
    assert list(vault.rotate(by=SETUP)) == [vault.Round(3, [])]
    assert vault.waiting() == 0
    settings.VAULT_KEYS = {2: NEW}
    assert vault.faults() == []
    assert {name: lifecycle.read(house.key(name), by=SETUP) for name in RECOVERABLE} == values
    for pk, ciphertext in SharedKey.objects.values_list("pk", "ciphertext"):
        assert bytes(ciphertext) != bytes(before[pk])


def test_each_transaction_has_its_event_and_a_second_run_none(house: House, settings, monkeypatch):
    """Resumable: what is done is done, and on record, whenever it is stopped."""
    monkeypatch.setattr(vault, "BATCH", 2)
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: NEW}
    rounds = vault.rotate(by=SETUP)
    assert next(rounds) == vault.Round(2, [])
    rounds.close()
    assert vault.waiting() == 1
    assert list(vault.rotate(by=SETUP)) == [vault.Round(1, [])]
    assert list(vault.rotate(by=SETUP)) == []
    events = AuditEvent.objects.filter(type="key.reencrypted").order_by("number")
    assert [event.details for event in events] == [{"keys": 2, "vault_key": 2}, {"keys": 1, "vault_key": 2}]
    assert {(event.actor_label, event.entity) for event in events} == {("test setup", None)}
    assert list(audit.verify()) == []


def test_a_row_that_does_not_open_is_left_and_keeps_nobody_up(house: House, settings, monkeypatch):
    monkeypatch.setattr(vault, "BATCH", 1)
    broken = house.key("encryption")
    SharedKey.objects.filter(pk=broken.pk).update(ciphertext=b"\1nonsense")
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: NEW}
    rounds = list(vault.rotate(by=SETUP))
    assert [each.done for each in rounds] == [0, 1, 1]
    assert rounds[0].unreadable == [broken.key_id]
    row = SharedKey.objects.get(pk=broken.pk)
    assert (bytes(row.ciphertext), row.vault_key) == (b"\1nonsense", 1)
    assert AuditEvent.objects.filter(type="key.reencrypted").count() == 2


def test_what_was_destroyed_stays_destroyed(house: House, settings):
    """S4-16."""
    gone = house.key("hmac_primary")
    lifecycle.revoke(gone, by=SETUP)
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: NEW}
    assert list(vault.rotate(by=SETUP)) == [vault.Round(2, [])]
    row = SharedKey.objects.get(pk=gone.pk)
    assert (row.ciphertext, row.vault_key, row.status) == (None, 1, "revoked")


def test_new_keys_are_sealed_under_the_highest_number(db, settings):
    settings.VAULT_KEYS = {3: NEW, 12: OLD, 1: NEW}
    key, _ = lifecycle.create(make_merchant(), SLOTS["encryption"], mode="live", by=SETUP)
    assert key.vault_key == 12
