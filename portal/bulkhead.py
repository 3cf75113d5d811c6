"""Pages never hold all threads of a worker: some are left for decisions, whatever the pages wait for.

A page may wait long: for SQLite's one writer during an import, for a PostgreSQL that hangs. With every thread of the
worker waiting so, no question of a gateway would be answered, not even with 503.
"""

import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from time import monotonic

STUCK = 0.3
"""Seconds without any page beginning or ending after which those that wait for their turn are sent away."""
PATIENT = 1
"""How many may wait for longer all the same: `manage.py serve` leaves two threads, and one is enough for decisions."""
LONGEST = 10.0
"""Seconds that those wait at most: longer than any page should take, shorter than a proxy waits."""

WITHOUT_TURN = ("/livez", "/readyz", "/metrics", "/static/")
"""Beginnings of addresses that wait for nothing: they are asked for when something is wrong, or by every page."""

BUSY = f"{HTTPStatus.SERVICE_UNAVAILABLE.value} {HTTPStatus.SERVICE_UNAVAILABLE.phrase}"


class Bulkhead:
    """A WSGI application of which at most so many requests are worked on at once; 0 means no limit.

    Others wait for their turn as long as those get anywhere. Where they do not, all but one get 503 at once.
    """

    def __init__(self, application: Callable, *, at_once: int) -> None:
        self._application = application
        self._limited = at_once > 0
        self._turn = threading.Condition()
        self._free = at_once
        self._waiting = 0
        self._moved = monotonic()

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Answer the request in its turn. What is streamed after that holds no turn."""
        if not self._limited or environ["PATH_INFO"].startswith(WITHOUT_TURN):
            return self._application(environ, start_response)
        if not self._begin():
            start_response(BUSY, [("Content-Length", "0"), ("Cache-Control", "no-store"), ("Retry-After", "1")])
            return [b""]
        try:
            return self._application(environ, start_response)
        finally:
            self._end()

    def _begin(self) -> bool:
        with self._turn:
            if not self._free and not self._has_turn_in(LONGEST if self._waiting < PATIENT else STUCK):
                return False
            self._free -= 1
            self._moved = monotonic()
            return True

    def _has_turn_in(self, seconds: float) -> bool:
        self._waiting += 1
        try:
            while not self._free and (left := self._moved + seconds - monotonic()) > 0:
                self._turn.wait(left)
        finally:
            self._waiting -= 1
        return self._free > 0

    def _end(self) -> None:
        with self._turn:
            self._free += 1
            self._moved = monotonic()
            self._turn.notify()
