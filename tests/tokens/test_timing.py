"""What the time of an answer tells: nothing about which key IDs exist."""

from collections.abc import Iterator
from statistics import median
from time import perf_counter_ns

import pytest

from tests.factories import make_token
from tests.tokens.conftest import House, with_another_secret
from tokens import readers
from tokens.formats import mint, write

PAIRS, ROUNDS = 1_000, 6
ALLOWED = 0.05
"""How far apart the two medians may be: a difference that is there is in every round, noise is not."""


@pytest.fixture
def serving(transactional_db, house: House, settings) -> Iterator[House]:
    """Return the house with a few tokens, and decisions over a connection of their own, as in a server."""
    for _ in range(20):
        make_token(house.merchant)
    settings.DECISIONS_THROUGH_DJANGO = False
    readers.forget()
    yield house
    readers.forget()


def difference(house: House, one: list[str], other: list[str]) -> float:
    """Return by how much the median time of the two sorts differs, asked in turn, in the calmest of the rounds."""
    found = []
    for _ in range(ROUNDS):
        times: tuple[list[int], list[int]] = [], []
        for number in range(PAIRS):
            # Which comes first changes too: the second finds the processor's caches warmer.
            for which in (0, 1) if number % 2 else (1, 0):
                secret = (one, other)[which][number % len(one)]
                begun = perf_counter_ns()
                house.decide(secret)
                times[which].append(perf_counter_ns() - begun)
        found.append(abs(median(times[0]) / median(times[1]) - 1))
        if found[-1] < ALLOWED:
            break
    return min(found)


def test_an_unknown_key_id_takes_as_long_as_a_wrong_secret(serving: House):
    """NIST SP 800-63B on verifiers: who measures must not learn which key IDs are worth guessing at."""
    unknown = [write(mint("api", "live")) for _ in range(50)]
    wrong = [with_another_secret(serving.secret) for _ in range(50)]
    assert {serving.reason(secret) for secret in unknown} == {"unknown"}
    assert {serving.reason(secret) for secret in wrong} == {"digest"}
    assert difference(serving, unknown, wrong) < ALLOWED


def test_a_difference_that_is_there_would_be_seen(serving: House):
    """A malformed one is refused without a look at the database: that difference is everybody's to know."""
    malformed = [serving.secret[:-1] + "!"] * 50
    assert difference(serving, malformed, [serving.secret] * 50) > ALLOWED
