"""Counting: in memory on the decision's path, written once a second by a thread of each worker (DESIGN 6).

A synchronous UPDATE on every request would put every decision behind the one writer (measured: -67 %); this costs a
few per cent. A crash loses at most the last second of counts, never a decision. A flush that fails keeps its counts
for the next one. What is written, and how, is in `tokens.ledger`.
"""

import atexit
import logging
import threading
from collections.abc import Callable
from multiprocessing.util import Finalize
from time import time

from django.conf import settings
from django.db import connection

from tokens import ledger
from tokens.ledger import USED_SECONDS, Batch, Key, Tally

logger = logging.getLogger(__name__)

MOST_CALLERS = 256
"""Addresses counted apart for one token and hour in one worker; the rest count as OTHER. Bounds rows, not counts."""
OTHER = "other"
GATEWAY_SECONDS = 60
"""How exactly is known when a gateway asked last. It asks all the time, and each note would be one more version of the
row that every decision reads."""


class Counter:
    """The counts of one process that are not written yet, and the thread that writes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._batch = Batch()
        self._asked: dict[int, float] = {}
        self._noted: dict[int, float] = {}
        self._callers: dict[tuple[int, int], set[str]] = {}
        self._thread: threading.Thread | None = None
        self.written_at = time()
        """When this process last had nothing left to write."""

    def count(
        self, token: int | None, *, caller: str, outcome: str, gateway: int | None = None, begun: float = 0.0
    ) -> None:
        """Note that the token with this primary key was presented once, now, by `caller`, with `outcome`.

        None stands for something that is no token: it counts in the total of its outcome and nowhere else. `gateway` is
        the one that asked; `begun` what the clock said when its question came, for one that is timed.
        """
        now = time()
        key = (token, int(now // 3600), caller, outcome) if token else (0, 0, "", outcome)
        with self._lock:
            batch = self._batch
            tally = batch.tallies.get(key) or self._tally_anew(key, now)
            tally.count += 1
            tally.last = now
            if gateway:
                self._note_gateway(gateway, now)
            if begun:
                batch.time(now - begun)
        if self._thread is None and settings.USAGE_FLUSH_SECONDS > 0:
            self._start()

    def count_signature(self, key: int, *, caller: str, outcome: str, gateway: int) -> None:
        """Note that the HMAC key with this primary key `signed` or `verified` a message once, now.

        `caller` is the key ID of the gateway that asked, `gateway` its primary key.
        """
        now = time()
        with self._lock:
            tally = self._batch.signatures.setdefault((key, int(now // 3600), caller, outcome), Tally(0, now, now))
            tally.count += 1
            tally.last = now
            self._note_gateway(gateway, now)
        if self._thread is None and settings.USAGE_FLUSH_SECONDS > 0:
            self._start()

    def flush(self) -> int:
        """Write what was counted since the last flush; return how many buckets that touched. A failure keeps all."""
        with self._flushing:
            with self._lock:
                batch, self._batch = self._batch, Batch()
            if batch:
                self._note_uses(batch)
                self._write(batch)
            self.written_at = time()
            return len(batch)

    def _write(self, batch: Batch) -> None:
        try:
            ledger.write(batch)
        except Exception:
            batch.failures += 1
            with self._lock:
                self._batch.add(batch)
            raise
        self._forget_old_callers()

    @property
    def has_more(self) -> bool:
        """Whether something is not written yet."""
        return bool(self._batch)

    def _note_gateway(self, gateway: int, now: float) -> None:
        if now - self._asked.get(gateway, 0.0) > GATEWAY_SECONDS:
            self._asked[gateway] = self._batch.used[gateway] = now

    def _note_uses(self, batch: Batch) -> None:
        """Let `batch` say when tokens were used last, those of which this process has not said it just before."""
        newest = ledger.last_uses(batch.tallies)
        since = max(newest.values(), default=0.0) - USED_SECONDS
        self._noted = {token: at for token, at in self._noted.items() if at > since}
        due = {token: at for token, at in newest.items() if token not in self._noted}
        self._noted |= due
        batch.used |= due

    def _tally_anew(self, key: Key, now: float) -> Tally:
        token, hour, caller, outcome = key
        if token:
            callers = self._callers.setdefault((token, hour), set())
            if caller not in callers and len(callers) >= MOST_CALLERS:
                key = (token, hour, OTHER, outcome)
            else:
                callers.add(caller)
        return self._batch.tallies.setdefault(key, Tally(0, now, now))

    def _forget_old_callers(self) -> None:
        hour = int(time() // 3600)
        with self._lock:
            for key in [key for key in self._callers if key[1] < hour]:
                del self._callers[key]

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self.written_at = time()
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
                self._quietly(ledger.prune)
                pruned_in = hour

    def _quietly(self, work: Callable[[], int]) -> None:
        try:
            work()
        except Exception:
            # A count that cannot be written now must never cost a decision; it is written with the next flush.
            logger.warning("Usage could not be written; the counts are kept.", exc_info=True)
            connection.close()


_counter = Counter()
count = _counter.count
count_signature = _counter.count_signature
flush = _counter.flush


def unwritten_seconds() -> float:
    """Return for how long this process has had counts that are not written; 0 where it has none."""
    return max(time() - _counter.written_at, 0.0) if _counter.has_more else 0.0
