"""What is written down of decisions: one transaction for all that a process has counted since it last wrote.

How it is counted is in `tokens.usage`. All of it adds to what is there, so that any number of processes may write.
"""

import json
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from time import time
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from tokens import readers
from tokens.verification import GOOD

Key = tuple[int, int, str, str]
"""Token, hour (since 1970), caller, outcome. Token 0: something that was none."""

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
"""Seconds up to which decisions are counted together, as Prometheus' histograms have it."""
FAILURES = "usage_flush_failures"
SECONDS = "decision_seconds"


@dataclass(slots=True)
class Tally:
    count: int
    first: float
    last: float


@dataclass(slots=True)
class Batch:
    """What one process has counted and not written yet."""

    tallies: dict[Key, Tally] = field(default_factory=dict)
    gateways: dict[int, float] = field(default_factory=dict)
    """When a gateway asked last, by primary key."""
    times: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """How many decisions took up to each of BOUNDS, and longer than the last."""
    seconds: float = 0.0
    """How long all of them took together."""
    failures: int = 0
    """How often this could not be written."""

    def __bool__(self) -> bool:
        return bool(self.tallies)

    def time(self, seconds: float) -> None:
        """Note that one decision took so long."""
        self.times[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def add(self, other: "Batch") -> None:
        """Take in what `other` holds, which was counted before."""
        for key, old in other.tallies.items():
            new = self.tallies.setdefault(key, old)
            if new is not old:
                new.count += old.count
                new.first = min(new.first, old.first)
        self.gateways = other.gateways | self.gateways
        self.times = [mine + others for mine, others in zip(self.times, other.times, strict=True)]
        self.seconds += other.seconds
        self.failures += other.failures


_ROWS = {
    "sqlite": """
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[4]'),
       json_extract(value, '$[5]'), json_extract(value, '$[6]')
  FROM json_each(%s) WHERE true
""",
    "postgresql": """
SELECT (value->>0)::bigint, (value->>1)::timestamptz, value->>2, value->>3,
       (value->>4)::bigint, (value->>5)::timestamptz, (value->>6)::timestamptz
  FROM jsonb_array_elements(%s::jsonb)
""",
}
"""The buckets of one flush, in one value: a statement for each would make the decisions of this process wait for the
interpreter a thousand times a second."""
UPSERT = """
INSERT INTO tokens_usagebucket (token_id, hour, caller, outcome, count, first_at, last_at)
{rows}
ON CONFLICT (token_id, hour, caller, outcome) DO UPDATE SET
    count = tokens_usagebucket.count + excluded.count,
    first_at = CASE WHEN excluded.first_at < tokens_usagebucket.first_at
                    THEN excluded.first_at ELSE tokens_usagebucket.first_at END,
    last_at = CASE WHEN excluded.last_at > tokens_usagebucket.last_at
                   THEN excluded.last_at ELSE tokens_usagebucket.last_at END
"""
_USED = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS last FROM json_each(%s)",
    "postgresql": """
SELECT t.id, (value->>1)::timestamptz AS last
  FROM jsonb_array_elements(%s::jsonb) JOIN tokens_token t ON t.id = (value->>0)::bigint
 ORDER BY t.id FOR NO KEY UPDATE OF t
""",
}
# Narrow and conditional: a full save() here would bring a token back that was deactivated meanwhile.
TOUCH = """
WITH used AS ({used})
UPDATE tokens_token SET last_used_at = used.last FROM used
 WHERE tokens_token.id = used.id AND (last_used_at IS NULL OR last_used_at < used.last)
"""
ADD_UP = """
INSERT INTO tokens_decisiontotal (outcome, count) VALUES (%s, %s)
ON CONFLICT (outcome) DO UPDATE SET count = tokens_decisiontotal.count + excluded.count
"""
ADD_FIGURES = """
INSERT INTO tokens_operatingfigure (name, value) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET value = tokens_operatingfigure.value + excluded.value
"""
PRUNED_AT_ONCE = 1_000
ANY_OLD = "SELECT 1 FROM tokens_usagebucket WHERE hour < %s LIMIT 1"
PRUNE = f"""
DELETE FROM tokens_usagebucket
 WHERE id IN (SELECT id FROM tokens_usagebucket WHERE hour < %s ORDER BY id LIMIT {PRUNED_AT_ONCE})
"""  # noqa: S608  put together from literals


def write(batch: Batch) -> None:
    """Add `batch` to what is there, all of it or nothing."""
    # In the order of the keys: two workers that flush at once lock the rows in one order and cannot deadlock.
    hours = {hour: _moment(hour * 3600) for (_token, hour, _caller, _outcome) in batch.tallies}
    buckets = [
        (token, hours[hour], caller, outcome, tally.count, _moment(tally.first), _moment(tally.last))
        for (token, hour, caller, outcome), tally in sorted(batch.tallies.items(), key=itemgetter(0))
        if token
    ]
    used = [(token, _moment(last)) for token, last in sorted(_last_use(batch).items())]
    totals: dict[str, int] = {}
    for (_token, _hour, _caller, outcome), tally in batch.tallies.items():
        totals[outcome] = totals.get(outcome, 0) + tally.count
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(UPSERT.format(rows=_ROWS[connection.vendor]), [json.dumps(buckets, default=str)])
        cursor.execute(TOUCH.format(used=_USED[connection.vendor]), [json.dumps(used, default=str)])
        cursor.executemany(ADD_UP, sorted(totals.items()))
        cursor.executemany(ADD_FIGURES, sorted(_figures(batch).items()))


def _figures(batch: Batch) -> dict[str, float]:
    counted = {f"{SECONDS} {bound}": count for bound, count in zip((*BOUNDS, "more"), batch.times, strict=True)}
    found: dict[str, float] = counted | {f"{SECONDS} sum": batch.seconds, FAILURES: batch.failures}
    return {name: value for name, value in found.items() if value}


def prune() -> int:
    """Delete the buckets that are older than USAGE_KEEP_DAYS; return how many those were.

    A thousand in each statement, so that nobody waits long for the one writer; none where a look finds nothing to do.
    The hour has no index: it would cost every count and mislead the sums of the last day.
    """
    oldest = _moment(time() - settings.USAGE_KEEP_DAYS * 86_400)
    deleted = 0
    with connection.cursor() as cursor:
        cursor.execute(ANY_OLD, [oldest])
        more = cursor.fetchone() is not None
        while more:
            cursor.execute(PRUNE, [oldest])
            deleted += int(cursor.rowcount)
            more = cursor.rowcount == PRUNED_AT_ONCE
    return deleted


def _last_use(batch: Batch) -> dict[int, float]:
    last = dict(batch.gateways)
    for (token, _hour, _caller, outcome), tally in batch.tallies.items():
        if outcome == GOOD:
            last[token] = max(tally.last, last.get(token, 0.0))
    return last


def _moment(seconds: float) -> Any:
    return connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(seconds, UTC))


def totals() -> dict[str, int]:
    """Return how many decisions had each outcome, since the beginning, on all workers and machines together."""
    rows = readers.fetch("SELECT outcome, count FROM tokens_decisiontotal ORDER BY outcome")
    return {str(outcome): int(count) for outcome, count in rows}


def figures() -> dict[str, float]:
    """Return the other sums by name, likewise."""
    return {str(name): float(value) for name, value in readers.fetch("SELECT name, value FROM tokens_operatingfigure")}
