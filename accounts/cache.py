"""Django's cache, as rows of JSON. django-allauth keeps in it who has asked how often lately; nobody else uses it.

Django's own backend pickles what it keeps, and a pickle runs what its writer likes: whoever can write to the database
would have the keys that are kept outside of it, those of the vault and of the audit log.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection
from django.utils import timezone

FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)

READ = "SELECT value FROM accounts_cache WHERE cache_key = %s AND expires > %s"
SET = """INSERT INTO accounts_cache (cache_key, value, expires) VALUES (%s, %s, %s)
ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires"""
ADD = f"{SET} WHERE accounts_cache.expires <= %s"
TOUCH = "UPDATE accounts_cache SET expires = %s WHERE cache_key = %s AND expires > %s"
DELETE = "DELETE FROM accounts_cache WHERE cache_key = %s"
PRUNE = """DELETE FROM accounts_cache WHERE cache_key IN
(SELECT cache_key FROM accounts_cache WHERE expires <= %s LIMIT 100 {unlocked})"""
UNLOCKED = {"sqlite": "", "postgresql": "FOR UPDATE SKIP LOCKED"}
"""Two that prune at once take different rows, instead of waiting for each other in a circle."""


class JsonCache(BaseCache):
    """What is kept for a while, in the table `accounts_cache`. Of what is no JSON, nothing is found."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(READ, [self._named(key, version), _stored(timezone.now())])
            row = cursor.fetchone()
        try:
            return json.loads(row[0]) if row else default
        except ValueError:
            return default

    def set(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Keep `value`, which JSON can write, for `timeout` seconds; and clear away what is over."""
        _write(SET, [self._named(key, version), json.dumps(value), self._end(timeout)])
        _write(PRUNE.format(unlocked=UNLOCKED[connection.vendor]), [_stored(timezone.now())])

    def add(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep `value` where there is none; return whether there was none. Of several at once one is told so."""
        told = [self._named(key, version), json.dumps(value), self._end(timeout), _stored(timezone.now())]
        return _write(ADD, told)

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return _write(TOUCH, [self._end(timeout), self._named(key, version), _stored(timezone.now())])

    def delete(self, key: str, version: int | None = None) -> bool:
        return _write(DELETE, [self._named(key, version)])

    def clear(self) -> None:
        _write("DELETE FROM accounts_cache", [])

    def _named(self, key: str, version: int | None) -> str:
        name: str = self.make_and_validate_key(key, version=version)
        return name

    def _end(self, timeout: float | None) -> Any:
        """Return the end of so many seconds from now as the column has it; None lasts for ever."""
        moment = self.get_backend_timeout(timeout)
        return _stored(FOR_EVER if moment is None else datetime.fromtimestamp(moment, UTC))


def _stored(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _write(statement: str, values: Sequence[Any]) -> bool:
    """Run `statement`; return whether it changed a row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount > 0
