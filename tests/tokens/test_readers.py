"""The decision over the driver's own connection, as it serves; the other tests of the decision use Django's."""

import shutil
import socket
import sqlite3
import threading
import time

import pytest
from django.conf import settings as django_settings
from django.db import connection

from tests.factories import make_token, put_into
from tests.processes import wait_until
from tests.tokens.conftest import House, with_another_secret
from tokens import readers
from tokens.readers import LOOK, LOOK_AT_FILE, PATIENCE, PostgresReader, SqliteReader, Unreachable
from tokens.verification import GOOD


@pytest.fixture
def own(transactional_db, house: House, settings) -> House:
    """Return the house, committed, with decisions over connections of their own."""
    settings.DECISIONS_THROUGH_DJANGO = False
    readers.forget()
    yield house
    readers.forget()


def in_time() -> float:
    return time.monotonic() + PATIENCE


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
    reader = SqliteReader({"NAME": path}, in_time())
    assert reader.fetch("SELECT value FROM t", (), in_time()) == [(1,)]
    shutil.move(tmp_path / "two.sqlite3", path)
    reader._looked_at -= LOOK_AT_FILE
    with pytest.raises(sqlite3.OperationalError):
        reader.fetch("SELECT value FROM t", (), in_time())
    path.unlink()
    with pytest.raises(FileNotFoundError):
        reader.fetch("SELECT value FROM t", (), in_time() + LOOK_AT_FILE)


def test_a_server_that_takes_a_connection_and_stays_silent_is_given_up(settings):
    """A frozen PostgreSQL: the kernel takes connections in its place. What libpq waits for would never come."""
    postgres = pytest.importorskip("psycopg")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        address = {"NAME": "n", "USER": "u", "PASSWORD": "", "HOST": host, "PORT": port}
        begun = time.monotonic()
        with pytest.raises(postgres.OperationalError):
            PostgresReader(address, begun + 0.3)
        assert 0.2 < time.monotonic() - begun < 1


class Frozen:
    """A database that answers nothing until it is `thawed`. The real ones are frozen in tests/campaigns/outage.py."""

    thawed = threading.Event()

    def __init__(self, _database: dict, _deadline: float) -> None:
        self.asked = None

    def fetch(self, statement: str, _values: tuple, deadline: float) -> list:
        if not self.thawed.wait(deadline - time.monotonic()):
            raise sqlite3.OperationalError("There is no answer.")
        return [(statement,)]

    def close(self) -> None:
        """There is nothing to close."""


def waits(threads: int) -> list[float]:
    """Let so many threads ask at once; return how long each waited to hear that nothing answers."""
    waited: list[float] = []

    def ask() -> None:
        begun = time.monotonic()
        with pytest.raises(Unreachable):
            readers.fetch("?")
        waited.append(time.monotonic() - begun)

    asking = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert len(waited) == threads
    return sorted(waited)


def answers() -> bool:
    try:
        return readers.fetch("!") == [("!",)]
    except Unreachable:
        return False


def test_once_the_database_stays_silent_one_asks_on_and_all_others_are_told_at_once(settings, monkeypatch):
    """Else those that wait for a thread would wait for one another: with 4 threads the twentieth for eight seconds."""
    settings.DECISIONS_THROUGH_DJANGO = False
    monkeypatch.setattr(readers, "READERS", dict.fromkeys(("sqlite", "postgresql"), Frozen))
    monkeypatch.setattr(readers, "_silence", readers.Silence())
    readers.forget()
    assert waits(4)[0] > PATIENCE * 0.9
    *told, looked = waits(20)
    assert told[-1] < LOOK
    assert LOOK * 0.9 < looked < PATIENCE, "who looks has waited for a thread before"
    assert waits(20)[-1] < LOOK, "and then nobody looks for a while"
    Frozen.thawed.set()
    assert wait_until(answers, seconds=readers.Silence.PAUSE * 3), "it is back"
    assert not readers._silence.lasts
    readers.forget()


def test_production_uses_the_drivers_connection():
    """Only the tests' settings say otherwise."""
    source = (django_settings.BASE_DIR / "portal" / "settings.py").read_text(encoding="utf-8")
    assert "DECISIONS_THROUGH_DJANGO = False" in source
