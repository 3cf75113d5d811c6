"""The use of the demo's tokens: hours with the rhythm of a working day, adding up to the figures of each plan."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from math import cos, pi

from portal.demo.plans import Plan
from portal.demo.world import World
from tokens.evidence import HOURS
from tokens.models import UsageBucket
from tokens.verification import GOOD

HOUR = timedelta(hours=1)
NIGHT = 2
"""The hour of the day, UTC, in which nightly jobs run."""
JUST_NOW = timedelta(seconds=4)
"""How long before the seed a busy token was used last."""

RHYTHMS: dict[str, Callable[[int, int], float]] = {
    "day": lambda hour, _age: 1.1 - cos((hour - 3) / HOURS * 2 * pi),
    "even": lambda _hour, _age: 1.0,
    "night": lambda hour, _age: float(hour == NIGHT),
    "rising": lambda _hour, age: 0.93**age,
    "falling": lambda _hour, age: 0.85 ** (HOURS - age),
}
"""Name -> the weight of an hour, from the hour of the day and how many hours ago it was."""


def buckets(world: World, plan: Plan) -> Iterator[UsageBucket]:
    """Yield the usage of a token of `plan`, still without the token; the last 24 hours add up to its figures."""
    for day in range(plan.history):
        hours = [_this_hour(world) - HOUR * (HOURS * day + age) for age in range(HOURS)]
        weights = [_weight(world, plan, hour, age) for age, hour in enumerate(hours)]
        busy = world.rng.uniform(0.8, 1.1) if day else 1.0
        for outcome, total in {GOOD: plan.good, **plan.refused}.items():
            for hour, count in zip(hours, spread(round(total * busy), weights), strict=True):
                yield from _bucket_per_caller(world, plan.callers, hour, outcome, count)


def _bucket_per_caller(
    world: World, callers: Sequence[str], hour: datetime, outcome: str, count: int
) -> Iterator[UsageBucket]:
    shares = spread(count, [1 / (position + 1) for position in range(len(callers))])
    for caller, share in zip(callers, shares, strict=True):
        if share:
            last = max(hour, min(hour + HOUR - JUST_NOW, world.now - JUST_NOW))
            first = hour + (last - hour) / (share + 1)
            yield UsageBucket(hour=hour, caller=caller, outcome=outcome, count=share, first_at=first, last_at=last)


def _weight(world: World, plan: Plan, hour: datetime, age: int) -> float:
    """Return how much of a day falls into `hour`; of the hour that runs, only what has run of it counts."""
    run = min(1.0, max(world.now - hour, JUST_NOW) / HOUR)  # never nothing: it may be the only hour of the rhythm
    jitter = world.rng.uniform(0.75, 1.25)
    return RHYTHMS[plan.rhythm](hour.hour, age) * jitter * run


def spread(total: int, weights: Sequence[float]) -> list[int]:
    """Return `total` in whole parts after `weights`; the parts add up to it exactly."""
    whole, passed, given, parts = sum(weights), 0.0, 0, []
    for weight in weights:
        passed += weight
        upto = round(total * passed / whole) if whole else 0
        parts.append(upto - given)
        given = upto
    return parts


def _this_hour(world: World) -> datetime:
    return world.now.replace(minute=0, second=0, microsecond=0)
