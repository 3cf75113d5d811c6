"""The decision's way to the database: one connection for each thread, straight from the driver, that only reads.

Django's own connection costs two to three times as much for one small statement, and is opened and closed with each of
Django's requests, of which a decision is none. Here it stays open, in autocommit: each statement sees what is committed
when it begins. A connection that has died while it was idle is replaced, once, for the same statement.

A database that stays silent (a frozen server, a lock that is held) keeps a question waiting for PATIENCE and no longer.
From then on one question at a time looks whether it is back; the others are told at once, or they would queue up
behind each other for a fault that is known.
"""

import itertools
import os
import re
import select
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from django.conf import settings
from django.db import Error, connection, connections

try:
    import psycopg
    from psycopg import generators, waiting
    from psycopg.adapt import Transformer
    from psycopg.conninfo import make_conninfo
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus
    from psycopg.pq.abc import PGconn, PGresult
except ImportError:  # installed with the extra `postgres` only
    psycopg = None  # type: ignore[assignment]

PATIENCE = 1.0
"""Seconds a question may take, with a new connection where it needs one: whoever asked has given up soon after."""
LOOK = 0.4
"""Seconds it may take where the database is known to be silent: whoever asks then has waited for a thread before."""
SLOW = PATIENCE / 4
"""Seconds after which a failure was no dead connection, which is noticed at once, but a database that is silent."""
LOCKED = PATIENCE / 3
"""Seconds that SQLite tries for a lock. Readers need none of a writer's; who holds all of them holds them for long."""
GLANCE = 0.1
"""Seconds after which a question that waits for PostgreSQL looks whether another one has waited in vain meanwhile."""
LOOK_AT_FILE = 0.1
"""Seconds after which a connection to SQLite looks again whether its file is still the one with that name."""

FAULTS = (sqlite3.Error, OSError, Error, *((psycopg.Error,) if psycopg else ()))
"""What the drivers raise where there is no answer."""

MAPPED = 2**31 - 2**16
"""Bytes of the SQLite file that are read from the system's cache without a call, shared by all; SQLite's own limit."""

BY_INDEX = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    **dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"), "off"),
}
"""PostgreSQL's settings for one plan, made once: each row by its index, whatever the statistics say at that moment. A
plan made while a table was still empty would read the whole of it for every question later on."""

Rows = Sequence[Sequence[Any]]


class Unreachable(Exception):
    """The database does not answer, not even over a new connection."""


class Reader(Protocol):
    """One open connection to the database, opened before `deadline`, a moment of the monotonic clock."""

    def fetch(self, statement: str, values: Sequence[str], deadline: float) -> Rows:
        """Return the rows of `statement`, whose places for `values` are written `%s`. Raises one of FAULTS."""

    def close(self) -> None:
        """Close the connection."""


class SqliteReader:
    """A connection to the SQLite file; given up where that is gone, or a restored backup has taken its place."""

    def __init__(self, database: dict[str, Any], _deadline: float) -> None:
        self._path = str(database["NAME"])
        address = f"{Path(self._path).absolute().as_uri()}?mode=rw"
        self._connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=LOCKED)
        self._cursor = self._connection.execute("PRAGMA query_only = ON")
        # A million tokens outgrow a connection's own cache, which every writer's commit empties besides.
        self._cursor.execute(f"PRAGMA mmap_size = {MAPPED}").fetchall()
        self._written: dict[str, str] = {}
        self._file = self._which_file()
        self._looked_at = monotonic()

    def fetch(self, statement: str, values: Sequence[str], deadline: float) -> Rows:
        if deadline - self._looked_at > PATIENCE + LOOK_AT_FILE:
            self._look_at_file()
        written = self._written.get(statement)
        if written is None:
            written = self._written[statement] = statement.replace("%s", "?")
        return self._cursor.execute(written, values).fetchall()

    def close(self) -> None:
        self._connection.close()

    def _which_file(self) -> tuple[int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino

    def _look_at_file(self) -> None:
        self._looked_at = monotonic()
        if self._which_file() != self._file:
            raise sqlite3.OperationalError("Another file has taken the place of the database.")


class PostgresReader:
    """A connection to PostgreSQL, spoken to through libpq: psycopg's cursor would add half of what a question takes.

    It waits by itself and never beyond a deadline: neither the server's own limit nor TCP notices a server that has
    stopped without closing the connection.
    """

    def __init__(self, database: dict[str, Any], deadline: float) -> None:
        limit = int(PATIENCE * 1000)
        told = {"default_transaction_read_only": "on", "statement_timeout": limit, "TimeZone": "UTC"} | BY_INDEX
        address = make_conninfo(
            dbname=database["NAME"],
            user=database["USER"],
            password=database["PASSWORD"],
            host=database["HOST"],
            port=database["PORT"] or None,
            client_encoding="utf8",
            tcp_user_timeout=limit,
            options=" ".join(f"-c {name}={value}" for name, value in told.items()),
            **{name: value for name, value in database.get("OPTIONS", {}).items() if name.startswith("ssl")},
        )
        left = max(deadline - monotonic(), 0.0)
        self._wire: PGconn = waiting.wait_conn(generators.connect(address), interval=PATIENCE, timeout=left)
        self._connection = psycopg.Connection(self._wire)
        self._wire.nonblocking = 0  # what is sent is a few hundred bytes; only the answer may be long in coming
        self._arriving = select.poll()
        self._arriving.register(self._wire.socket, select.POLLIN)
        self._loader = Transformer(self._connection)
        self._prepared: dict[str, bytes] = {}

    def fetch(self, statement: str, values: Sequence[str], deadline: float) -> Rows:
        name = self._prepared.get(statement) or self._prepare(statement, deadline)
        # Binary, so that a value travels with its length: as text it would end at its first NUL.
        sent = [value.encode() for value in values]
        self._wire.send_query_prepared(name, sent, param_formats=[1] * len(sent), result_format=1)
        result = self._result(deadline)
        self._loader.set_pgresult(result)
        return self._loader.load_rows(0, result.ntuples, tuple)

    def close(self) -> None:
        self._connection.close()

    def _prepare(self, statement: str, deadline: float) -> bytes:
        numbers = itertools.count(1)
        written = re.sub("%s", lambda _found: f"${next(numbers)}", statement)
        name = b"decision_%d" % len(self._prepared)
        self._wire.send_prepare(name, written.encode())
        self._result(deadline)
        self._prepared[statement] = name
        return name

    def _result(self, deadline: float) -> "PGresult":
        """Wait for the answer to what was sent, to its end, and return it. Raises psycopg.Error where that is none."""
        found = None
        while True:
            while self._wire.is_busy():
                self._wait(deadline)
                self._wire.consume_input()
            result = self._wire.get_result()
            if result is None:
                break
            found = result
        if found is None or found.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise error_from_result(found) if found else psycopg.OperationalError("PostgreSQL gave no answer.")
        return found

    def _wait(self, deadline: float) -> None:
        while not self._arriving.poll(GLANCE * 1000):
            if monotonic() + GLANCE > deadline or _silence.is_known():
                raise psycopg.OperationalError("PostgreSQL does not answer.")


class DjangoReader:
    """Django's own connection: sees what the thread's open transaction has written. For tests that roll back."""

    def __init__(self, _database: dict[str, Any], _deadline: float) -> None:
        pass

    def fetch(self, statement: str, values: Sequence[str], _deadline: float) -> Rows:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: Rows = cursor.fetchall()
            return rows

    def close(self) -> None:
        connection.close()


READERS: dict[str, Callable[[dict[str, Any], float], Reader]] = {"sqlite": SqliteReader, "postgresql": PostgresReader}

_own = threading.local()


class Silence:
    """Whether the database has left a question waiting, and who of all threads looks whether it is back."""

    MOMENT = 0.05
    """Seconds that others give the one who has begun to look: it may have been a hiccup."""
    PAUSE = 0.5
    """Seconds between two looks, in which the one who would look answers others."""

    def __init__(self) -> None:
        self.lasts = False
        self._looking = threading.Lock()
        self._looker = 0
        self._since = self._again = 0.0

    def is_known(self) -> bool:
        """Whether the database is silent, and it is not this thread that looks whether it still is."""
        return self.lasts and self._looker != threading.get_ident()

    @contextmanager
    def looked_into(self) -> Iterator[None]:
        """Let one thread try in this block. Raises Unreachable in the others for as long as it has found nothing."""
        wait = max(self._since + self.MOMENT - monotonic(), 0)
        if monotonic() < self._again or not self._looking.acquire(timeout=wait):
            raise Unreachable
        self._looker, self._since = threading.get_ident(), monotonic()
        try:
            yield
            self.lasts = False
        except Unreachable:
            self._again = monotonic() + self.PAUSE
            raise
        finally:
            self._looker = 0
            self._looking.release()


_silence = Silence()


def fetch(statement: str, *values: str) -> Rows:
    """Return the rows of `statement`, whose places for `values` are written `%s`.

    Raises Unreachable, after PATIENCE at the latest, where the database does not answer over a new connection either.
    """
    if _silence.lasts:
        with _silence.looked_into():
            return _fetch(statement, values, LOOK)
    return _fetch(statement, values, PATIENCE)


def forget() -> None:
    """Close this thread's connection, if it has one; the next question opens another."""
    reader: Reader | None = _own.__dict__.pop("reader", None)
    if reader is not None:
        with suppress(*FAULTS):  # it may be broken already
            reader.close()


def _fetch(statement: str, values: Sequence[str], patience: float) -> Rows:
    deadline = monotonic() + patience
    reader: Reader | None = getattr(_own, "reader", None)
    try:
        if reader is not None:
            try:
                return reader.fetch(statement, values, deadline)
            except FAULTS:
                forget()
                if monotonic() > deadline - patience + SLOW:
                    raise  # asking again would take as long once more
        return _fetch_anew(statement, values, deadline)
    except FAULTS as fault:
        forget()
        _silence.lasts = monotonic() > deadline - patience + SLOW
        raise Unreachable from fault


def _fetch_anew(statement: str, values: Sequence[str], deadline: float) -> Rows:
    kind = DjangoReader if settings.DECISIONS_THROUGH_DJANGO else READERS[connection.vendor]
    reader = _own.reader = kind(connections["default"].settings_dict, deadline)
    return reader.fetch(statement, values, deadline)
