"""The access matrix: every URL, every persona, own, foreign and missing objects, GET and POST.

A URL without a row fails. A row says what the persona gets for an object of *Aurora Coffee* (or, without an object,
at all); every persona but the platform's two is then also shown an object of nobody they know and one that does not
exist, and the two answers must be the same to the byte.
"""

from http import HTTPStatus

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.urls import get_resolver

from accounts.models import Entity
from tests.access_matrix import ADMIN_ROWS, MATRIX, MODELS_IN_ADMIN, PERSONAS
from tests.access_world import OF_SOMEBODY, address, make_world, send, typed, undone, urls

WRITTEN_BY_GET = {"accounts_session", "accounts_auditevent"}
"""A look at the sign-in page may store a session; a look in the Django admin, or at the activity log, is an audit
event, and the session remembers it for a while. Nothing else."""


@pytest.fixture(scope="module")
def world(kept_database) -> dict:
    return make_world()


def rows() -> list[tuple[str, str, list[int]]]:
    """Return (URL name, method, status for each persona) for every row of both tables."""
    text = MATRIX + "".join(
        f"admin:{model}_{line}\n" for model in MODELS_IN_ADMIN for line in ADMIN_ROWS.strip().splitlines()
    )
    text = text.replace("tokens_token_history     GET  200 200", "tokens_token_history     GET  302 302")
    table = [line.split() for line in text.strip().splitlines()]
    return [(name, method, [int(status) for status in statuses]) for name, method, *statuses in table]


def test_every_url_has_a_row():
    """S2-19: nothing is reachable that nobody thought about."""
    assert urls(get_resolver()) == {name for name, _method, _statuses in rows()}


@pytest.mark.parametrize(("name", "method", "statuses"), rows(), ids=lambda value: str(value)[:40])
def test_each_persona_gets_what_the_matrix_says(world, name, method, statuses):
    """S0-9, S2-17, S2-18, S2-19, C9: own objects as the role allows; 404 for what one may not know of."""
    got = []
    for persona in PERSONAS:
        response = send(world["clients"][persona], method, address(name, world, world["aurora"]), typed(name, world))
        got.append(response.status_code)
        if persona not in {"platform", "support", "rival"}:
            assert b"Borealis" not in response.content, f"{persona} reads of another merchant"
        if persona == "rival":
            assert b"Aurora" not in response.content, "the rival reads of another merchant"
    assert dict(zip(PERSONAS, got, strict=True)) == dict(zip(PERSONAS, statuses, strict=True))


@pytest.mark.parametrize("name", sorted(OF_SOMEBODY))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_foreign_and_missing_are_the_same_to_the_byte(world, name, method):
    """S2-17, S2-19: what one may not see is as good as not there."""
    for persona in PERSONAS[2:]:
        other = world["aurora"] if persona == "rival" else world["borealis"]
        client = world["clients"][persona]
        foreign = send(client, method, address(name, world, other), typed(name, world))
        missing = send(client, method, address(name, world, None), typed(name, world))
        expected = (
            {HTTPStatus.FOUND} if persona == "anonymous" else {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
        )
        assert foreign.status_code in expected, persona
        assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content), persona
        if persona != "anonymous":  # there, the address of the sign-in page holds the one that was asked for
            assert foreign.headers == missing.headers, persona


@pytest.mark.parametrize("name", sorted({name for name, method, _statuses in rows() if method == "GET"}))
def test_get_never_changes_a_row(world, name):
    """DESIGN 7: GET asks, POST acts."""
    before = contents()
    for persona in PERSONAS:
        client = world["clients"][persona]
        with undone(client):
            client.get(address(name, world, world["aurora"]))
            assert contents() == before, persona


def contents() -> dict[str, list]:
    """Return every row of every table that a GET must leave alone."""
    with connection.cursor() as cursor:
        tables = [table for table in connection.introspection.table_names(cursor) if table not in WRITTEN_BY_GET]
        found = {}
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  names from the database
            found[table] = sorted(map(repr, cursor.fetchall()))
    return found


def test_nobody_signed_in_sees_nothing(world):
    """S2-19: a query for nobody is empty, whatever there is."""
    assert not Entity.objects.visible_to(AnonymousUser()).exists()
