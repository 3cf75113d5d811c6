"""Decisions in process: what the code itself costs, without a server."""

import hashlib
from collections.abc import Hashable, Iterable
from contextlib import ExitStack
from time import perf_counter

from tests.bench.samples import Rounds, Sample
from tests.bench.stage import House, Subject, subject

QUESTIONS = {
    "keyhouse": [("decide",), ("wsgi",), ("malformed",), ("unknown", "wrong")],
    "peers": [("knox",), ("crowd",), ("api-key",), ("token",)],
}
"""What is asked of each project. The two that must take as long are asked call by call in turn."""
YARDSTICK = "yardstick"


def measure(houses: Iterable[House], *, rounds: int, seconds: float) -> Rounds:
    """Return the samples of (question, tokens) for all houses; each question is asked for `seconds` in each round."""
    with ExitStack() as stack:
        subjects = [(house, stack.enter_context(subject(house))) for house in houses]
        found = [_round(subjects, seconds) for _ in range(rounds + 1)]
    return Rounds(found[1:], yardstick=YARDSTICK)  # the first one warms everything up


def _round(subjects: list[tuple[House, Subject]], seconds: float) -> dict[Hashable, Sample]:
    samples: dict[Hashable, Sample] = {YARDSTICK: _yardstick()}
    for house, asked in subjects:
        for names in QUESTIONS[house.project]:
            for name, each in asked.ask(*names, seconds=seconds).items():
                samples[name, house.tokens] = Sample(1e6 / each["p50"], each["p50"], each["p99"])
    return samples


def _yardstick() -> Sample:
    begun = perf_counter()
    for number in range(30_000):
        hashlib.sha256(b"%d" % number).hexdigest()
    took = perf_counter() - begun
    return Sample(1 / took, took * 1e6, took * 1e6)
