"""Counting what HMAC keys do: per key, hour, gateway and outcome, in memory first, at no cost to a key's state."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import Error

from tests.factories import SETUP, make_gateway
from tests.tokens.keys.conftest import House
from tests.tokens.keys.messages import about, sign, verify
from tests.tokens.test_authorize_faults import renamed
from tests.tokens.test_usage import NOON
from tokens import ledger, usage
from tokens.keys import lifecycle
from tokens.models import DecisionTotal, SharedKey, SignatureBucket, Token, UsageBucket
from tokens.usage import Counter

PRIMARY, SECONDARY = "hmac_primary", "hmac_secondary"


def rows() -> dict[tuple, int]:
    return {(row.key.key_id, row.hour, row.caller, row.outcome): row.count for row in SignatureBucket.objects.all()}


def stored(key: SharedKey) -> dict:
    """Return every column of the key as the database has it, but for when it was used."""
    row = SharedKey.objects.filter(pk=key.pk).values().get()
    return row | {"last_used_at": None, "ciphertext": row["ciphertext"] and bytes(row["ciphertext"])}


def used_at(key: SharedKey):
    return SharedKey.objects.get(pk=key.pk).last_used_at


def test_signing_counts_for_every_key_and_verifying_for_the_one_that_holds(house: House):
    """S4-19: the evidence that nobody uses the old key any more."""
    other, other_secret = make_gateway()
    first, second, caller = house.key(PRIMARY).key_id, house.key(SECONDARY).key_id, house.gateway.key_id
    with time_machine.travel(NOON, tick=False):
        signed = sign(house).told
        sign(house, gateway=other_secret)
        last = signed | {"webhook-signature": signed["webhook-signature"].split(" ")[1]}
        assert verify(house, last)["slot"] == SECONDARY
        usage.flush()
    assert rows() == {
        (first, NOON, caller, "signed"): 1,
        (second, NOON, caller, "signed"): 1,
        (first, NOON, other.key_id, "signed"): 1,
        (second, NOON, other.key_id, "signed"): 1,
        (second, NOON, caller, "verified"): 1,
    }
    assert used_at(house.key(PRIMARY)) == used_at(house.key(SECONDARY)) == NOON
    assert Token.objects.get(pk=house.gateway.pk).last_used_at == NOON
    assert not UsageBucket.objects.exists()
    assert not DecisionTotal.objects.exists(), "a signature is no decision"


def test_what_was_not_believed_or_not_signed_is_no_use(house: House):
    signed = sign(house).told
    usage._counter.__init__()
    verify(house, signed, b"another")
    verify(house, signed | {"webhook-timestamp": "1"})
    sign(house, webhook_id="a.b")
    sign(house, query=about(house.sibling))
    assert usage.flush() == 0
    verify(house, signed)
    verify(house, signed)
    usage.flush()
    assert list(rows().values()) == [1], "nor is a replay"
    assert used_at(house.key("encryption")) is None


def test_what_two_processes_count_adds_up_whenever_they_write(house: House):
    one, other, key = Counter(), Counter(), house.key(PRIMARY)
    for minutes, counter in [(20, one), (5, other), (40, one), (70, other)]:
        with time_machine.travel(NOON + timedelta(minutes=minutes), tick=False):
            counter.count_signature(key.pk, caller="edge", outcome="signed", gateway=house.gateway.pk)
    assert (other.flush(), one.flush(), one.flush()) == (2, 1, 0)
    first, second = SignatureBucket.objects.order_by("hour")
    assert (first.hour, first.count, second.hour, second.count) == (NOON, 3, NOON + timedelta(hours=1), 1)
    assert (first.first_at, first.last_at) == (NOON + timedelta(minutes=5), NOON + timedelta(minutes=40))
    assert used_at(key) == NOON + timedelta(minutes=70)


@pytest.mark.parametrize("verb", [lifecycle.revoke, lifecycle.renew])
def test_writing_counts_brings_no_key_back(house: House, verb):
    """S4-16: a key that ended between its last use and the next flush stays as it is, in every column."""
    counter, key = Counter(), house.key(PRIMARY)
    counter.count_signature(key.pk, caller="edge", outcome="signed", gateway=house.gateway.pk)
    verb(key, by=SETUP)
    before = stored(key)
    counter.flush()
    assert stored(key) == before
    assert before["status"] == "revoked"
    assert used_at(key) is not None


@pytest.mark.django_db(transaction=True)
def test_counts_that_cannot_be_written_are_kept(house: House):
    counter, key = Counter(), house.key(PRIMARY)
    counter.count_signature(key.pk, caller="edge", outcome="signed", gateway=house.gateway.pk)
    counter.count(None, caller="x", outcome="malformed")
    with renamed("tokens_signaturebucket"):
        with pytest.raises(Error):
            counter.flush()
        counter.count_signature(key.pk, caller="edge", outcome="signed", gateway=house.gateway.pk)
        with pytest.raises(Error):
            counter.flush()
    assert not DecisionTotal.objects.exists(), "all of it or nothing"
    assert counter.flush() == 2
    assert list(rows().values()) == [2]
    assert not counter.has_more


def test_threads_that_count_while_another_writes_lose_nothing(house: House):
    counter, key, running = Counter(), house.key(PRIMARY), threading.Event()

    def count() -> None:
        running.wait(5)
        for _ in range(2_000):
            counter.count_signature(key.pk, caller="edge", outcome="signed", gateway=house.gateway.pk)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    running.set()
    while any(thread.is_alive() for thread in threads):
        counter.flush()
    counter.flush()
    assert sum(rows().values()) == 8_000


def test_old_counts_are_deleted_with_those_of_tokens(house: House):
    counter, key = Counter(), house.key(PRIMARY)
    for days in (0, settings.USAGE_KEEP_DAYS, settings.USAGE_KEEP_DAYS + 1):
        with time_machine.travel(NOON + timedelta(days=days), tick=False):
            counter.count_signature(key.pk, caller="edge", outcome="signed", gateway=house.gateway.pk)
    counter.flush()
    with time_machine.travel(NOON + timedelta(days=settings.USAGE_KEEP_DAYS + 1), tick=False):
        assert ledger.prune() == 1
        assert ledger.prune() == 0
    assert len(rows()) == 2
