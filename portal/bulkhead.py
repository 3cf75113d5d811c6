"""Pages never hold all threads of a worker: some are left for decisions, whatever the pages wait for.

A page may wait long: for SQLite's one writer during an import, for a PostgreSQL that hangs. With every thread of the
worker waiting so, no question of a gateway would be answered, not even with 503.
"""

import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from time import monotonic

from django.utils.html import escape
from django.utils.translation import gettext as _

STUCK = 0.3
"""Seconds without any page beginning or ending after which those that wait for their turn are sent away."""
LONGEST = 10.0
"""Seconds that the patient ones wait at most: longer than any page should take, shorter than a proxy waits."""

WITHOUT_TURN = ("/livez", "/readyz", "/metrics", "/static/")
"""Beginnings of addresses that wait for nothing: they are asked for when something is wrong, or by every page."""

BODILESS = {"GET", "HEAD"}
"""Whoever sends a body there, which may never end, takes a turn as for any other page."""

BUSY = f"{HTTPStatus.SERVICE_UNAVAILABLE.value} {HTTPStatus.SERVICE_UNAVAILABLE.phrase}"


class Bulkhead:
    """A WSGI application of which at most so many requests are worked on at once; 0 means no limit.

    Others wait for their turn as long as those get anywhere. Where they do not, all but `patient` ones get 503 at once.
    """

    def __init__(self, application: Callable, *, at_once: int, patient: int = 1) -> None:
        self._application = application
        self._patient = patient
        self._limited = at_once > 0
        self._turn = threading.Condition()
        self._free = at_once
        self._waiting = 0
        self._moved = monotonic()

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Answer the request in its turn. What is streamed after that holds no turn."""
        waits_for_nothing = environ["PATH_INFO"].startswith(WITHOUT_TURN) and environ["REQUEST_METHOD"] in BODILESS
        if not self._limited or waits_for_nothing:
            return self._application(environ, start_response)
        if not self._begin():
            return _sorry(start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._end()

    def _begin(self) -> bool:
        with self._turn:
            if not self._free and not self._has_turn_in(LONGEST if self._waiting < self._patient else STUCK):
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


def _sorry(start_response: Callable) -> Iterable[bytes]:
    sentence = _("Keyhouse is busy. Wait a moment, then load this page again; nothing was changed.")
    body = f"<!doctype html><meta charset=utf-8><title>Keyhouse</title><p>{escape(sentence)}</p>".encode()
    kind, length = ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))
    start_response(BUSY, [kind, length, ("Cache-Control", "no-store"), ("Retry-After", "1")])
    return [body]
