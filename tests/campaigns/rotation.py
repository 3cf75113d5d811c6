"""A token is rotated under load: nobody who switches in time is refused, and the old one stops on time.

    python -m tests.campaigns.rotation --seconds 120

DATABASE_URL says on which database; it gets one of its own there. Some systems share a token and send 200 requests a
second with it. It is rotated with an overlap, and one system after the other switches to the successor while that
lasts; one that has forgotten to goes on with the old token. What it must show: of the requests of those that switched,
none was refused; of those of the one that did not, none before the end of the overlap, and all from a second after it.
"""

import argparse
import itertools
import os
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection

from tests import processes
from tests.campaigns import stage
from tests.factories import SETUP, make_gateway, make_merchant, make_token
from tokens import rotation
from tokens.models import Token

SYSTEMS = 8
"""Systems of the merchant that use the token, each switched by itself."""
REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
PATIENCE = timedelta(seconds=1)
"""How long after the end of an overlap the old token must be refused at the latest."""


class Probe(NamedTuple):
    """One request with the old token."""

    sent: datetime
    answered: datetime
    status: int


@dataclass
class Report:
    """What was sent, and what of it should have been answered otherwise."""

    answers: Counter = field(default_factory=Counter)
    """Status -> how many requests of systems that switched in time were answered so."""
    rotations: int = 0
    probes: int = 0
    early: int = 0
    """Requests with an old token, answered before its overlap ended, that were refused."""
    late: int = 0
    """Those sent after the end that were let through."""
    lags: list[timedelta] = field(default_factory=list)
    """From the end of each overlap to the first refusal in somebody's hand."""
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        return self.answers.total()

    @property
    def refused(self) -> int:
        """Those of them that were refused. The promise is that there is none."""
        return sum(self.answers[status] for status in REFUSED)

    @property
    def faults(self) -> int:
        """Those that were not decided at all (503): what a machine may do that has far too much to do."""
        return self.sent - self.refused - self.answers[HTTPStatus.OK]

    @property
    def is_good(self) -> bool:
        on_time = all(lag <= PATIENCE for lag in self.lags) and len(self.lags) == self.rotations
        return bool(self.rotations and not self.refused and not self.early and not self.late and on_time)

    def __str__(self) -> str:
        slowest = max(self.lags, default=timedelta()).total_seconds()
        return (
            f"{connection.vendor}: {self.refused} of {self.sent} requests refused, {self.faults} undecided, during "
            f"{self.rotations} rotations at {self.sent / self.seconds:.0f} a second; with the old token {self.early} "
            f"of {self.probes} refused early, {self.late} let through late, the first refusal at most "
            f"{1000 * slowest:.0f} ms after the end"
        )


class Fleet:
    """The merchant's systems, the server they ask, and the token they share."""

    def __init__(self, port: int, *, rate: float) -> None:
        _, self._gateway = make_gateway()
        self._token, secret = make_token(make_merchant(), alias="Shared by all")
        self._questions = [self._question(secret)] * SYSTEMS
        self._port, self._rate = port, rate
        self._turns = itertools.count()
        self._lock = threading.Lock()
        self._began = time.perf_counter()
        self._callers = stage.Callers(port, self._ask, threads=SYSTEMS)
        self.report = Report()

    def run(self, *, seconds: float, overlap: timedelta) -> Report:
        """Rotate until so many seconds are over."""
        with self._callers:
            while time.perf_counter() - self._began < seconds:
                self._rotate(overlap)
            self._callers.check()
        self.report.seconds = time.perf_counter() - self._began
        return self.report

    def _rotate(self, overlap: timedelta) -> None:
        """Rotate once, switch every system in the first two thirds of the overlap, and wait for its end."""
        old = self._questions[0]
        successor, secret = rotation.rotate(self._token, overlap=overlap, by=SETUP)
        ends = Token.objects.get(pk=self._token.pk).expires_at
        forgotten: list[Probe] = []
        probing = threading.Thread(target=self._probe, args=[old, ends, forgotten])
        probing.start()
        for system in range(SYSTEMS):
            time.sleep(overlap.total_seconds() * 2 / 3 / SYSTEMS)
            self._questions[system] = self._question(secret)
        probing.join()
        self._judge(forgotten, ends)
        self._token = successor

    def _ask(self, line: socket.socket) -> None:
        turn = next(self._turns)
        time.sleep(max(0.0, self._began + turn / self._rate - time.perf_counter()))
        status = stage.status(line, self._questions[turn % SYSTEMS])
        with self._lock:
            self.report.answers[status] += 1

    def _probe(self, old: bytes, ends: datetime, found: list[Probe]) -> None:
        """Go on with the old token until it has been refused, and for a moment more."""
        with closing(socket.create_connection((processes.HOST, self._port), timeout=30)) as line:
            while datetime.now(UTC) < ends + PATIENCE:
                sent = datetime.now(UTC)
                status = stage.status(line, old)
                found.append(Probe(sent, datetime.now(UTC), status))
                time.sleep(0.002)

    def _judge(self, forgotten: list[Probe], ends: datetime) -> None:
        report = self.report
        report.rotations += 1
        report.probes += len(forgotten)
        report.early += sum(probe.answered < ends and probe.status in REFUSED for probe in forgotten)
        report.late += sum(probe.sent >= ends and probe.status == HTTPStatus.OK for probe in forgotten)
        report.lags += [probe.answered - ends for probe in forgotten if probe.status in REFUSED][:1]

    def _question(self, secret: str) -> bytes:
        return stage.question(secret, self._gateway)


def rotate(folder: Path, *, seconds: float, overlap: timedelta, rate: float = 200, workers: int = 2) -> Report:
    """Run the campaign against a server of `workers` processes on the present database."""
    with processes.portal(folder, workers=workers, threads=2) as server:
        return Fleet(server.port, rate=rate).run(seconds=seconds, overlap=overlap)


def main() -> int:
    """Run the campaign in a database of its own; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--overlap", type=float, default=2, help="seconds for which both tokens work")
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--workers", type=int, default=2, help="processes of the server")
    options = parser.parse_args()
    overlap = timedelta(seconds=options.overlap)
    with stage.own_database(), tempfile.TemporaryDirectory() as folder:
        asked = {"seconds": options.seconds, "rate": options.rate, "workers": options.workers}
        report = rotate(Path(folder), overlap=overlap, **asked)
    print(report)  # noqa: T201  a command speaks
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
