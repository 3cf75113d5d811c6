"""The database goes away under load, in every way, and comes back: 503 soon, never 200 meanwhile, then good again.

    python -m tests.campaigns.outage --database postgresql
    python -m tests.campaigns.outage --database sqlite --ways moved

The database is one of its own: a file, or a PostgreSQL that is stopped, killed and frozen. What it must show, for each
way: nothing is let through while the database is away, every answer takes at most two seconds, and five seconds after
it is back all answers are good ones, without a restart. Pages are asked for all the time as well: those that wait for
the database must not keep decisions waiting.
"""

import argparse
import os
import secrets
import socket
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests import processes
from tests.campaigns import clusters, stage

CALLERS, PAGES = 24, 8
"""Connections over which decisions and pages are asked for all the time: more than the server has threads."""
CALM = 2.0
"""Seconds of nothing but good answers after which the database counts as back."""
SLOWEST, BACK_IN = 2.0, 5.0
"""The promise, in seconds: of an answer while the database is away, and of all answers after its return."""
NOTICED = 0.3
"""Seconds in which a file may be gone before that is noticed; a server's end is noticed at once."""


class Answer(NamedTuple):
    begun: float
    ended: float
    status: int


class Way(NamedTuple):
    """How a database goes away and comes back."""

    away: Callable[[], None]
    back: Callable[[], None]
    is_noticed_in: float = 0.0
    is_harmless: bool = False
    """Whether decisions must go on as if nothing were: what is away is not what they need."""
    begins_away: bool = False
    """Whether it is away before the server starts."""


@dataclass
class Report:
    """What was answered while the database was away, and after."""

    way: str
    answers: Counter
    let_through: int
    slowest: float
    good_after: float
    pages_good_after: float
    broken: int
    is_harmless: bool = False

    @property
    def holds(self) -> bool:
        """Whether it was as promised."""
        if self.is_harmless:
            return set(self.answers) == {200} and not self.broken and self.slowest < SLOWEST
        only_faults = set(self.answers) == {503} and not self.let_through and not self.broken
        return only_faults and self.slowest < SLOWEST and max(self.good_after, self.pages_good_after) < BACK_IN

    def __str__(self) -> str:
        counts = ", ".join(f"{count} x {status}" for status, count in sorted(self.answers.items()))
        return (
            f"{self.way}: {self.let_through} let through while it was away ({counts}), "
            f"slowest answer {self.slowest:.2f} s, good again after {self.good_after:.2f} s, "
            f"pages after {self.pages_good_after:.2f} s, {self.broken} connections broken: "
            f"{'as promised' if self.holds else 'NOT AS PROMISED'}"
        )


class Watch:
    """A server under load, and every answer that it gave."""

    def __init__(self, port: int, question: bytes) -> None:
        self._port, self._question = port, question
        self._answers: list[Answer] = []
        self._pages: list[Answer] = []
        self._broken: list[OSError] = []

    def over(self, name: str, way: Way, seconds: float) -> Report:
        """Let the database be away in this way for so long; return what was answered."""
        with (
            stage.Callers(self._port, self._ask, threads=CALLERS, broken=self._broken.append),
            stage.Callers(self._port, self._ask_for_page, threads=PAGES, broken=lambda _fault: time.sleep(0.05)),
        ):
            if not way.begins_away:
                assert processes.wait_until(self._is_calm, seconds=60), "It does not even begin well."
                for each in (self._answers, self._pages, self._broken):
                    each.clear()
                way.away()
            gone = time.monotonic() + way.is_noticed_in
            time.sleep(seconds)
            still_gone = time.monotonic()
            way.back()
            back = time.monotonic()
            processes.wait_until(self._is_calm, seconds=30)
        meanwhile = [each for each in self._answers if each.begun >= gone and each.ended <= still_gone]
        begun_then = [each for each in self._answers if gone <= each.begun <= still_gone]
        return Report(
            name,
            Counter(each.status for each in meanwhile),
            sum(each.status == 200 for each in meanwhile),
            max((each.ended - each.begun for each in begun_then), default=0.0),
            max((each.ended - back for each in self._answers if each.status != 200 and each.ended > back), default=0.0),
            max((each.ended - back for each in self._pages if each.status != 302 and each.ended > back), default=0.0),
            len(self._broken),
            way.is_harmless,
        )

    def _ask(self, line: socket.socket) -> None:
        begun = time.monotonic()
        status = stage.status(line, self._question)
        self._answers.append(Answer(begun, time.monotonic(), status))

    def _ask_for_page(self, line: socket.socket) -> None:
        """Ask for a page as somebody whose session has to be looked up in the database: it leads to the sign-in."""
        begun = time.monotonic()
        cookie = f"keyhouse={secrets.token_hex(16)}"
        line.sendall(f"GET /merchants/ HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        said = line.recv(65_536)
        if said:
            self._pages.append(Answer(begun, time.monotonic(), int(said.split(b" ", 2)[1])))
        raise ConnectionError("One page over each connection is enough.")

    def _is_calm(self) -> bool:
        since = time.monotonic() - CALM
        last = [each.status for each in self._answers if each.ended > since]
        pages = [each.status for each in self._pages if each.ended > since]
        return len(last) > CALLERS and set(last) == {200} and set(pages) == {302}


def ways_of_postgresql(cluster: clusters.Cluster) -> dict[str, Way]:
    """Return how a PostgreSQL goes away."""
    return {
        "stopped": Way(cluster.stop, cluster.start),
        "killed": Way(cluster.kill, cluster.start),
        "frozen": Way(cluster.freeze, cluster.thaw),
    }


def ways_of_sqlite(path: Path) -> dict[str, Way]:
    """Return how a file goes away."""
    held: list[sqlite3.Connection] = []

    def hold(*statements: str) -> None:
        held.append(sqlite3.connect(path, isolation_level=None, timeout=10))
        for statement in statements:
            held[-1].execute(statement)

    def let_go() -> None:
        held[-1].execute("ROLLBACK")
        held[-1].close()

    def spoil() -> None:
        _move(path, "", ".away")
        path.write_bytes(b"This is no database. " * 1_000)

    # Readers hold a lock all the time they are connected: all locks can be had only before anybody is.
    all_locks = ("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE")
    one_lock = ("BEGIN EXCLUSIVE", "UPDATE tokens_token SET status = 'inactive'")
    return {
        "moved": Way(lambda: _move(path, "", ".away"), lambda: _move(path, ".away", ""), NOTICED),
        "spoilt": Way(spoil, lambda: _move(path, ".away", ""), NOTICED),
        "locked": Way(lambda: hold(*all_locks), let_go, begins_away=True),
        "written": Way(lambda: hold(*one_lock), let_go, is_harmless=True),
    }


def _move(path: Path, old: str, new: str) -> None:
    """Give the files of the database at `path` the ending `new` for `old`; what has their names by then goes.

    The database itself goes first and comes last: nobody must open it without what was written beside it.
    """
    parts = ("", "-wal", "-shm")
    for part in parts if new else reversed(parts):
        source, target = Path(f"{path}{part}{old}"), Path(f"{path}{part}{new}")
        target.unlink(missing_ok=True)
        if source.exists():
            source.rename(target)


def run(folder: Path, ways: dict[str, Way], *, seconds: float) -> list[Report]:
    """Serve the present database and let it be away in each way."""
    from django.db import connections  # noqa: PLC0415  Django is set up only now

    from tests.factories import make_gateway, make_merchant, make_token  # noqa: PLC0415  likewise

    _, gateway = make_gateway()
    _, secret = make_token(make_merchant())
    connections.close_all()
    settings = {"KEYHOUSE_HTTPS": "no", "KEYHOUSE_USAGE_FLUSH_SECONDS": "0.2"}
    reports = []
    for name, way in ways.items():
        if way.begins_away:
            way.away()
        # A journal that tells of events has to be held against the database before anything is served, and one that
        # is away at the start cannot be asked.
        settings["KEYHOUSE_AUDIT_JOURNAL"] = str(folder / f"{name}.journal")
        with processes.portal(folder, workers=2, threads=5, **settings) as server:
            reports.append(Watch(server.port, stage.question(secret, gateway)).over(name, way, seconds))
    return reports


def main() -> int:
    """Run the campaign; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--ways", nargs="+", help="all, where none is named")
    parser.add_argument("--seconds", type=float, default=8.0, help="for which it is away")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.database == "sqlite":
            reports = _on(f"sqlite:///{folder}/unused.sqlite3", folder, None, options)
        else:
            with clusters.running(folder) as cluster:
                reports = _on(cluster.url, folder, cluster, options)
    print(*(f"{options.database}, {report}" for report in reports), sep="\n")  # noqa: T201  a command speaks
    return 0 if all(report.holds for report in reports) else 1


def _on(url: str, folder: Path, cluster: clusters.Cluster | None, options: argparse.Namespace) -> list[Report]:
    os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    import django  # noqa: PLC0415  the settings read DATABASE_URL

    django.setup()
    from django.db import connections  # noqa: PLC0415  likewise

    with stage.own_database():
        path = Path(str(connections["default"].settings_dict["NAME"]))
        ways = ways_of_postgresql(cluster) if cluster else ways_of_sqlite(path)
        wanted = {name: way for name, way in ways.items() if not options.ways or name in options.ways}
        return run(folder, wanted, seconds=options.seconds)


if __name__ == "__main__":
    sys.exit(main())
