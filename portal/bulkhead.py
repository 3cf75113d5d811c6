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

WITHOUT_TURN = ("/livez", "/readyz", "/metrics", "/static/")
"""Beginnings of addresses that wait for nothing: they are asked for when something is wrong, or by every page."""

BUSY = f"{HTTPStatus.SERVICE_UNAVAILABLE.value} {HTTPStatus.SERVICE_UNAVAILABLE.phrase}"


class Bulkhead:
    """A WSGI application of which at most so many requests are worked on at once; 0 means no limit.

    One more waits for its turn as long as the others get anywhere. Where they do not, it gets 503 at once.
    """

    def __init__(self, application: Callable, *, at_once: int) -> None:
        self._application = application
        self._limited = at_once > 0
        self._turn = threading.Condition()
        self._free = at_once
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
            while not self._free:
                left = self._moved + STUCK - monotonic()
                if left <= 0:
                    return False
                self._turn.wait(left)
            self._free -= 1
            self._moved = monotonic()
            return True

    def _end(self) -> None:
        with self._turn:
            self._free += 1
            self._moved = monotonic()
            self._turn.notify()
