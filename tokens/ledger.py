"""What is written down of decisions and signatures: one transaction for all that a process has counted since the last.

How it is counted is in `tokens.usage`. All of it adds to what is there, so that any number of processes may write.
"""

import json
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from time import time

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from tokens import readers
from tokens.verification import GOOD

Key = tuple[int, int, str, str]
"""Token (or HMAC key), hour (since 1970), caller, outcome. Token 0: something that was none."""
USES = frozenset({GOOD, "signed", "verified"})
"""Outcomes that are a use of the credential."""
USED_SECONDS = 10
"""How exactly is known when a credential was used last. The row that every decision reads would else be written each
second, and read from the journal of the database from then on."""

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
    signatures: dict[Key, Tally] = field(default_factory=dict)
    """What HMAC keys did, by the key's own primary key; the caller is a gateway's key ID."""
    used: dict[int, float] = field(default_factory=dict)
    """When a token was used last or a gateway asked last, by primary key; those alone for whom it is to be noted."""
    times: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """How many decisions took up to each of BOUNDS, and longer than the last."""
    seconds: float = 0.0
    """How long all of them took together."""
    failures: int = 0
    """How often this could not be written."""

    def __bool__(self) -> bool:
        return bool(self.tallies or self.signatures)

    def __len__(self) -> int:
        return len(self.tallies) + len(self.signatures)

    def time(self, seconds: float) -> None:
        """Note that one decision took so long."""
        self.times[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def add(self, other: "Batch") -> None:
        """Take in what `other` holds, which was counted before."""
        for mine, others in ((self.tallies, other.tallies), (self.signatures, other.signatures)):
            for key, old in others.items():
                new = mine.setdefault(key, old)
                if new is not old:
                    new.count += old.count
                    new.first = min(new.first, old.first)
        self.used = other.used | self.used
        self.times = [one + another for one, another in zip(self.times, other.times, strict=True)]
        self.seconds += other.seconds
        self.failures += other.failures


_ROWS = {
    "sqlite": """
SELECT json_extract(value, '$[0]') AS owner, json_extract(value, '$[1]') AS hour, json_extract(value, '$[2]'),
       json_extract(value, '$[3]') AS outcome, json_extract(value, '$[4]') AS count,
       json_extract(value, '$[5]'), json_extract(value, '$[6]')
  FROM json_each(%s) WHERE true
""",
    "postgresql": """
SELECT (value->>0)::bigint AS owner, (value->>1)::timestamptz AS hour, value->>2, value->>3 AS outcome,
       (value->>4)::bigint AS count, (value->>5)::timestamptz, (value->>6)::timestamptz
  FROM jsonb_array_elements(%s::jsonb)
""",
}
"""The buckets of one flush, in one value: a statement for each would make the decisions of this process wait for the
interpreter a thousand times a second."""
UPSERT = """
INSERT INTO {buckets} ({owner}, hour, caller, outcome, count, first_at, last_at)
{rows}
ON CONFLICT ({owner}, hour, caller, outcome) DO UPDATE SET
    count = {buckets}.count + excluded.count,
    first_at = CASE WHEN excluded.first_at < {buckets}.first_at THEN excluded.first_at ELSE {buckets}.first_at END,
    last_at = CASE WHEN excluded.last_at > {buckets}.last_at THEN excluded.last_at ELSE {buckets}.last_at END
"""
SUM_UP = """
INSERT INTO tokens_usagetotal (entity_id, kind, hour, good, refused)
SELECT t.entity_id, t.kind, b.hour, SUM(CASE b.outcome WHEN 'good' THEN b.count ELSE 0 END),
       SUM(CASE b.outcome WHEN 'good' THEN 0 ELSE b.count END)
  FROM ({rows}) b JOIN tokens_token t ON t.id = b.owner
 WHERE t.entity_id IS NOT NULL
 GROUP BY t.entity_id, t.kind, b.hour ORDER BY t.entity_id, t.kind, b.hour
ON CONFLICT (entity_id, kind, hour) DO UPDATE SET
    good = tokens_usagetotal.good + excluded.good, refused = tokens_usagetotal.refused + excluded.refused
"""
LOADED = "SELECT token_id AS owner, hour, outcome, count FROM tokens_usagebucket WHERE hour >= %s"
SUMMED_HOURS = 25
"""How long sums are kept: the hours a page looks back on, and one for clocks that differ."""
_USED = {
    "sqlite": """
SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS last, json_extract(value, '$[2]') AS long_ago
  FROM json_each(%s)
""",
    "postgresql": """
SELECT t.id, (value->>1)::timestamptz AS last, (value->>2)::timestamptz AS long_ago
  FROM jsonb_array_elements(%s::jsonb) JOIN {owners} t ON t.id = (value->>0)::bigint
 ORDER BY t.id FOR NO KEY UPDATE OF t
""",
}
# Narrow and conditional: a full save() here would bring a token back that was deactivated meanwhile.
TOUCH = """
WITH used AS ({used})
UPDATE {owners} SET last_used_at = used.last FROM used
 WHERE {owners}.id = used.id AND (last_used_at IS NULL OR last_used_at < used.long_ago)
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
ANY_OLD = "SELECT 1 FROM {buckets} WHERE hour < %s LIMIT 1"
PRUNE = """
DELETE FROM {buckets} WHERE id IN (SELECT id FROM {buckets} WHERE hour < %s ORDER BY id LIMIT {at_once})
"""
TABLES = {
    "tallies": {"buckets": "tokens_usagebucket", "owner": "token_id", "owners": "tokens_token"},
    "signatures": {"buckets": "tokens_signaturebucket", "owner": "key_id", "owners": "tokens_sharedkey"},
}
"""Part of a batch -> where it is written: the tables of the buckets and of what they are about, and how these refer."""


def write(batch: Batch) -> None:
    """Add `batch` to what is there, all of it or nothing."""
    totals: dict[str, int] = {}
    for (_token, _hour, _caller, outcome), tally in batch.tallies.items():
        totals[outcome] = totals.get(outcome, 0) + tally.count
    with transaction.atomic(), connection.cursor() as cursor:
        if batch.tallies or batch.used:
            _write(cursor, batch.tallies, batch.used, TABLES["tallies"])
        if batch.signatures:
            _write(cursor, batch.signatures, last_uses(batch.signatures), TABLES["signatures"])
        cursor.executemany(ADD_UP, sorted(totals.items()))
        cursor.executemany(ADD_FIGURES, sorted(_figures(batch).items()))


def _write(cursor: CursorWrapper, tallies: dict[Key, Tally], used: dict[int, float], tables: dict[str, str]) -> None:
    """Add `tallies` to their buckets, and note of those in `used` when they were used last."""
    # In the order of the keys: two workers that flush at once lock the rows in one order and cannot deadlock.
    hours = {hour: _moment(hour * 3600) for hour in {hour for (_owner, hour, _caller, _outcome) in tallies}}
    buckets = [
        (owner, hours[hour], caller, outcome, tally.count, _moment(tally.first), _moment(tally.last))
        for (owner, hour, caller, outcome), tally in sorted(tallies.items(), key=itemgetter(0))
        if owner
    ]
    last = [(owner, _moment(at), _moment(at - USED_SECONDS)) for owner, at in sorted(used.items())]
    upsert = UPSERT.format(rows=_ROWS[connection.vendor], **tables)
    touch = TOUCH.format(used=_USED[connection.vendor].format(**tables), **tables)
    written = json.dumps(buckets)
    cursor.execute(upsert, [written])
    if tables is TABLES["tallies"]:
        cursor.execute(SUM_UP.format(rows=_ROWS[connection.vendor]), [written])
    cursor.execute(touch, [json.dumps(last)])


def _figures(batch: Batch) -> dict[str, float]:
    counted = {f"{SECONDS} {bound}": count for bound, count in zip((*BOUNDS, "more"), batch.times, strict=True)}
    found: dict[str, float] = counted | {f"{SECONDS} sum": batch.seconds, FAILURES: batch.failures}
    return {name: value for name, value in found.items() if value}


def sum_up() -> None:
    """Make the sums of the last hours anew: for who has loaded buckets in bulk, past `write`."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tokens_usagetotal")
        cursor.execute(SUM_UP.format(rows=LOADED), [_moment(time() - SUMMED_HOURS * 3600)])


def prune() -> int:
    """Delete the buckets that are older than USAGE_KEEP_DAYS, and return how many those were; and what sums are old.

    A thousand in each statement, so that nobody waits long for the one writer; none where a look finds nothing to do.
    The hour has no index: it would cost every count and mislead the sums of the last day.
    """
    oldest = _moment(time() - settings.USAGE_KEEP_DAYS * 86_400)
    deleted = 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tokens_usagetotal WHERE hour < %s", [_moment(time() - SUMMED_HOURS * 3600)])
        for tables in TABLES.values():
            cursor.execute(ANY_OLD.format(**tables), [oldest])
            more = cursor.fetchone() is not None
            while more:
                cursor.execute(PRUNE.format(at_once=PRUNED_AT_ONCE, **tables), [oldest])
                deleted += int(cursor.rowcount)
                more = cursor.rowcount == PRUNED_AT_ONCE
    return deleted


def last_uses(tallies: dict[Key, Tally]) -> dict[int, float]:
    """Return for whoever was used according to `tallies` when that was last."""
    last: dict[int, float] = {}
    for (owner, _hour, _caller, outcome), tally in tallies.items():
        if outcome in USES:
            last[owner] = max(tally.last, last.get(owner, 0.0))
    return last


def _moment(seconds: float) -> str:
    """Return a moment as its column has it. Thousands are written each second, nearly all of them in the same one."""
    whole = int(seconds)
    parts = min(round((seconds - whole) * 1_000_000), 999_999)
    return f"{_second(whole)}.{parts:06d}" if parts else _second(whole)


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    # Without a zone, as SQLite's columns have it; PostgreSQL reads it in the connection's, which Django sets to UTC.
    return str(datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None))


def totals() -> dict[str, int]:
    """Return how many decisions had each outcome, since the beginning, on all workers and machines together."""
    rows = readers.fetch("SELECT outcome, count FROM tokens_decisiontotal ORDER BY outcome")
    return {str(outcome): int(count) for outcome, count in rows}


def figures() -> dict[str, float]:
    """Return the other sums by name, likewise."""
    return {str(name): float(value) for name, value in readers.fetch("SELECT name, value FROM tokens_operatingfigure")}
