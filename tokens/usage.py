"""Counting: in memory on the decision's path, written once a second by a thread of each worker (DESIGN 6).

A synchronous UPDATE on every request would put every decision behind the one writer (measured: -67 %); this costs a
few per cent. A crash loses at most the last second of counts, never a decision. A flush that fails keeps its counts
for the next one.
"""

import atexit
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from operator import itemgetter
from time import time
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from tokens.models import DecisionTotal
from tokens.verification import GOOD

logger = logging.getLogger(__name__)

MOST_CALLERS = 256
"""Addresses counted apart for one token and hour in one worker; the rest count as OTHER. Bounds rows, not counts."""
OTHER = "other"

Key = tuple[int, int, str, str]
"""Token, hour (since 1970), caller, outcome. Token 0: something that was none."""


@dataclass(slots=True)
class Tally:
    count: int
    first: float
    last: float


class Counter:
    """The counts of one process that are not written yet, and the thread that writes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._tallies: dict[Key, Tally] = {}
        self._callers: dict[tuple[int, int], set[str]] = {}
        self._thread: threading.Thread | None = None

    def count(self, token: int | None, *, caller: str, outcome: str) -> None:
        """Note that the token with this primary key was presented once, now, by `caller`, with `outcome`.

        None stands for something that is no token: it counts in the total of its outcome and nowhere else.
        """
        now = time()
        hour = int(now // 3600)
        key = (token, hour, caller, outcome) if token else (0, 0, "", outcome)
        with self._lock:
            tally = self._tallies.get(key) or self._tally_anew(key, now)
            tally.count += 1
            tally.last = now
        if self._thread is None and settings.USAGE_FLUSH_SECONDS > 0:
            self._start()

    def flush(self) -> int:
        """Write what was counted since the last flush; return how many buckets that touched. A failure keeps all."""
        with self._flushing:
            with self._lock:
                batch, self._tallies = self._tallies, {}
            if not batch:
                return 0
            try:
                _write(batch)
            except Exception:
                self._put_back(batch)
                raise
            self._forget_old_callers()
            return len(batch)

    def _tally_anew(self, key: Key, now: float) -> Tally:
        token, hour, caller, outcome = key
        if token:
            callers = self._callers.setdefault((token, hour), set())
            if caller not in callers and len(callers) >= MOST_CALLERS:
                key = (token, hour, OTHER, outcome)
            else:
                callers.add(caller)
        return self._tallies.setdefault(key, Tally(0, now, now))

    def _forget_old_callers(self) -> None:
        hour = int(time() // 3600)
        with self._lock:
            for key in [key for key in self._callers if key[1] < hour]:
                del self._callers[key]

    def _put_back(self, batch: dict[Key, Tally]) -> None:
        with self._lock:
            for key, old in batch.items():
                new = self._tallies.setdefault(key, old)
                if new is not old:
                    new.count += old.count
                    new.first = min(new.first, old.first)

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="keyhouse-usage", daemon=True)
        # granian ends its workers through multiprocessing, which runs finalizers but nothing of atexit.
        Finalize(None, self._quietly, args=(self.flush,), exitpriority=10)
        atexit.register(self._quietly, self.flush)
        self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        pruned_in = -1
        while not pause.wait(settings.USAGE_FLUSH_SECONDS):
            hour = int(time() // 3600)
            self._quietly(self.flush)
            if hour != pruned_in:
                self._quietly(prune)
                pruned_in = hour

    def _quietly(self, work: Callable[[], int]) -> None:
        try:
            work()
        except Exception:
            # A count that cannot be written now must never cost a decision; it is written with the next flush.
            logger.warning("Usage could not be written; the counts are kept.", exc_info=True)
            connection.close()


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
PRUNED_AT_ONCE = 1_000
ANY_OLD = "SELECT 1 FROM tokens_usagebucket WHERE hour < %s LIMIT 1"
PRUNE = f"""
DELETE FROM tokens_usagebucket
 WHERE id IN (SELECT id FROM tokens_usagebucket WHERE hour < %s ORDER BY id LIMIT {PRUNED_AT_ONCE})
"""  # noqa: S608  put together from literals


def _write(batch: dict[Key, Tally]) -> None:
    # In the order of the keys: two workers that flush at once lock the rows in one order and cannot deadlock.
    hours = {hour: _moment(hour * 3600) for (_token, hour, _caller, _outcome) in batch}
    buckets = [
        (token, hours[hour], caller, outcome, tally.count, _moment(tally.first), _moment(tally.last))
        for (token, hour, caller, outcome), tally in sorted(batch.items(), key=itemgetter(0))
        if token
    ]
    used = [(token, _moment(last)) for token, last in sorted(_last_use(batch).items())]
    totals: dict[str, int] = {}
    for (_token, _hour, _caller, outcome), tally in batch.items():
        totals[outcome] = totals.get(outcome, 0) + tally.count
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(UPSERT.format(rows=_ROWS[connection.vendor]), [json.dumps(buckets, default=str)])
        cursor.execute(TOUCH.format(used=_USED[connection.vendor]), [json.dumps(used, default=str)])
        cursor.executemany(ADD_UP, sorted(totals.items()))


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


def _last_use(batch: dict[Key, Tally]) -> dict[int, float]:
    last: dict[int, float] = {}
    for (token, _hour, _caller, outcome), tally in batch.items():
        if outcome == GOOD:
            last[token] = max(tally.last, last.get(token, 0.0))
    return last


def _moment(seconds: float) -> Any:
    return connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(seconds, UTC))


_counter = Counter()
count = _counter.count
flush = _counter.flush


def totals() -> list[tuple[str, int]]:
    """Return (outcome, how many decisions had it) since the beginning, on all workers together."""
    return list(DecisionTotal.objects.order_by("outcome").values_list("outcome", "count"))
