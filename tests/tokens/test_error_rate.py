"""What a server's processes are asked is what the pages tell: how often, with which outcome, and why not (S3-4)."""

import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from tests import processes
from tests.campaigns import stage
from tests.factories import make_administrator, make_token
from tests.reading import client_of, main_of
from tests.tokens.conftest import House
from tokens.models import Token, UsageBucket
from tokens.permissions import VIEW

pytestmark = pytest.mark.django_db(transaction=True)

GOOD, FAILED = 420, 140
"""Requests that are let through, and that are not, of the counted run."""


def question(house: House, secret: str, query: str = "", caller: str = "192.0.2.7") -> bytes:
    """Return the bytes of one question about `secret`, whose bearer stands at `caller`."""
    asked = stage.question(secret, house.gateway_secret, query)
    return asked.replace(b"\r\n\r\n", f"\r\nX-Keyhouse-Caller: {caller}\r\n\r\n".encode())


def ask(server: processes.Server, *questions: bytes) -> list[int]:
    """Ask over one connection, which reaches one of the server's processes; return the statuses."""
    with closing(socket.create_connection((processes.HOST, server.port), timeout=30)) as line:
        return [stage.status(line, each) for each in questions]


def refusals_on(page) -> dict[str, str]:
    """Return why requests were refused and how often, as the token's page says it."""
    tables = page.all("table", aria_label="Refusals")
    return {row["Refused because"]: row["Requests"] for table in tables for row in table.rows}


def test_each_refusal_has_its_own_reason_on_the_tokens_page(house: House, tmp_path: Path):
    """S1-7, S1-8, S3-4, C8: wrong mode either way, a permission not held, an address outside: 403 alike, told apart."""
    live, live_secret = make_token(
        house.merchant, alias="Live", permissions=VIEW, networks="192.0.2.0/24 2001:db8::/32"
    )
    test, test_secret = make_token(house.merchant, alias="Test", mode="test")
    cases = [
        (live, live_secret, "mode=test", "192.0.2.7", "mode", "Test was asked for, and this is a live token"),
        (test, test_secret, "mode=live", "192.0.2.7", "mode", "Live was asked for, and this is a test token"),
        (live, live_secret, "permission=customer.edit", "192.0.2.7", "permission", "does not have the permission"),
        (live, live_secret, "mode=live", "198.51.100.7", "network", "an address outside the allowed networks"),
        (live, live_secret, "mode=live", "2001:db9::1", "network", "an address outside the allowed networks"),
    ]
    client = client_of(make_administrator(house.merchant))
    with processes.portal(tmp_path, workers=2) as server:
        for token, secret, query, caller, outcome, words in cases:
            assert ask(server, question(house, secret, query, caller)) == [HTTPStatus.FORBIDDEN]
            counted = UsageBucket.objects.filter(token=token, caller=caller, outcome=outcome, count=1)
            assert processes.wait_until(counted.exists, seconds=5), (query, caller)
            shown = refusals_on(main_of(client.get(token.get_absolute_url())))
            assert any(words in reason for reason in shown), (words, shown)
        assert ask(server, question(house, live_secret, "mode=live&permission=customer.view")) == [HTTPStatus.OK]
    assert refusals_on(main_of(client.get(test.get_absolute_url()))) == dict.fromkeys([cases[1][-1]], "1")
    assert list(refusals_on(main_of(client.get(live.get_absolute_url()))).values()) == ["2", "1", "1"]


def figures(client: Client, token: Token) -> tuple[str, ...]:
    """Return successful, failed and error rate as the token's page, the list and both grids tell them."""
    page = main_of(client.get(token.get_absolute_url())).one("section", aria_labelledby="usage")
    tiles = {tile.one("dt").text: tile.one("dd").text for tile in page.all("div", class_="tile")}
    (row,) = main_of(client.get(token.entity.get_absolute_url())).one("section", aria_labelledby="tokens").rows
    (merchant,) = main_of(client.get(reverse("portal:merchants"))).rows
    dashboard = main_of(client.get(reverse("portal:dashboard")))
    totals = {tile.one("dt").text: tile.one("dd").text for tile in dashboard.all("div", class_="tile")}
    sums = (totals["Accepted, last 24 h"], totals["Refused, last 24 h"])
    return tiles["Successful"], tiles["Failed"], row["Last 24 h"], merchant["Last 24 h"], *sums


def test_the_figures_are_the_requests_that_were_sent(house: House, tmp_path: Path):
    """S3-4, S0-20: every one of 560 requests to three processes, within two seconds after the last, on every page."""
    client = client_of(make_administrator(house.merchant))
    good = question(house, house.secret, "mode=live")
    bad = [question(house, house.secret, query) for query in ("mode=test", f"entity={house.sibling.entity_id}")]
    runs = [[good, good, good, bad[number % 2]] * 7 for number in range(FAILED // 7)]
    with processes.portal(tmp_path, workers=3) as server, ThreadPoolExecutor(8) as pool:
        answers = Counter(status for found in pool.map(lambda run: ask(server, *run), runs) for status in found)
        assert answers == {HTTPStatus.OK: GOOD, HTTPStatus.FORBIDDEN: FAILED}
        expected = (
            "420",
            "140error rate 25.0 %",
            "420 ok 140 failed (25.0 %)",
            "420 ok140 failed (25.0 %)",
            "420requests",
            "140requests",
        )
        assert processes.wait_until(lambda: figures(client, house.token) == expected, seconds=2), figures(
            client, house.token
        )
    assert figures(client, house.token) == expected, "and nothing is added when the processes end"
