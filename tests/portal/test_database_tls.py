"""How the way to the database is told to use TLS (OWASP ASVS 5.0, 12.3.1, 12.3.2; PCI DSS 4.0, 2.2.7)."""

from time import monotonic

import pytest
from django.db.backends.postgresql.base import DatabaseWrapper

from portal.environment import read_database
from tokens import readers

URL = "postgres://keyhouse:word@db.example/keyhouse?sslmode=verify-full&sslrootcert=/etc/keyhouse/ca.pem&pool=no"

postgres = pytest.mark.skipif(readers.psycopg is None, reason="psycopg is not installed")


@pytest.fixture
def database(monkeypatch) -> dict:
    monkeypatch.setenv("DATABASE_URL", URL)
    return read_database()


@postgres
def test_pages_speak_tls_as_the_address_of_the_database_says(database):
    defaults = {"TIME_ZONE": None, "TEST": {}, "CONN_MAX_AGE": 0, "AUTOCOMMIT": True, "ATOMIC_REQUESTS": False}
    told = DatabaseWrapper(defaults | database).get_connection_params()
    assert (told["sslmode"], told["sslrootcert"]) == ("verify-full", "/etc/keyhouse/ca.pem")
    assert database["OPTIONS"]["pool"] != "no"


@postgres
def test_decisions_do_too(database, monkeypatch):
    asked = []

    def connect(address: str):
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(readers.generators, "connect", connect)
    with pytest.raises(ConnectionRefusedError):
        readers.PostgresReader(database, monotonic() + 1)
    assert "sslmode=verify-full" in asked[0]
    assert "sslrootcert=/etc/keyhouse/ca.pem" in asked[0]


def test_without_a_word_about_it_nothing_is_changed(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://keyhouse@/keyhouse")
    assert not [name for name in read_database()["OPTIONS"] if name.startswith("ssl")]
