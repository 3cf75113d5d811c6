"""Millions of rows: past the models, as fast as the database takes them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection

PRESENTED = 1_000
"""How many credentials are presented over and over, drawn from everywhere among all."""


def load(table: str, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write `rows` into `table`; their values are what the database driver understands, moments as `moment` gives."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            cursor.execute("PRAGMA cache_size = -400000")  # kB: random keys go everywhere into their index
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)  # noqa: S608


def moment(when: datetime) -> datetime | str:
    """Return an aware moment as the database stores it."""
    return connection.ops.adapt_datetimefield_value(when)


def settle() -> None:
    """Leave the database as it is after a quiet hour: statistics gathered where that is done, nothing in the log."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)")
