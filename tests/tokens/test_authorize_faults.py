"""What a gateway is told when Keyhouse itself has a fault: 503, for as long as the fault lasts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest
from django.db import connection

from tests.processes import ROOT, free_port
from tests.tokens.conftest import House
from tests.tokens.questions import Answer, ask
from tokens import readers
from tokens.gateway import authorize

FAULT = Answer("503 Service Unavailable", [("Content-Length", "0"), ("Cache-Control", "no-store")])

ASK_ONCE = """
from django.conf import settings
settings.DECISIONS_THROUGH_DJANGO = False
from tests.tokens.questions import ask
from tokens.formats import mint, write
print(ask(Authorization="Bearer " + write(mint("api", "live")), X_Keyhouse_Gateway=write(mint("gtw", "live"))))
print(ask(Authorization="Bearer nonsense", X_Keyhouse_Gateway=write(mint("gtw", "live"))).line)
"""


def ask_about(house: House) -> Answer:
    return ask(Authorization=f"Bearer {house.secret}", X_Keyhouse_Gateway=house.gateway_secret)


@contextmanager
def renamed(table: str):
    """Let the table have another name inside the block: a half-done migration, a wrong search path."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@pytest.fixture
def committed(transactional_db, house: House, settings) -> Iterator[House]:
    """Return the house as servers see it: committed, and asked about over the driver's own connection."""
    settings.DECISIONS_THROUGH_DJANGO = False
    readers.forget()
    yield house
    readers.forget()


@pytest.mark.parametrize("table", ["tokens_token", "accounts_entity"])
def test_a_database_that_cannot_answer_lets_nobody_through_and_recovers(committed, table, caplog):
    assert ask_about(committed).status == HTTPStatus.OK
    with renamed(table):
        assert ask_about(committed) == ask_about(committed) == FAULT
        assert committed.secret not in caplog.text
    assert ask_about(committed).status == HTTPStatus.OK


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_that_is_not_there_is_a_503_and_a_malformed_token_still_a_401(tmp_path, kind):
    addresses = {
        "sqlite": f"sqlite:///{tmp_path}/no/such/folder/x.sqlite3",
        "postgresql": f"postgres://nobody@127.0.0.1:{free_port()}/nothing",
    }
    environment = os.environ | {"DATABASE_URL": addresses[kind], "DJANGO_SETTINGS_MODULE": "tests.settings"}
    words = [sys.executable, "-c", ASK_ONCE]
    done = subprocess.run(words, check=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [repr(FAULT), "401 Unauthorized"], done.stderr


def test_a_connection_that_died_while_it_was_idle_costs_no_question(committed):
    """After a restart of PostgreSQL every thread's connection is dead, and no payer should pay for that."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections that could be cut")
    assert ask_about(committed).status == HTTPStatus.OK
    pid = readers._own.reader._connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert ask_about(committed).status == HTTPStatus.OK
    assert readers._own.reader._connection.info.backend_pid != pid


def test_a_gateway_that_lets_a_503_through_can_be_told_403(committed, settings):
    settings.REFUSE_ON_FAULT = True
    with renamed("tokens_token"):
        assert ask_about(committed) == Answer("403 Forbidden", FAULT.headers)
    assert ask_about(committed).status == HTTPStatus.OK


def test_a_fault_that_lasts_is_written_down_now_and_then_and_not_with_every_question(committed, caplog):
    """An outage at ten thousand questions a second must not fill the disk as well."""
    authorize._said_at.clear()  # what other tests have made it say
    with renamed("tokens_token"):
        for _ in range(50):
            assert ask_about(committed) == FAULT
    assert 1 <= caplog.text.count("The decision could not be made.") < 10


def test_a_pepper_that_is_missing_is_a_fault_of_ours_and_no_refusal(house, settings, caplog):
    """Told as 401 it would look like thousands of wrong tokens; as 503 it looks like what it is."""
    settings.TOKEN_PEPPERS = {2: b"another pepper" * 4}
    assert ask_about(house) == FAULT
    assert "KeyError" in caplog.text
    assert house.secret not in caplog.text
