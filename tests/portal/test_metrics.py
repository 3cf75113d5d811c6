"""`/metrics`, `/readyz` and `/livez`: what those who watch over Keyhouse are told."""

import platform
import re
from http import HTTPStatus

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests.factories import make_gateway, make_merchant, make_token
from tests.tokens.questions import ask
from tests.tokens.test_authorize_faults import renamed
from tokens import usage
from tokens.gateway.authorize import TIMED
from tokens.ledger import BOUNDS

SERIES = re.compile(r"[a-z_]+")


def told(client: Client) -> dict[str, float]:
    """Return every series that /metrics tells, with its labels, after a look at the form of the whole."""
    lines = client.get(reverse("metrics")).content.decode().splitlines()
    kinds = dict(line.split()[2:4] for line in lines if line.startswith("# TYPE "))
    helped = {line.split()[2] for line in lines if line.startswith("# HELP ")}
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    named = {re.sub("_(bucket|sum|count)$", "", SERIES.match(name)[0]) for name in found}
    assert named <= set(kinds) == helped
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_counts_of_all_workers_are_told_on_the_loopback(db, client, address):
    for outcome in ("good", "good", "digest"):
        usage.count(None, caller="", outcome=outcome)
    usage.flush()
    usage.count(None, caller="", outcome="good")
    usage.flush()
    answer = client.get(reverse("metrics"), REMOTE_ADDR=address)
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    figures = told(client)
    assert figures['keyhouse_decisions_total{outcome="good"}'] == 3
    assert figures['keyhouse_decisions_total{outcome="digest"}'] == 1


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "", "nonsense"])
def test_for_everybody_else_there_is_no_such_page(db, client, address):
    assert client.get(reverse("metrics"), REMOTE_ADDR=address).status_code == HTTPStatus.NOT_FOUND


def test_it_says_what_runs_here(db, client):
    build = f'version="0.1.0",python="{platform.python_version()}",database="{connection.vendor}"'
    assert told(client)[f"keyhouse_build_info{{{build}}}"] == 1


def test_one_decision_in_eight_is_timed_and_each_bucket_holds_those_before_it(db, client):
    _, gateway = make_gateway()
    _, secret = make_token(make_merchant())
    for _ in range(10 * TIMED):
        ask(X_Keyhouse_Gateway=gateway, Authorization=f"Bearer {secret}")
    usage.flush()
    figures = told(client)
    buckets = [figures[f'keyhouse_decision_seconds_bucket{{le="{bound}"}}'] for bound in (*BOUNDS, "+Inf")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == figures["keyhouse_decision_seconds_count"] == 10
    assert buckets[-2] == 10, "none took a second"
    assert 0 < figures["keyhouse_decision_seconds_sum"] < 10


@pytest.mark.django_db(transaction=True)
def test_counts_that_wait_to_be_written_and_failures_to_write_them_are_told(client):
    assert told(client)["keyhouse_usage_unwritten_seconds"] == 0
    usage.count(None, caller="", outcome="good")
    usage._counter.written_at -= 5
    assert told(client)["keyhouse_usage_unwritten_seconds"] >= 5
    with renamed("tokens_decisiontotal"):
        usage._counter._quietly(usage.flush)
    assert told(client)["keyhouse_usage_flush_failures_total"] == 0, "which could not be written either"
    usage.flush()
    figures = told(client)
    assert figures["keyhouse_usage_flush_failures_total"] == 1
    assert figures["keyhouse_usage_unwritten_seconds"] == 0


@pytest.mark.django_db(transaction=True)
def test_while_the_database_does_not_answer_that_is_what_is_told(client):
    assert told(client)["keyhouse_database_up"] == 1
    with renamed("tokens_operatingfigure"):
        figures = told(client)
        assert figures["keyhouse_database_up"] == 0
        assert not [name for name in figures if name.startswith("keyhouse_decision")], "no sum that would be too low"
    with renamed("accounts_entity"):
        answer = client.get(reverse("readyz"))
        assert (answer.status_code, answer.content) == (HTTPStatus.SERVICE_UNAVAILABLE, b"database\n")
        assert client.get(reverse("livez")).status_code == HTTPStatus.OK
    assert client.get(reverse("readyz")).status_code == HTTPStatus.OK
