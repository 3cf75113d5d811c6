"""What was measured, round by round, and what is made of it: medians of the calm rounds, ratios within a round."""

import statistics
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One measurement: how many a second, and microseconds for the median and for 99 of 100."""

    rate: float
    p50: float
    p99: float


class Rounds:
    """Samples by name for each round, in which everything was measured in turn.

    Another program that wakes up on the machine falsifies a round, so only the calmer half of them counts: those in
    which the yardstick, work that is always the same, was done at the highest rate.
    """

    def __init__(self, rounds: list[dict[Hashable, Sample]], *, yardstick: Hashable) -> None:
        by_calm = sorted(rounds, key=lambda samples: samples[yardstick].rate)
        self.calm = by_calm[len(by_calm) // 2 :]
        self.all = len(rounds)

    def __contains__(self, name: Hashable) -> bool:
        return name in self.calm[0]

    def median(self, name: Hashable, what: str = "rate") -> float:
        """Return the median of `rate`, `p50` or `p99`."""
        return statistics.median(getattr(samples[name], what) for samples in self.calm)

    def ratio(self, name: Hashable, other: Hashable, what: str = "rate") -> float:
        """Return the median of the ratios that `name` had to `other` in the same round."""
        return statistics.median(getattr(each[name], what) / getattr(each[other], what) for each in self.calm)
