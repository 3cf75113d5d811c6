"""The figures beside a token: the hour that runs and the 23 before it, for exactly this token."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.factories import make_token
from tests.tokens.conftest import House, with_another_secret
from tests.tokens.questions import ask
from tokens import usage
from tokens.evidence import HOURS, REASONS, Evidence, callers_of, evidence_of, refusals_of
from tokens.gateway.authorize import FAULTY
from tokens.models import Token, UsageBucket
from tokens.verification import GOOD, NOT_ALLOWED, NOT_GOOD

NOW = datetime(2026, 11, 20, 12, 34, 56, 789, tzinfo=UTC)
HOUR = NOW.replace(minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


def used(token: Token, *, hours_ago: int, count: int = 1, caller: str = "203.0.113.9", outcome: str = GOOD) -> None:
    hour = HOUR - timedelta(hours=hours_ago)
    UsageBucket(
        token=token,
        hour=hour,
        caller=caller,
        outcome=outcome,
        count=count,
        first_at=hour + timedelta(minutes=1),
        last_at=hour + timedelta(minutes=2),
    ).save(force_insert=True)


def evidence(token: Token) -> Evidence:
    return evidence_of([token], callers=True)[token.pk]


def test_a_token_never_used_has_empty_evidence(house: House):
    found = evidence(house.token)
    assert (found.requests, found.callers, found.error_rate, found.is_in_use) == (0, 0, 0.0, False)
    assert found.hourly == [0] * 24


def test_what_is_counted_is_the_running_hour_and_the_23_before(house: House):
    """S3-4: the last 24 hours."""
    for hours_ago, count in [(24, 1_000), (23, 7), (1, 20), (0, 300)]:
        used(house.token, hours_ago=hours_ago, count=count)
    found = evidence(house.token)
    assert found.good == 327
    assert found.hourly == [7, *[0] * 21, 20, 300]


def test_refused_requests_count_as_errors_whatever_the_reason(house: House):
    """S3-4."""
    used(house.token, hours_ago=0, count=6)
    used(house.token, hours_ago=0, count=1, outcome="mode")
    used(house.token, hours_ago=3, count=1, outcome="inactive")
    found = evidence(house.token)
    assert (found.good, found.refused, found.requests, found.error_rate) == (6, 2, 8, 25.0)
    assert found.hourly[-1] == 7
    assert found.hourly[-4] == 1


def test_a_token_that_is_only_refused_is_in_use_too(house: House):
    """Somebody still presents it: that is what a confirmation must ask about."""
    used(house.token, hours_ago=5, outcome="inactive")
    assert evidence(house.token).is_in_use


def test_a_caller_is_one_however_many_hours_and_outcomes_it_has(house: House):
    for hours_ago in (0, 1, 2):
        used(house.token, hours_ago=hours_ago)
        used(house.token, hours_ago=hours_ago, outcome="mode")
    used(house.token, hours_ago=23, caller="::1")
    used(house.token, hours_ago=24, caller="::2")
    assert evidence(house.token).callers == 2


def test_nothing_of_another_token_is_told(house: House):
    other, _ = make_token(house.merchant)
    used(other, hours_ago=0, count=99)
    used(house.token, hours_ago=1, count=5)
    found = evidence_of([house.token, other])
    assert (found[house.token.pk].good, found[other.pk].good) == (5, 99)
    assert callers_of(house.token)[0]["good"] == 5


def test_however_many_tokens_there_are_it_takes_as_many_statements(house: House, django_assert_num_queries):
    tokens = [house.token, *(make_token(house.merchant)[0] for _ in range(5))]
    with django_assert_num_queries(1):
        assert set(evidence_of(tokens)) == {token.pk for token in tokens}
    with django_assert_num_queries(2):
        evidence_of(tokens, callers=True)
    assert evidence_of([]) == {}


def test_an_hour_that_turned_meanwhile_or_a_clock_ahead_counts_as_now(house: House):
    used(house.token, hours_ago=-1, count=3)
    used(house.token, hours_ago=0, count=4)
    found = evidence(house.token)
    assert found.good == 7
    assert found.hourly[-1] == 7


def test_the_points_of_the_sparkline_lie_inside_its_picture(house: House):
    used(house.token, hours_ago=23, count=1)
    used(house.token, hours_ago=0, count=10)
    points = [tuple(map(float, point.split(","))) for point in evidence(house.token).points.split()]
    assert len(points) == HOURS
    assert points[0] == (0.0, 20.0)
    assert points[-1] == (96.0, 2.0)
    assert all(0 <= x <= 96 and 2 <= y <= 22 for x, y in points)


def test_every_refusal_that_counts_on_a_token_is_told_in_words(house: House):
    """S3-4: what is no credential at all counts on nobody's row."""
    assert set(REASONS) == NOT_ALLOWED | NOT_GOOD - {"malformed"} | {FAULTY}


def test_a_wrong_secret_counts_on_the_gateway_and_not_on_the_token_whose_key_id_it_names(house: House):
    """S3-4: key IDs are public; nobody can spoil the figures of another's token with one."""
    headers = {"authorization": f"Bearer {with_another_secret(house.secret)}"}
    ask(x_keyhouse_gateway=house.gateway_secret, **headers)
    usage.flush()
    assert refusals_of(house.gateway) == [(REASONS["digest"], 1)]
    assert not evidence(house.token).is_in_use


def test_callers_are_listed_the_busiest_first_with_first_and_last_moment(house: House):
    used(house.token, hours_ago=2, count=4, caller="::1")
    used(house.token, hours_ago=1, count=4, caller="::1")
    used(house.token, hours_ago=1, count=5, caller="::2")
    used(house.token, hours_ago=1, count=9, caller="::3", outcome="mode")
    used(house.token, hours_ago=30, count=9, caller="::4")
    assert [(row["caller"], row["good"], row["refused"]) for row in callers_of(house.token)] == [
        ("::1", 8, 0),
        ("::2", 5, 0),
        ("::3", 0, 9),
    ]
    first = callers_of(house.token)[0]
    assert first["first_at"] == HOUR - timedelta(hours=2) + timedelta(minutes=1)
    assert first["last_at"] == HOUR - timedelta(hours=1) + timedelta(minutes=2)
