"""An ending wins: tokens are ended in every way there is while several server processes are asked about them.

    python -m tests.campaigns.endings --tries 50000
    python -m tests.campaigns.endings --tries 50000 --ways deactivation expiry

DATABASE_URL says on which database; it gets one of its own there. What it must show, for each way: of all the questions
that were asked after the ending had returned, none was answered with 200; and of those asked before it began, or after
what can be taken back was taken back, none with anything else.
"""

import argparse
import os
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection

from accounts import lifecycle as entities
from accounts.models import Entity
from tests import processes
from tests.campaigns import stage
from tests.factories import SETUP, make_entity, make_gateway, make_merchant, make_token, put_into
from tokens import lifecycle, rotation
from tokens.keys import lifecycle as keys
from tokens.keys.slots import REST_PRIMARY, SLOTS
from tokens.models import Token

EACH = 25
"""Questions that must have been answered after one ending before the next."""
LIFETIME = timedelta(milliseconds=80)
"""Of a token that the clock ends: time enough to be asked about before."""
ON, TURNING, OFF = "on", "turning", "off"


@dataclass(frozen=True, eq=False, slots=True)
class Moment:
    """What holds now: what is asked, and whether it must be let through, must not be, or is just being changed.

    A caller that finds the same moment before its question and after its answer has asked within it: no clocks.
    """

    phase: str
    question: bytes


class Ending(NamedTuple):
    """A good token that is about to end: how it is asked about, how it ends, and what takes that back, if anything."""

    question: bytes
    end: Callable[[], Any]
    restart: Callable[[], Any] | None = None
    is_seen_alive: bool = True
    """Whether it lives on until `end` is called; the clock does not wait."""


class Ground:
    """partner > company > merchant, a company that is suspended, and a gateway that asks."""

    def __init__(self) -> None:
        self.partner = make_entity(Entity.Kind.PARTNER)
        self.company = make_entity(Entity.Kind.COMPANY, under=self.partner)
        self.merchant = make_merchant(under=self.company)
        self.stopped = make_entity(Entity.Kind.COMPANY, under=self.partner)
        entities.suspend(self.stopped, by=SETUP)
        self.gateway, self._gateway_secret = make_gateway()
        self.token, self._secret = make_token(self.merchant)

    def ask(self, secret: str = "", gateway: str = "") -> bytes:
        return stage.question(secret or self._secret, gateway or self._gateway_secret)


def _deactivation(ground: Ground) -> Ending:
    return _switch(ground.token, ground.ask())


def _gateways_deactivation(ground: Ground) -> Ending:
    gateway, secret = make_gateway()
    return _switch(gateway, ground.ask(gateway=secret))


def _switch(token: Token, question: bytes) -> Ending:
    return Ending(
        question,
        lambda: lifecycle.deactivate(_read(token), by=SETUP),
        lambda: lifecycle.reactivate(_read(token), by=SETUP),
    )


def _by(end: Callable[[Token], Any]) -> Callable[[Ground], Ending]:
    def way(ground: Ground) -> Ending:
        token, secret = make_token(ground.merchant)
        return Ending(ground.ask(secret), lambda: end(token))

    return way


def _key_revocation(ground: Ground) -> Ending:
    key, secret = keys.create(ground.merchant, SLOTS[REST_PRIMARY], mode="live", by=SETUP)
    return Ending(ground.ask(secret), lambda: keys.revoke(key, by=SETUP))


def _key_renewal(ground: Ground) -> Ending:
    key, secret = keys.create(ground.merchant, SLOTS[REST_PRIMARY], mode="live", by=SETUP)
    renewed: list = []
    return Ending(
        ground.ask(secret),
        lambda: renewed.append(keys.renew(key, by=SETUP)[0]),
        # Empties the slot for the next; the old key stays dead, so nothing is asked after it.
        lambda: keys.revoke(renewed[0], by=SETUP),
    )


def _end_of_overlap(ground: Ground) -> Ending:
    token, secret = make_token(ground.merchant)
    rotation.rotate(token, overlap=None, by=SETUP)
    return Ending(ground.ask(secret), lambda: rotation.end(_read(token), by=SETUP))


def _expiry(ground: Ground) -> Ending:
    expires_at = datetime.now(UTC) + LIFETIME
    _, secret = make_token(ground.merchant, expires_at=expires_at)

    def wait() -> None:
        while datetime.now(UTC) < expires_at:
            time.sleep(0.0005)

    return Ending(ground.ask(secret), wait, is_seen_alive=False)


def _suspension_of(name: str) -> Callable[[Ground], Ending]:
    def way(ground: Ground) -> Ending:
        entity = getattr(ground, name)
        end, restart = partial(entities.suspend, entity, by=SETUP), partial(entities.reactivate, entity, by=SETUP)
        return Ending(ground.ask(), end, restart)

    return way


def _move(ground: Ground) -> Ending:
    return Ending(
        ground.ask(),
        lambda: entities.move(ground.merchant, under=ground.stopped, by=SETUP),
        lambda: entities.move(ground.merchant, under=ground.company, by=SETUP),
    )


WAYS: dict[str, Callable[[Ground], Ending]] = {
    "deactivation": _deactivation,
    "revocation": _by(lambda token: put_into(token, "revoked")),
    "condemnation": _by(partial(lifecycle.condemn, by=SETUP)),
    "removal": _by(lambda token: put_into(token, "removed")),
    "key-revocation": _key_revocation,
    "key-renewal": _key_renewal,
    "end-of-overlap": _end_of_overlap,
    "expiry": _expiry,
    "suspended-merchant": _suspension_of("merchant"),
    "suspended-company": _suspension_of("company"),
    "suspended-partner": _suspension_of("partner"),
    "move-below-suspended": _move,
    "gateway-deactivation": _gateways_deactivation,
}


def _read(token: Token) -> Token:
    return Token.objects.get(pk=token.pk)


@dataclass
class Report:
    """What was asked in which phase about tokens that ended in one way, and how it was answered."""

    way: str
    answers: Counter = field(default_factory=Counter)
    endings: int = 0
    seconds: float = 0.0

    @property
    def tries(self) -> int:
        """Questions asked after the ending had returned, and answered before anything else was changed."""
        return sum(count for (phase, _), count in self.answers.items() if phase == OFF)

    @property
    def accepted(self) -> int:
        """Those of them that were not refused with 401. The promise is that there is none."""
        return self.tries - self.answers[OFF, 401]

    @property
    def live(self) -> int:
        """Questions asked while the token was good, and answered before anything was changed."""
        return sum(count for (phase, _), count in self.answers.items() if phase == ON)

    @property
    def refused(self) -> int:
        """Those of them that were not let through."""
        return self.live - self.answers[ON, 200]

    @property
    def seen_alive(self) -> int:
        """How often anything was let through at all: without that, a refusal would show nothing."""
        return self.answers[ON, 200] + self.answers[TURNING, 200]

    def __str__(self) -> str:
        return (
            f"{connection.vendor}, {self.way}: {self.accepted} of {self.tries} accepted after {self.endings} endings, "
            f"{self.refused} of {self.live} refused before them, in {self.seconds:.0f} s"
        )


class Race:
    """One server, callers that never stop asking, and somebody who ends what they ask about."""

    def __init__(self, port: int) -> None:
        self._ground = Ground()
        self._now = Moment(ON, self._ground.ask())
        self._lock = threading.Lock()
        self._asked: Counter = Counter()
        self._report = Report("")
        self._callers = stage.Callers(port, self._ask)

    def run(self, ways: list[str], tries: int) -> list[Report]:
        """End tokens in each of `ways` until `tries` questions were asked in the moments after."""
        with self._callers:
            return [self._run(way, tries) for way in ways]

    def _run(self, way: str, tries: int) -> Report:
        started = time.perf_counter()
        report = self._report = Report(way)
        while report.tries < tries:
            self._end_once(WAYS[way](self._ground))
            report.endings += 1
        report.seconds = time.perf_counter() - started
        print(report, flush=True)  # noqa: T201  a way may take minutes
        return report

    def _end_once(self, ending: Ending) -> None:
        if ending.is_seen_alive:
            self._live_in(Moment(ON, ending.question))
        self._now = Moment(TURNING, ending.question)
        ending.end()
        self._live_in(Moment(OFF, ending.question))
        self._now = Moment(TURNING, ending.question)
        if ending.restart:
            ending.restart()

    def _live_in(self, moment: Moment) -> None:
        """Let the callers ask a while in this moment."""
        with self._lock:
            self._asked.clear()
        self._now = moment
        while self._asked[moment] < EACH:
            self._callers.check()
            time.sleep(0.0005)

    def _ask(self, line: socket.socket) -> None:
        moment, report = self._now, self._report
        status = stage.status(line, moment.question)
        if self._now is moment:
            with self._lock:
                self._asked[moment] += 1
                report.answers[moment.phase, status] += 1


def race(folder: Path, *, tries: int, ways: list[str] | None = None, workers: int = 2) -> list[Report]:
    """Run the race against a server of `workers` processes on the present database."""
    # Counts are written all the time: writing them must not bring an ended token back either.
    with processes.portal(folder, workers=workers, threads=2, KEYHOUSE_USAGE_FLUSH_SECONDS="0.05") as server:
        return Race(server.port).run(ways or list(WAYS), tries)


def main() -> int:
    """Run the campaign in a database of its own; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tries", type=int, default=50_000, help="of each way")
    parser.add_argument("--ways", nargs="+", choices=WAYS, help="all, where none is named")
    parser.add_argument("--workers", type=int, default=2, help="processes of the server")
    options = parser.parse_args()
    with stage.own_database(), tempfile.TemporaryDirectory() as folder:
        reports = race(Path(folder), tries=options.tries, ways=options.ways, workers=options.workers)
    return 1 if any(report.accepted or report.refused or not report.seen_alive for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
