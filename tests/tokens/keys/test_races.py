"""People who act on the same slots in the same moment: a slot ends with one key, and it is one that works."""

import random
import secrets
import time
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import Error

from accounts import audit
from accounts.models import AuditEvent
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP
from tests.tokens.keys.conftest import House
from tests.tokens.keys.messages import accepts, sign, verify
from tests.tokens.test_lifecycle_races import PEOPLE, all_at_once
from tokens import vault
from tokens.keys import lifecycle
from tokens.keys.slots import PAIRS, SLOTS
from tokens.models import SharedKey, Token
from tokens.verification import reason_for

pytestmark = pytest.mark.django_db(transaction=True)
each_slot = pytest.mark.parametrize("name", SLOTS)
ROUNDS = 12
"""Verbs of each person in the storm."""


def rows(house: House, slot: str) -> list[str]:
    """Return the status of every row that was ever in this slot of the merchant, live."""
    found = [model.objects.filter(entity=house.merchant, slot=slot, mode="live") for model in (SharedKey, Token)]
    return sorted(status for each in found for status in each.values_list("status", flat=True))


def works(house: House, slot: str, secret: str) -> bool:
    """Whether `secret` is what now fills the slot."""
    if slot in SharedKey.Slot.values:
        return lifecycle.read(house.key(slot), by=SETUP) == secret
    return reason_for(secret) == "good"


@each_slot
def test_an_empty_slot_that_several_fill_at_once_gets_one_key(house: House, name):
    """S4-11, C5: one per slot."""
    lifecycle.revoke(house.key(name), by=SETUP)
    made = AuditEvent.objects.filter(type="key.created").count()
    done, refused = all_at_once(lambda: lifecycle.create(house.merchant, SLOTS[name], mode="live", by=SETUP))
    assert (len(done), len(refused)) == (1, PEOPLE - 1)
    assert all("is filled already" in str(refusal) for refusal in refused)
    assert rows(house, name) == ["active", "revoked"]
    assert works(house, name, done[0][1])
    assert AuditEvent.objects.filter(type="key.created").count() == made + 1


@each_slot
def test_a_key_that_several_renew_at_once_is_renewed_once(house: House, name):
    """S4-13: the losers must not kill the key that the winner was just shown."""
    loaded = [house.key(name) for _ in range(PEOPLE)]
    done, refused = all_at_once(lambda: lifecycle.renew(loaded.pop(), by=SETUP))
    assert (len(done), len(refused)) == (1, PEOPLE - 1)
    assert rows(house, name) == ["active", "revoked"]
    assert works(house, name, done[0][1])
    assert AuditEvent.objects.filter(type="key.renewed").count() == 1


@each_slot
def test_a_key_that_several_end_at_once_ends_once(house: House, name):
    """S4-16, C4: two events, not eight."""
    loaded = [house.key(name) for _ in range(PEOPLE)]
    done, refused = all_at_once(lambda: lifecycle.revoke(loaded.pop(), by=SETUP))
    assert (len(done), len(refused)) == (1, PEOPLE - 1)
    assert rows(house, name) == ["revoked"]
    assert AuditEvent.objects.filter(type__in=["key.deactivated", "key.revoked"]).count() == 2


def test_promotion_by_several_at_once_swaps_as_often_as_it_says(house: House):
    """S4-22: no key gets lost on the way, and each opens where it then stands."""
    before = {name: house.key(name) for name in SLOTS}
    done, refused = all_at_once(lambda: lifecycle.promote(house.merchant, mode="live", by=SETUP))
    assert (len(done), refused) == (PEOPLE, [])
    assert {name: house.key(name) for name in SLOTS} == before, "an even number of swaps"
    for name in ("hmac_primary", "hmac_secondary"):
        assert works(house, name, house.secrets[name])


class Storm:
    """What one person does to the slots: any verb on any key, one after the other."""

    def __init__(self, house: House, seed: int) -> None:
        self._merchant = house.merchant
        self._chance = random.Random(seed)

    def run(self) -> Counter:
        """Return how often each verb was done or refused, and every fault."""
        outcomes: Counter = Counter()
        for _ in range(ROUNDS):
            verb = self._chance.choice(["create", "renew", "promote", "revoke", "renew"])
            try:
                self._act(verb)
                outcomes[verb] += 1
            except Refused:
                outcomes["refused"] += 1
            except Error as fault:
                outcomes[repr(fault)] += 1
        return outcomes

    def _act(self, verb: str) -> None:
        if verb == "create":
            lifecycle.create(self._merchant, SLOTS[self._chance.choice([*SLOTS])], mode="live", by=SETUP)
        elif verb == "promote":
            lifecycle.promote(self._merchant, mode="live", by=SETUP)
        else:
            keys = list(lifecycle.keys_of(self._merchant, "live").values())
            if not keys:
                raise Refused("nothing to do")
            getattr(lifecycle, verb)(self._chance.choice(keys), by=SETUP)


def weather(house: House, meanwhile: Callable[[], object] = lambda: time.sleep(0.01)) -> Counter:
    """Let several people storm at once, and call `meanwhile` until they are done; return their outcomes."""
    with Elsewhere(PEOPLE) as elsewhere:
        started = [elsewhere.start(Storm(house, seed).run) for seed in range(PEOPLE)]
        while not all(each.done() for each in started):
            meanwhile()
        return sum((each.result() for each in started), Counter())


def test_everything_at_once_leaves_each_slot_with_at_most_one_key_that_works(house: House):
    """S4-11 ... S4-22: no deadlock, nothing half done, and the log tells just what was done."""
    before = Counter(AuditEvent.objects.values_list("type", flat=True))
    outcomes = weather(house)
    told = Counter(AuditEvent.objects.values_list("type", flat=True)) - before
    assert set(outcomes) <= {"create", "renew", "promote", "revoke", "refused"}, outcomes
    assert outcomes.total() == PEOPLE * ROUNDS
    for verb, event in [("create", "created"), ("renew", "renewed"), ("promote", "promoted"), ("revoke", "revoked")]:
        assert told[f"key.{event}"] == outcomes[verb]
    check_slots(house)


def test_the_vaults_key_changes_while_the_slots_do(house: House, settings):
    """S4-5: whoever renews or promotes and whoever encrypts anew never undo each other's work."""
    done = []

    def rotate() -> None:
        settings.VAULT_KEYS = settings.VAULT_KEYS | {vault.newest() + 1: secrets.token_bytes(32)}
        done.extend(vault.rotate(by=SETUP))

    outcomes = weather(house, rotate)
    assert set(outcomes) <= {"create", "renew", "promote", "revoke", "refused"}, outcomes
    assert sum(each.done for each in done) > 0
    assert [each.unreadable for each in done if each.unreadable] == []
    rotate()
    assert vault.waiting() == 0
    settings.VAULT_KEYS = {vault.newest(): settings.VAULT_KEYS[vault.newest()]}
    check_slots(house)


def check_slots(house: House) -> None:
    """Each slot has one key or none; each key opens; what signs is what stands in the HMAC slots; the log is whole."""
    keys = lifecycle.keys_of(house.merchant, "live")
    for name in SLOTS:
        assert rows(house, name).count("active") == (name in keys)
    assert not SharedKey.objects.filter(slot="").exists(), "nobody is left between two slots"
    values = {name: lifecycle.read(key, by=SETUP) for name, key in keys.items() if isinstance(key, SharedKey)}
    hmacs = [value for name, value in sorted(values.items()) if name in {*PAIRS, *PAIRS.values()}]
    if hmacs:
        signed = sign(house).told
        assert all(accepts(value, signed) for value in hmacs)
        assert len(signed["webhook-signature"].split(" ")) == len(hmacs)
    assert list(audit.verify()) == []


def test_a_message_that_several_workers_verify_at_once_is_good_once(house: House):
    """S4-3: the database decides, whichever process or machine asks."""
    for _ in range(5):
        signed = sign(house).told
        done, refused = all_at_once(lambda signed=signed: verify(house, signed).get("reason", "valid"))
        assert (sorted(done), refused) == (["replay"] * (PEOPLE - 1) + ["valid"], [])
