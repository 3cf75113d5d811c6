"""Deactivation wins: tokens are stopped and started while several server processes are asked about them all the time.

    python -m tests.campaigns.deactivation --tries 50000

DATABASE_URL says on which database; it gets one of its own there. What it must show: of all the questions that were
asked after a deactivation (or revocation, removal, suspension) had returned, none was answered with 200; and of those
asked after a reactivation had returned, none with anything else.
"""

import argparse
import os
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection

from accounts import lifecycle as entities
from accounts.models import Entity
from tests import processes
from tests.factories import SETUP, make_entity, make_gateway, make_merchant, make_token, put_into
from tokens import lifecycle
from tokens.models import Token

CALLERS = 6
"""Connections that ask all the time."""
RECONNECT = 40
"""Questions asked over one connection: a new one may reach another of the server's processes."""
EACH = 10
"""Questions that must have been answered after one change before the next is made."""
ON, TURNING, OFF = "on", "turning", "off"


@dataclass(frozen=True, eq=False, slots=True)
class Moment:
    """What holds now: the token in question, and whether it must be accepted, must not be, or is just being changed.

    A caller that finds the same moment before its question and after its answer has asked within it: no clocks.
    """

    phase: str
    secret: str


@dataclass
class Report:
    """What was asked in which phase, and how it was answered."""

    answers: Counter = field(default_factory=Counter)
    changes: Counter = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def tries(self) -> int:
        """Questions asked after a token had been stopped and answered before it was started again."""
        return sum(count for (phase, _), count in self.answers.items() if phase == OFF)

    @property
    def accepted(self) -> int:
        """Those of them that were not refused with 401. The promise is that there is none."""
        return self.tries - self.answers[OFF, 401]

    @property
    def live(self) -> int:
        """Questions asked after a token had been started and answered before it was stopped."""
        return sum(count for (phase, _), count in self.answers.items() if phase == ON)

    @property
    def refused(self) -> int:
        """Those of them that were not let through."""
        return self.live - self.answers[ON, 200]

    def __str__(self) -> str:
        changes = ", ".join(f"{count} x {name}" for name, count in sorted(self.changes.items()))
        return (
            f"{connection.vendor}: {self.accepted} of {self.tries} accepted after the token was stopped, "
            f"{self.refused} of {self.live} refused after it was started, in {self.seconds:.1f} s ({changes})"
        )


class Race:
    """One server, callers that never stop asking, and somebody who changes what they ask about."""

    def __init__(self, port: int) -> None:
        _, self._gateway = make_gateway()
        partner = make_entity(Entity.Kind.PARTNER)
        self._merchant = make_merchant(under=make_entity(Entity.Kind.COMPANY, under=partner))
        self._partner = partner
        self._token, self._secret = make_token(self._merchant)
        self._port = port
        self._now = Moment(ON, self._secret)
        self._running = True
        self._lock = threading.Lock()
        self._asked: Counter = Counter()
        self.faults: list[BaseException] = []
        self.report = Report()

    def run(self, tries: int) -> Report:
        """Change the token in every way in turn until `tries` questions were asked in the moments after."""
        started = time.perf_counter()
        suspensions = [self._suspend_merchant, self._suspend_partner]
        turns = [self._deactivate, suspensions[0], self._deactivate, suspensions[1], self._revoke, self._remove]
        with self._callers():
            while self.report.tries < tries:
                for turn in turns:
                    turn()
        self.report.seconds = time.perf_counter() - started
        return self.report

    def _deactivate(self) -> None:
        self._stop("deactivation", lambda: lifecycle.deactivate(self._token, by=SETUP))
        self._start("reactivation", lambda: lifecycle.reactivate(self._read(), by=SETUP))

    def _suspend_merchant(self) -> None:
        self._stop("suspension", lambda: entities.suspend(self._merchant, by=SETUP))
        self._start("end of suspension", lambda: entities.reactivate(self._merchant, by=SETUP))

    def _suspend_partner(self) -> None:
        self._stop("suspension", lambda: entities.suspend(self._partner, by=SETUP))
        self._start("end of suspension", lambda: entities.reactivate(self._partner, by=SETUP))

    def _revoke(self) -> None:
        self._end("revocation", "revoked")

    def _remove(self) -> None:
        self._end("removal", "removed")

    def _end(self, name: str, status: str) -> None:
        token, secret = make_token(self._merchant)
        self._live_with(Moment(ON, secret))
        self._stop(name, lambda: put_into(token, status))
        self._live_with(Moment(ON, self._secret))

    def _read(self) -> Token:
        return Token.objects.get(pk=self._token.pk)

    def _stop(self, name: str, change: Callable[[], Any]) -> None:
        self._change(name, change, OFF)

    def _start(self, name: str, change: Callable[[], Any]) -> None:
        self._change(name, change, ON)

    def _change(self, name: str, change: Callable[[], Any], phase: str) -> None:
        secret = self._now.secret
        self._now = Moment(TURNING, secret)
        change()
        self._live_with(Moment(phase, secret))
        self.report.changes[name] += 1

    def _live_with(self, moment: Moment) -> None:
        """Let the callers ask a while in this moment."""
        with self._lock:
            self._asked.clear()
        self._now = moment
        while self._asked[moment] < EACH and not self.faults:
            time.sleep(0.0005)
        if self.faults:
            raise RuntimeError("A caller broke off.") from self.faults[0]

    @contextmanager
    def _callers(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._ask_all_the_time) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._running = False
            for thread in threads:
                thread.join()

    def _ask_all_the_time(self) -> None:
        try:
            while self._running:
                with socket.create_connection((processes.HOST, self._port), timeout=30) as line:
                    for _ in range(RECONNECT):
                        self._ask(line)
        except BaseException as fault:
            self.faults.append(fault)
            raise

    def _ask(self, line: socket.socket) -> None:
        moment = self._now
        line.sendall(
            b"GET /gateway/authorize?mode=live&permission=payment_transaction.edit HTTP/1.1\r\nHost: keyhouse\r\n"
            b"Authorization: Bearer %b\r\nX-Keyhouse-Gateway: %b\r\n\r\n"
            % (moment.secret.encode(), self._gateway.encode())
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += line.recv(65_536) or self._broken(answer)
        if self._now is moment:
            with self._lock:
                self._asked[moment] += 1
                self.report.answers[moment.phase, int(answer.split(b" ", 2)[1])] += 1

    @staticmethod
    def _broken(answer: bytes) -> bytes:
        raise ConnectionError(f"The server hung up after {answer!r}.")


def race(folder: Path, *, tries: int, workers: int = 2) -> Report:
    """Run the race against a server of `workers` processes on the present database."""
    # Counts are written all the time: writing them must not bring a stopped token back either.
    with processes.portal(folder, workers=workers, threads=2, KEYHOUSE_USAGE_FLUSH_SECONDS="0.05") as server:
        return Race(server.port).run(tries)


def main() -> int:
    """Run the campaign in a database of its own; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tries", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2, help="processes of the server")
    options = parser.parse_args()
    own = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = race(Path(folder), tries=options.tries, workers=options.workers)
    finally:
        connection.creation.destroy_test_db(own, verbosity=0)
    print(report)  # noqa: T201  a command speaks
    return 1 if report.accepted or report.refused else 0


if __name__ == "__main__":
    sys.exit(main())
