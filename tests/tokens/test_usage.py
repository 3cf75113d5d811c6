"""Counting: every request once, in whatever order processes write, and never at the price of a state."""

import collections
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import Error
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import SETUP, make_token, put_into
from tests.tokens.conftest import House
from tests.tokens.test_authorize_faults import renamed
from tokens import ledger, lifecycle, usage
from tokens.models import Token, UsageBucket
from tokens.usage import MOST_CALLERS, OTHER, Counter
from tokens.verification import GOOD

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERE = "203.0.113.9"


def rows(**narrowed) -> dict[tuple[int, datetime, str, str], int]:
    return {
        (row.token_id, row.hour, row.caller, row.outcome): row.count for row in UsageBucket.objects.filter(**narrowed)
    }


def row_of(token: Token) -> dict:
    """Return every column of the token as the database has it, but for when it was used."""
    found = Token.objects.get(pk=token.pk)
    columns = {field.attname: getattr(found, field.attname) for field in Token._meta.concrete_fields}
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in columns.items()} | {
        "last_used_at": None
    }


def used_at(token: Token) -> datetime | None:
    return Token.objects.get(pk=token.pk).last_used_at


def test_every_request_is_counted_once(house: House):
    counter = Counter()
    with time_machine.travel(NOON, tick=False):
        for caller, outcome, times in [(HERE, GOOD, 3), (HERE, "mode", 2), ("::1", GOOD, 1)]:
            for _ in range(times):
                counter.count(house.token.pk, caller=caller, outcome=outcome)
        assert counter.flush() == 3
    assert rows() == {
        (house.token.pk, NOON, HERE, GOOD): 3,
        (house.token.pk, NOON, HERE, "mode"): 2,
        (house.token.pk, NOON, "::1", GOOD): 1,
    }


def test_nothing_counted_is_nothing_written(house: House, django_assert_num_queries):
    counter = Counter()
    with django_assert_num_queries(0):
        assert counter.flush() == 0
    counter.count(house.token.pk, caller=HERE, outcome=GOOD)
    counter.flush()
    with django_assert_num_queries(0):
        assert counter.flush() == 0


def test_what_two_processes_count_adds_up(house: House):
    one, other = Counter(), Counter()
    with time_machine.travel(NOON, tick=False):
        for counter in [one, other, one, one, other]:
            counter.count(house.token.pk, caller=HERE, outcome=GOOD)
            counter.flush()
        one.count(house.token.pk, caller=HERE, outcome=GOOD)
        other.count(house.token.pk, caller=HERE, outcome=GOOD)
        other.flush()
        one.flush()
    assert rows() == {(house.token.pk, NOON, HERE, GOOD): 7}


steps = st.tuples(
    st.sampled_from([0, 1]), st.sampled_from([0, 1]), st.sampled_from([HERE, "::1"]), st.sampled_from([GOOD, "mode"])
)


def test_any_order_of_counting_and_writing_comes_to_the_same_sum(house: House):
    counters, expected = [Counter(), Counter()], collections.Counter()
    tokens = [house.token.pk, make_token(house.merchant)[0].pk]

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(steps | st.sampled_from([0, 1]), max_size=30))
    def play(taken: list) -> None:
        for step in taken:
            if isinstance(step, int):
                counters[step].flush()
                continue
            counter, token, caller, outcome = step
            counters[counter].count(tokens[token], caller=caller, outcome=outcome)
            expected[(tokens[token], NOON, caller, outcome)] += 1
        for counter in counters:
            counter.flush()
        assert rows() == expected

    with time_machine.travel(NOON, tick=False):
        play()


def test_threads_that_count_while_another_writes_lose_nothing(house: House):
    counter, running = Counter(), threading.Event()

    def count() -> None:
        running.wait(5)
        for _ in range(5_000):
            counter.count(house.token.pk, caller=HERE, outcome=GOOD)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    running.set()
    while any(thread.is_alive() for thread in threads):
        counter.flush()
    counter.flush()
    assert sum(rows().values()) == 20_000


def test_a_new_hour_is_a_new_row(house: House):
    counter = Counter()
    for moment in [NOON - timedelta(microseconds=1), NOON, NOON + timedelta(minutes=59, seconds=59)]:
        with time_machine.travel(moment, tick=False):
            counter.count(house.token.pk, caller=HERE, outcome=GOOD)
    counter.flush()
    assert rows() == {
        (house.token.pk, NOON - timedelta(hours=1), HERE, GOOD): 1,
        (house.token.pk, NOON, HERE, GOOD): 2,
    }


def test_the_first_and_the_last_moment_are_kept_however_late_they_are_written(house: House):
    counters = [Counter(), Counter(), Counter()]
    moments = [NOON + timedelta(minutes=minutes, microseconds=minutes) for minutes in (20, 5, 40)]
    for counter, moment in zip(counters, moments, strict=True):
        with time_machine.travel(moment, tick=False):
            counter.count(house.token.pk, caller=HERE, outcome=GOOD)
    for counter in counters:
        counter.flush()
    row = UsageBucket.objects.get()
    assert (row.first_at, row.last_at, row.count) == (moments[1], moments[2], 3)


def test_last_used_never_goes_back(house: House):
    early, late = Counter(), Counter()
    with time_machine.travel(NOON, tick=False):
        early.count(house.token.pk, caller=HERE, outcome=GOOD)
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False):
        late.count(house.token.pk, caller="::1", outcome=GOOD)
    late.flush()
    early.flush()
    assert used_at(house.token) == NOON + timedelta(minutes=1)


def test_last_used_is_known_to_ten_seconds(house: House):
    """Each note is one more version of the row that every decision reads."""
    counter, noted = Counter(), []
    for seconds in (0, 9, 11, 30):
        with time_machine.travel(NOON + timedelta(seconds=seconds), tick=False):
            counter.count(house.token.pk, caller=HERE, outcome=GOOD)
            counter.flush()
            noted.append((used_at(house.token) - NOON).seconds)
    assert noted == [0, 0, 11, 30]
    assert sum(rows().values()) == 4, "the counts are exact all the same"


def test_a_refused_request_is_no_use(house: House):
    counter = Counter()
    counter.count(house.token.pk, caller=HERE, outcome="inactive")
    counter.flush()
    assert used_at(house.token) is None
    assert sum(rows().values()) == 1


@pytest.mark.parametrize("status", ["inactive", "revoked", "removed"])
def test_writing_counts_brings_no_token_back(house: House, status):
    """A token stopped between its last request and the next flush stays as it is, in every column."""
    counter = Counter()
    counter.count(house.token.pk, caller=HERE, outcome=GOOD)
    put_into(house.token, status)
    before = row_of(house.token)
    counter.flush()
    assert row_of(house.token) == before
    assert used_at(house.token) is not None


@pytest.mark.django_db(transaction=True)
def test_writing_counts_while_a_token_is_switched_off_and_on_changes_no_state(house: House):
    counter, stop = Counter(), threading.Event()
    failures = []

    def write() -> None:
        try:
            while not stop.is_set():
                counter.count(house.token.pk, caller=HERE, outcome=GOOD)
                counter.flush()
        except Error as error:
            failures.append(error)
        finally:
            usage.connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(25):
            lifecycle.deactivate(house.token, by=SETUP)
            assert row_of(house.token)["status"] == "inactive"
            lifecycle.reactivate(Token.objects.get(pk=house.token.pk), by=SETUP)
            assert row_of(house.token)["status"] == "active"
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert used_at(house.token) is not None


@pytest.mark.django_db(transaction=True)
def test_counts_that_cannot_be_written_are_kept(house: House):
    counter = Counter()
    with time_machine.travel(NOON, tick=False):
        counter.count(house.token.pk, caller=HERE, outcome=GOOD)
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False), renamed("tokens_usagebucket"):
        with pytest.raises(Error):
            counter.flush()
        counter.count(house.token.pk, caller=HERE, outcome=GOOD, gateway=house.gateway.pk, begun=time.time() - 0.002)
        counter.count(house.token.pk, caller=HERE, outcome="mode")
        with pytest.raises(Error):
            counter.flush()
    assert rows() == {}
    assert counter.has_more
    assert ledger.figures() == {}
    assert used_at(house.token) is used_at(house.gateway) is None, (
        "the counts and the last use are written together or not at all"
    )
    assert counter.flush() == 2
    assert rows() == {(house.token.pk, NOON, HERE, GOOD): 2, (house.token.pk, NOON, HERE, "mode"): 1}
    row = UsageBucket.objects.get(outcome=GOOD)
    assert (row.first_at, row.last_at) == (NOON, NOON + timedelta(minutes=1))
    assert used_at(house.token) == used_at(house.gateway) == NOON + timedelta(minutes=1)
    figures = ledger.figures()
    assert figures.pop("decision_seconds sum") == pytest.approx(0.002, rel=0.01)
    assert figures == {"usage_flush_failures": 2, "decision_seconds 0.0025": 1}
    assert not counter.has_more


@pytest.mark.django_db(transaction=True)
def test_a_failure_in_the_thread_that_writes_is_logged_and_keeps_the_counts(house: House, caplog):
    counter = Counter()
    counter.count(house.token.pk, caller=HERE, outcome=GOOD)
    with renamed("tokens_usagebucket"):
        counter._quietly(counter.flush)
    assert "the counts are kept" in caplog.text
    counter._quietly(counter.flush)
    assert sum(rows().values()) == 1


def test_beyond_the_cap_callers_are_counted_together(house: House):
    counter, many = Counter(), MOST_CALLERS + 44
    with time_machine.travel(NOON, tick=False):
        for _ in range(2):
            for number in range(many):
                counter.count(house.token.pk, caller=f"10.0.{number // 256}.{number % 256}", outcome=GOOD)
            counter.flush()
    counted = rows()
    assert len(counted) == MOST_CALLERS + 1
    assert counted[(house.token.pk, NOON, OTHER, GOOD)] == 2 * 44
    assert sum(counted.values()) == 2 * many


def test_the_cap_is_for_each_token_and_hour(house: House):
    counter = Counter()
    other, _ = make_token(house.merchant)
    for hours in range(2):
        with time_machine.travel(NOON + timedelta(hours=hours), tick=False):
            for number in range(MOST_CALLERS + 1):
                counter.count(house.token.pk, caller=str(number), outcome=GOOD)
            counter.count(other.pk, caller="late", outcome=GOOD)
            counter.flush()
    assert sum(rows(caller=OTHER).values()) == 2
    assert sum(rows(caller="late").values()) == 2
    assert len(counter._callers) == 2, "those of the hour before are forgotten"
