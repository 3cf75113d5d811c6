"""The decision over the driver's own connection, as it serves; the other tests of the decision use Django's."""

import shutil
import sqlite3
import threading
import time

import pytest
from django.conf import settings as django_settings
from django.db import connection

from tests.factories import make_token, put_into
from tests.tokens.conftest import House, with_another_secret
from tokens import readers
from tokens.readers import PATIENCE, SqliteReader, Unreachable
from tokens.verification import GOOD


@pytest.fixture
def own(transactional_db, house: House, settings) -> House:
    """Return the house, committed, with decisions over connections of their own."""
    settings.DECISIONS_THROUGH_DJANGO = False
    readers.forget()
    yield house
    readers.forget()


def test_both_ways_to_the_database_decide_alike(own: House, settings):
    """S0-32, DESIGN 6: the same answers on SQLite and PostgreSQL, over Django's connection and the driver's."""
    _, expired = make_token(own.merchant, expires_at=own.token.created_at)
    _, lasting = make_token(own.merchant, expires_at=own.token.created_at.replace(year=2100))
    inactive, inactive_secret = make_token(own.merchant)
    put_into(inactive, "inactive")
    bindings = ({}, {"mode": "test"}, {"permission": "customer.view"}, {"permission": "x"})
    bindings += ({"entity": own.terminal.entity_id}, {"entity": own.sibling.entity_id})
    secrets = (own.secret, expired, lasting, inactive_secret, with_another_secret(own.secret))

    def answers() -> list:
        return [own.decide(secret, **bound) for secret in secrets for bound in bindings]

    first = answers()
    settings.DECISIONS_THROUGH_DJANGO = True
    readers.forget()
    assert answers() == first
    assert {answer.reason for answer in first} == {
        GOOD,
        "mode",
        "permission",
        "entity",
        "expired",
        "inactive",
        "digest",
    }


def test_a_committed_change_is_seen_by_a_connection_that_stays_open(own: House):
    """S0-32, S0-34."""
    assert own.reason() == GOOD
    put_into(own.token, "inactive")
    assert own.reason() == "inactive"
    own.suspend(own.partner)
    assert own.reason() == "inactive"


def test_the_connection_cannot_write(own: House):
    own.reason()
    with pytest.raises(Unreachable):
        readers.fetch("UPDATE tokens_token SET status = 'inactive' RETURNING id")
    assert own.reason() == GOOD


def test_a_connection_that_died_is_replaced_for_the_same_question(own: House):
    assert own.reason() == GOOD
    readers._own.reader.close()
    assert own.reason() == GOOD


def test_each_thread_has_a_connection_of_its_own(own: House):
    own.reason()
    seen = []
    thread = threading.Thread(target=lambda: seen.append((own.reason(), readers._own.reader)))
    thread.start()
    thread.join()
    assert seen[0][0] == GOOD
    assert seen[0][1] is not readers._own.reader


def test_a_writer_that_holds_the_lock_stalls_no_decision(own: House):
    """PERFORMANCE.md: decisions read beside a writer."""
    own.reason()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
        cursor.execute("UPDATE tokens_token SET last_used_at = last_used_at")
        begun = time.monotonic()
        answers = {own.reason() for _ in range(50)}
        took = time.monotonic() - begun
        cursor.execute("ROLLBACK")
    assert answers == {GOOD}
    assert took < PATIENCE


def test_a_server_that_stays_silent_is_given_up(own: House):
    """It may be frozen, or cut off: then its own limit to a statement is no help."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server")
    own.reason()
    readers.fetch("SET statement_timeout = 0")
    pid = readers._own.reader._connection.info.backend_pid
    begun = time.monotonic()
    with pytest.raises(Unreachable):
        readers.fetch("SELECT pg_sleep(60)::text")
    assert time.monotonic() - begun < 2 * PATIENCE
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    assert own.reason() == GOOD


def test_a_file_that_took_the_databases_place_is_noticed(tmp_path):
    """A restored backup: decisions on the old file would bring revoked tokens back."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no file that could be replaced under it")
    path = tmp_path / "one.sqlite3"
    for name, value in (("one", 1), ("two", 2)):
        with sqlite3.connect(tmp_path / f"{name}.sqlite3") as database:
            database.execute("CREATE TABLE t (value)")
            database.execute("INSERT INTO t VALUES (?)", [value])
    reader = SqliteReader({"NAME": path})
    assert reader.fetch("SELECT value FROM t", ()) == [(1,)]
    shutil.move(tmp_path / "two.sqlite3", path)
    reader._looked_at -= 2
    with pytest.raises(sqlite3.OperationalError):
        reader.fetch("SELECT value FROM t", ())


def test_production_uses_the_drivers_connection():
    """Only the tests' settings say otherwise."""
    source = (django_settings.BASE_DIR / "portal" / "settings.py").read_text(encoding="utf-8")
    assert "DECISIONS_THROUGH_DJANGO = False" in source
