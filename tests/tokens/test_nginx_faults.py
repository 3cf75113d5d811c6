"""nginx with the recipe of `deploy/nginx`: what it asks, and what it makes of every answer, the wrong ones too."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus

import pytest

from tests import processes
from tests.processes import PaymentCore
from tests.tokens.clients import Edge
from tests.tokens.conftest import House

PAY = "/v1/payments/"
GOOD = "200 OK\r\nX-Keyhouse-Entity: mer_1\r\nX-Keyhouse-Mode: live"


@pytest.fixture
def between(house: House, nginx: str, tmp_path) -> Callable[..., tuple[Edge, PaymentCore, PaymentCore]]:
    """Return a function that starts the gateway between something that answers for Keyhouse and a payment core."""
    with ExitStack() as stack:

        def start(keyhouse: str | None, core: str = "200 OK", **changes: str) -> tuple[Edge, PaymentCore, PaymentCore]:
            asked = stack.enter_context(processes.payment_core(keyhouse or "", echoes=False))
            behind = stack.enter_context(processes.payment_core(core))
            server = stack.enter_context(
                processes.gateway(
                    nginx,
                    tmp_path / f"nginx{asked.port}",
                    keyhouse=asked.port if keyhouse else processes.free_port(),
                    core=behind.port,
                    credential=house.gateway_secret,
                    **changes,
                )
            )
            return Edge(server.port, house), asked, behind

        yield start


@pytest.mark.parametrize(
    "says",
    [
        None,
        "503 Service Unavailable",
        "500 Internal Server Error",
        "302 Found\r\nLocation: /",
        "404 Not Found",
        "nonsense",
    ],
)
def test_whatever_keyhouse_fails_with_the_payer_hears_503_and_is_not_let_through(between, says):
    edge, _, core = between(says)
    for secret in ["", "nonsense", None]:
        reply = edge.ask(PAY, secret)
        assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert json.loads(reply.body) == {"type": "about:blank", "title": "Service Unavailable", "status": 503}
        assert (reply.headers["cache-control"], reply.headers["retry-after"]) == ("no-store", "1")
    assert core.asked == []
    assert edge.ask("/v1/health", None).status == HTTPStatus.OK


def test_what_the_payment_core_says_passes_through_as_it_is(between):
    for says in [
        "500 Internal Server Error",
        "503 Service Unavailable",
        "401 Unauthorized",
        "403 Forbidden",
        "302 Found",
    ]:
        edge, _, core = between(GOOD, says)
        reply = edge.ask(PAY)
        assert reply.status == int(says[:3])
        assert json.loads(reply.body) == core.asked[0]


def test_keyhouse_is_asked_with_three_headers_and_its_credential_and_nothing_of_the_payer(between):
    edge, keyhouse, core = between(GOOD)
    lines = [
        "Cookie: session=secret",
        "X-Keyhouse-Caller: 203.0.113.9",
        "X-Keyhouse-Gateway: kh_gtw_live_x",
        "X-Other: y",
    ]
    reply = edge.ask(f"{PAY}?mode=test&permission=none", "", *lines, "X-Request-Id: mine", method="POST", body="card=1")
    (asked,) = keyhouse.asked
    said = {name.lower(): value.strip() for name, value in asked["headers"]}
    request_id = said.pop("x-request-id")
    assert said == {
        "host": "keyhouse",
        "authorization": f"Bearer {edge.house.secret}",
        "x-keyhouse-caller": "127.0.0.1",
        "x-keyhouse-gateway": edge.house.gateway_secret,
    }
    assert len(asked["headers"]) == 5
    assert len(request_id) == 32
    assert asked["body"] == ""
    line = "GET /gateway/authorize?mode=live&permission=payment_transaction.edit HTTP/1.1"
    assert asked["line"] == line
    assert core.asked[0]["body"] == "card=1"
    assert reply.told("X-Keyhouse-Entity") == ["mer_1"]
    assert reply.told("X-Keyhouse-Key-Id") == [], "what Keyhouse does not say is not said"


def test_a_location_that_asks_for_an_entity_and_captures_none_asks_what_keyhouse_refuses(between):
    """A misspelt capture must not become an unbound question. `entity=` alone is one that answers 403."""
    path = "/v1/entities/mer_0123456789abcdef/payments/"
    edge, keyhouse, _ = between(GOOD)
    edge.ask(path)
    assert " /gateway/authorize?" in keyhouse.asked[0]["line"]
    assert keyhouse.asked[0]["line"].split()[1].endswith("&entity=mer_0123456789abcdef")
    capture = "    location = /v1/health {"
    other = f'location ~ "^/v1/other/(?<keyhouse_asked_entity>x)$" {{ return 404; }}\n{capture}'
    misspelt = {"entities/(?<keyhouse_asked_entity>": "entities/(?<keyhouse_entity_asked>", capture: other}
    misspelt |= {"$keyhouse_asked_entity/payments/": "$keyhouse_entity_asked/payments/"}
    edge, keyhouse, _ = between(GOOD, **misspelt)
    edge.ask(path)
    assert keyhouse.asked[0]["line"].split()[1].endswith("&entity=")
    edge, keyhouse, _ = between(GOOD, **{"payment_transaction.edit/entity": "payment_transaction.edit/entiti"})
    assert edge.ask(path).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert keyhouse.asked == []


def test_every_request_is_asked_about_over_one_kept_connection(between):
    edge, keyhouse, core = between(GOOD)
    for _ in range(20):
        assert edge.ask(PAY).status == HTTPStatus.OK
    assert (len(keyhouse.asked), keyhouse.connections) == (20, 1)
    assert (len(core.asked), core.connections) == (20, 1)


def test_should_somebody_let_underscores_pass_those_names_are_still_dropped(between):
    edge, _, _ = between(GOOD, **{"underscores_in_headers off;": "underscores_in_headers on;"})
    names = ["Entity", "Key_Id", "Mode", "Scope", "Request_Id", "Gateway", "Caller"]
    reply = edge.ask(PAY, "", *(f"X_Keyhouse_{name}: spoofed" for name in names), "X_Other: passes")
    assert "spoofed" not in repr(reply.sent)
    assert reply.told("X_Other") == ["passes"], "underscores do pass"


def test_a_mode_that_does_not_exist_lets_nobody_through(between):
    edge, keyhouse, core = between(
        GOOD,
        **{"/_keyhouse/live/payment_transaction.edit": "/_keyhouse/Live/payment_transaction.edit"},
    )
    assert edge.ask(PAY).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert keyhouse.asked == core.asked == []
