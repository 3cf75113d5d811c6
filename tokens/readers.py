"""The decision's way to the database: one connection for each thread, straight from the driver, that only reads.

Django's own connection costs two to three times as much for one small statement, and is opened and closed with each of
Django's requests, of which a decision is none. Here it stays open, in autocommit: each statement sees what is committed
when it begins. A connection that has died while it was idle is replaced, once, for the same statement.
"""

import itertools
import os
import re
import select
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, time
from typing import Any, Protocol

from django.conf import settings
from django.db import Error, connection, connections

try:
    import psycopg
    from psycopg.adapt import Transformer
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus
    from psycopg.pq.abc import PGresult
except ImportError:  # installed with the extra `postgres` only
    psycopg = None  # type: ignore[assignment]

PATIENCE = 1.5
"""Seconds a statement may take; whoever asked has given up by then (Envoy waits 0.2 s by default)."""

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
    """One open connection to the database."""

    def fetch(self, statement: str, values: Sequence[str]) -> Rows:
        """Return the rows of `statement`, whose places for `values` are written `%s`."""

    def close(self) -> None:
        """Close the connection."""


class SqliteReader:
    """A connection to the SQLite file; given up where a restored backup has taken the file's place."""

    def __init__(self, database: dict[str, Any]) -> None:
        self._path = str(database["NAME"])
        address = f"{Path(self._path).absolute().as_uri()}?mode=rw"
        self._connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=PATIENCE)
        self._cursor = self._connection.execute("PRAGMA query_only = ON")
        # A million tokens outgrow a connection's own cache, which every writer's commit empties besides.
        self._cursor.execute(f"PRAGMA mmap_size = {MAPPED}").fetchall()
        self._written: dict[str, str] = {}
        self._file = self._which_file()
        self._looked_at = time()

    def fetch(self, statement: str, values: Sequence[str]) -> Rows:
        if time() - self._looked_at > 1:
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
        self._looked_at = time()
        if self._which_file() != self._file:
            raise sqlite3.OperationalError("Another file has taken the place of the database.")


class PostgresReader:
    """A connection to PostgreSQL, spoken to through libpq: psycopg's cursor would add half of what a question takes.

    It never waits longer than PATIENCE, not even for a server that has stopped without closing the connection.
    """

    def __init__(self, database: dict[str, Any]) -> None:
        limit = int(PATIENCE * 1000)
        told = {"default_transaction_read_only": "on", "statement_timeout": limit, "TimeZone": "UTC"} | BY_INDEX
        self._connection = psycopg.connect(
            dbname=database["NAME"],
            user=database["USER"],
            password=database["PASSWORD"],
            host=database["HOST"],
            port=database["PORT"] or None,
            autocommit=True,
            client_encoding="utf8",
            connect_timeout=2,
            tcp_user_timeout=limit,
            options=" ".join(f"-c {name}={value}" for name, value in told.items()),
        )
        self._wire = self._connection.pgconn
        self._wire.nonblocking = 0  # what is sent is a few hundred bytes; only the answer may be long in coming
        self._arriving = select.poll()
        self._arriving.register(self._wire.socket, select.POLLIN)
        self._loader = Transformer(self._connection)
        self._prepared: dict[str, bytes] = {}

    def fetch(self, statement: str, values: Sequence[str]) -> Rows:
        name = self._prepared.get(statement) or self._prepare(statement)
        # Binary, so that a value travels with its length: as text it would end at its first NUL.
        sent = [value.encode() for value in values]
        self._wire.send_query_prepared(name, sent, param_formats=[1] * len(sent), result_format=1)
        result = self._result()
        self._loader.set_pgresult(result)
        return self._loader.load_rows(0, result.ntuples, tuple)

    def close(self) -> None:
        self._connection.close()

    def _prepare(self, statement: str) -> bytes:
        numbers = itertools.count(1)
        written = re.sub("%s", lambda _found: f"${next(numbers)}", statement)
        name = b"decision_%d" % len(self._prepared)
        self._wire.send_prepare(name, written.encode())
        self._result()
        self._prepared[statement] = name
        return name

    def _result(self) -> "PGresult":
        """Wait for the answer to what was sent, to its end, and return it. Raises psycopg.Error where that is none."""
        found = None
        while True:
            while self._wire.is_busy():
                if not self._arriving.poll(PATIENCE * 1000):
                    raise psycopg.OperationalError("PostgreSQL does not answer.")
                self._wire.consume_input()
            result = self._wire.get_result()
            if result is None:
                break
            found = result
        if found is None or found.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise error_from_result(found) if found else psycopg.OperationalError("PostgreSQL gave no answer.")
        return found


class DjangoReader:
    """Django's own connection: sees what the thread's open transaction has written. For tests that roll back."""

    def __init__(self, _database: dict[str, Any]) -> None:
        pass

    def fetch(self, statement: str, values: Sequence[str]) -> Rows:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: Rows = cursor.fetchall()
            return rows

    def close(self) -> None:
        connection.close()


READERS: dict[str, Callable[[dict[str, Any]], Reader]] = {"sqlite": SqliteReader, "postgresql": PostgresReader}

_own = threading.local()


def fetch(statement: str, *values: str) -> Rows:
    """Return the rows of `statement`, whose places for `values` are written `%s`.

    Raises Unreachable where the database does not answer over a new connection either.
    """
    reader: Reader | None = getattr(_own, "reader", None)
    if reader is None:
        return _fetch_anew(statement, values)
    begun = monotonic()
    try:
        return reader.fetch(statement, values)
    except FAULTS as fault:
        forget()
        if monotonic() - begun > PATIENCE / 2:
            raise Unreachable from fault  # slow, not dead: asking again would take as long once more
    return _fetch_anew(statement, values)


def forget() -> None:
    """Close this thread's connection, if it has one; the next question opens another."""
    reader: Reader | None = _own.__dict__.pop("reader", None)
    if reader is not None:
        with suppress(*FAULTS):  # it may be broken already
            reader.close()


def _fetch_anew(statement: str, values: Sequence[str]) -> Rows:
    kind = DjangoReader if settings.DECISIONS_THROUGH_DJANGO else READERS[connection.vendor]
    try:
        reader = _own.reader = kind(connections["default"].settings_dict)
        return reader.fetch(statement, values)
    except FAULTS as fault:
        forget()
        raise Unreachable from fault
