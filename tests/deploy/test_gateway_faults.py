"""Envoy and Traefik with the recipes of `deploy/`: what they ask, and what they make of every answer, wrong ones too.

In place of Keyhouse stands something that answers as it is told and remembers what it was asked.
"""

import json
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests import processes
from tests.deploy.gateways import STARTERS, Gateway
from tests.processes import PaymentCore
from tests.tokens.clients import Edge

PAY, SECRET = "/v1/payments/", "kh_api_live_of_the_client"
GOOD = "200 OK\r\nX-Keyhouse-Entity: mer_1\r\nX-Keyhouse-Mode: live\r\nSet-Cookie: a=b\r\nX-Other: y\r\nLocation: /x"
QUESTION = "/gateway/authorize?mode=live&permission=payment_transaction.edit"
ASKED = {"envoy": f"POST {QUESTION} HTTP/1.1", "traefik": f"GET {QUESTION}&caller=x-forwarded-for HTTP/1.1"}


class Between(Edge):
    """A gateway between something that answers for Keyhouse and a payment core."""

    def __init__(self, gateway: Gateway, keyhouse: PaymentCore, core: PaymentCore) -> None:
        super().__init__(gateway.port)
        self.gateway, self.asks, self.core = gateway, keyhouse, core

    def answered(self, keyhouse: str, core: str = "200 OK") -> None:
        """Let both answer so from now on, and forget what they were asked."""
        self.asks.answer, self.core.answer = keyhouse, core
        self.asks.asked.clear()
        self.core.asked.clear()


@pytest.fixture(scope="module", params=STARTERS)
def running(request, tmp_path_factory) -> Iterator[Between]:
    program = request.getfixturevalue(request.param)
    with processes.payment_core(GOOD, echoes=False) as asked, processes.payment_core() as core:
        folder = tmp_path_factory.mktemp(request.param) / "gateway"
        ports = {"keyhouse": asked.port, "core": core.port}
        with STARTERS[request.param](program, folder, credential="kh_gtw_live_1", **ports) as server:
            between = Between(Gateway(request.param, server.port, folder), asked, core)
            assert processes.wait_until(lambda: between.ask(PAY, SECRET).status == HTTPStatus.OK)
            yield between


@pytest.fixture
def between(running: Between) -> Between:
    running.answered(GOOD)
    return running


def test_whatever_keyhouse_fails_with_nobody_is_let_through(between: Between):
    """An error and silence are an error to the client; Traefik has its 500 for both, Envoy says 503 as nginx does."""
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    silent = unavailable if between.gateway.kind == "envoy" else HTTPStatus.INTERNAL_SERVER_ERROR
    for says, expected in [
        ("503 Service Unavailable", {unavailable}),
        ("500 Internal Server Error", {silent}),
        ("403 Forbidden", {HTTPStatus.FORBIDDEN}),
        ("404 Not Found", {HTTPStatus.NOT_FOUND}),
        ("302 Found\r\nLocation: /", {HTTPStatus.FOUND}),
        ("101 Switching Protocols", {silent, unavailable, HTTPStatus.SWITCHING_PROTOCOLS, HTTPStatus.FORBIDDEN}),
        ("nonsense", {silent}),
    ]:
        between.answered(says)
        for secret in [SECRET, None]:
            reply = between.ask(PAY, secret)
            assert reply.status in expected, says
            assert not {"set-cookie", "x-keyhouse-entity"} & set(reply.headers)
        assert between.core.asked == []
        if between.gateway.kind == "envoy" and reply.status == unavailable:
            assert json.loads(reply.body) == {"type": "about:blank", "title": "Service Unavailable", "status": 503}
            assert (reply.headers["cache-control"], reply.headers["retry-after"]) == ("no-store", "1")
        assert between.ask("/v1/health", None).status == HTTPStatus.OK


def test_what_the_payment_core_says_passes_through_as_it_is(between: Between):
    for says in [
        "500 Internal Server Error",
        "503 Service Unavailable",
        "401 Unauthorized",
        "403 Forbidden",
        "302 Found",
    ]:
        between.answered(GOOD, says)
        reply = between.ask(PAY, SECRET)
        assert reply.status == int(says[:3])
        assert json.loads(reply.body) == between.core.asked[0]


def test_keyhouse_is_asked_what_the_route_says_and_told_nothing_else_of_the_payer(between: Between):
    lines = [
        "Cookie: session=secret",
        "X-Keyhouse-Caller: 203.0.113.9",
        "X-Keyhouse-Asked-Entity: mer_9",
        "X-Keyhouse-Gateway: kh_gtw_live_x",
        "X-Forwarded-For: 203.0.113.9",
        "X-Card: 4111",
    ]
    reply = between.ask(f"{PAY}?mode=test&permission=none", SECRET, *lines, method="POST", body="card=1")
    (asked,) = between.asks.asked
    assert asked["line"] == ASKED[between.gateway.kind]
    assert asked["body"] == ""
    said = {name.lower(): value.strip() for name, value in asked["headers"]}
    assert len(said) == len(asked["headers"])
    assert said["authorization"] == f"Bearer {SECRET}"
    assert said["x-keyhouse-gateway"] == "kh_gtw_live_1"
    told_in = {"envoy": "x-keyhouse-caller", "traefik": "x-forwarded-for"}[between.gateway.kind]
    assert said[told_in] == "127.0.0.1"
    assert {name for name in said if "keyhouse" in name} <= {"x-keyhouse-gateway", told_in}
    assert not {"cookie", "x-card", "content-type"} & set(said)
    assert "203.0.113.9" not in str(asked)
    assert between.core.asked[0]["body"] == "card=1"
    assert reply.told("X-Keyhouse-Entity") == ["mer_1"]
    assert reply.told("X-Keyhouse-Key-Id") == [], "what Keyhouse does not say is not said"
    assert not {"set-cookie", "x-other", "location"} & {name.lower() for name, _ in reply.sent}
    assert not {"set-cookie", "x-other", "location"} & set(reply.headers)


def test_every_request_is_asked_about_over_few_kept_connections(between: Between):
    between.ask(PAY, SECRET)
    before = between.asks.connections
    for _ in range(20):
        assert between.ask(PAY, SECRET).status == HTTPStatus.OK
    assert len(between.asks.asked) == 21
    assert between.asks.connections - before <= 1


def test_the_credential_is_exchanged_without_a_restart_and_without_losing_a_request(between: Between):
    def used() -> str:
        assert between.ask(PAY, SECRET).status == HTTPStatus.OK
        asked = between.asks.asked[-1]["headers"]
        return next(value.strip() for name, value in asked if name.lower() == "x-keyhouse-gateway")

    for credential in ["kh_gtw_live_2", "kh_gtw_live_1"]:
        between.gateway.take(credential)
        assert processes.wait_until(lambda new=credential: used() == new, seconds=20), used()


def test_what_the_gateway_writes_down_holds_no_credential(between: Between):
    for secret in [SECRET, "other", None]:
        between.ask(PAY, secret)
    between.answered("nonsense")
    between.ask(PAY, SECRET)
    (log,) = between.gateway.folder.glob("*.log")
    assert "kh_gtw_live_" not in log.read_text(encoding="utf-8")
    assert SECRET not in log.read_text(encoding="utf-8")
