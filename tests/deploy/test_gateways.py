"""Envoy and Traefik with the recipes of `deploy/`: who gets through, and what the payment core is told about them.

nginx has its own tests (`tests/tokens/test_nginx.py`), and these ask the same of the others.
"""

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from tests import processes
from tests.deploy.gateways import STARTERS, Gateway
from tests.factories import SETUP, make_token, put_into
from tests.processes import Server
from tests.tokens.clients import Edge
from tests.tokens.conftest import House, with_another_secret
from tokens import lifecycle
from tokens.models import Token, UsageBucket
from tokens.permissions import VIEW

pytestmark = pytest.mark.django_db(transaction=True)
PAY, READ, PAY_TEST, OPEN = "/v1/payments/", "/v1/statements/", "/test/v1/payments/", "/v1/health"
OK, UNAUTHORIZED, FORBIDDEN = HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN
NAMES = ["Entity", "Key-Id", "Mode", "Scope", "Request-Id", "Kind", "Terminal", "User", "Gateway", "Caller"]


@pytest.fixture(scope="module")
def portal(django_db_setup, tmp_path_factory) -> Iterator[Server]:
    """One portal for all tests here, as it takes seconds to start; what it counts for one test is none of another's."""
    with processes.portal(tmp_path_factory.mktemp("portal"), workers=1, KEYHOUSE_USAGE_FLUSH_SECONDS="3600") as server:
        yield server


@pytest.fixture(scope="module", params=STARTERS)
def gateway(request, portal: Server, tmp_path_factory) -> Iterator[Gateway]:
    """One gateway of each kind; each test gives it the credential of its own house."""
    program = request.getfixturevalue(request.param)
    with processes.payment_core() as core:
        folder = tmp_path_factory.mktemp(request.param) / "gateway"
        ports = {"keyhouse": portal.port, "core": core.port}
        with STARTERS[request.param](program, folder, credential="none yet", **ports) as server:
            yield Gateway(request.param, server.port, folder)


@pytest.fixture
def edge(gateway: Gateway, house: House) -> Edge:
    """Return the gateway in front of the house of this test."""
    gateway.take(house.gateway_secret)
    edge = Edge(gateway.port, house)
    assert processes.wait_until(lambda: edge.ask(PAY).status == OK)
    return edge


def test_a_good_token_reaches_the_payment_core_which_is_told_whose_it_is(edge: Edge):
    """S0-11, S0-12."""
    reply = edge.ask(f"{PAY}?a=b", "", "Content-Type: text/plain", method="POST", body="amount=1")
    assert reply.status == OK
    said = json.loads(reply.body)
    assert (said["line"], said["body"]) == (f"POST {PAY}?a=b HTTP/1.1", "amount=1")
    token, house = edge.house.token, edge.house
    assert reply.told("X-Keyhouse-Entity") == [house.merchant.entity_id]
    assert reply.told("X-Keyhouse-Key-Id") == [token.key_id]
    assert reply.told("X-Keyhouse-Mode") == ["live"]
    assert reply.told("X-Keyhouse-Scope") == [token.scope]
    assert reply.told("X-Keyhouse-Kind") == ["api"]
    assert re.fullmatch(r"[0-9a-f-]{32,36}", *reply.told("X-Keyhouse-Request-Id"))
    assert len([name for name, _ in reply.sent if "keyhouse" in name.lower()]) == 6
    sent = repr(reply.sent)
    assert house.secret not in sent, "the credential ends at the gateway"
    assert house.gateway_secret not in sent
    assert reply.told("X-Forwarded-For") == ["127.0.0.1"]


def test_who_gets_through(edge: Edge):
    house = edge.house
    _, reads = make_token(house.merchant, permissions=VIEW)
    _, test = make_token(house.merchant, mode="test")
    inactive, stopped = make_token(house.merchant)
    put_into(inactive, "inactive")
    for path, secret, expected in [
        (PAY, "", OK),
        (PAY, None, UNAUTHORIZED),
        (PAY, "nonsense", UNAUTHORIZED),
        (PAY, stopped, UNAUTHORIZED),
        (PAY, with_another_secret(house.secret), UNAUTHORIZED),
        (PAY, house.gateway_secret, FORBIDDEN),
        (PAY, reads, FORBIDDEN),
        (READ, reads, OK),
        (PAY, test, FORBIDDEN),
        (PAY_TEST, test, OK),
        (PAY_TEST, "", FORBIDDEN),
        ("/v1/other/", "", HTTPStatus.NOT_FOUND),
        (OPEN, None, OK),
        (OPEN, "nonsense", OK),
    ]:
        assert edge.ask(path, secret).status == expected, (path, secret)
    for method in ["HEAD", "OPTIONS", "DELETE", "PUT", "PATCH", "PROPFIND"]:
        assert edge.ask(PAY, None, method=method).status == UNAUTHORIZED


def test_a_refusal_says_bearer_and_nothing_else(edge: Edge):
    reply = edge.ask(PAY, "nonsense")
    assert reply.headers["www-authenticate"] == "Bearer"
    for answer in [reply, edge.ask(PAY, edge.house.gateway_secret), edge.ask(PAY)]:
        assert not [name for name in answer.headers if name.startswith("x-keyhouse")]
    assert "www-authenticate" not in edge.ask(PAY, edge.house.gateway_secret).headers


def spellings() -> Iterator[str]:
    """Every one of Keyhouse's names with every mixture of separators, in three cases."""
    for name in NAMES:
        parts = ["X", "Keyhouse", *name.split("-")]
        for separators in itertools.product("-_.", repeat=len(parts) - 1):
            spelt = parts[0] + "".join(map("".join, zip(separators, parts[1:], strict=True)))
            yield from (spelt, spelt.upper(), spelt.lower())


def test_a_claimed_identity_never_reaches_the_payment_core_in_any_spelling(edge: Edge):
    lines = [f"{name}: spoofed" for name in spellings()]
    assert len(lines) == 3 * (8 * 9 + 2 * 27)
    for first in range(0, len(lines), 60):
        group = lines[first : first + 60]
        for path, secret in [(PAY, ""), (OPEN, None)]:
            reply = edge.ask(path, secret, *group)
            assert reply.status == OK
            assert "spoofed" not in repr(reply.sent).lower()
        assert edge.ask(PAY, None, *group).status == UNAUTHORIZED


def test_a_claimed_identity_gets_through_in_no_other_way_either(edge: Edge):
    """Twice, folded, as a trailer, or by telling the next server to drop the real one."""
    head = f"POST {PAY} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {edge.house.secret}\r\nConnection: close\r\n"
    for rest in [
        "X-Keyhouse-Entity: spoofed\r\nX-Keyhouse-Entity: spoofed\r\n\r\n",
        "X-A: b\r\n X-Keyhouse-Entity: spoofed\r\n\r\n",
        "X-Keyhouse-Entity : spoofed\r\n\r\n",
        "X-Keyhouse-Entity\t: spoofed\r\n\r\n",
        "X~Keyhouse~Entity: spoofed\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Keyhouse-Entity: spoofed\r\n\r\n",
    ]:
        reply = edge.send((head + rest).encode())
        assert reply.status in {OK, HTTPStatus.BAD_REQUEST}, rest
        if reply.status == OK and "chunked" not in rest:
            assert reply.told("X-Keyhouse-Entity") == [edge.house.merchant.entity_id]
            assert "X-Keyhouse-Entity: spoofed" not in ["".join(header) for header in reply.sent]
    dropped = head.replace("close", "close, X-Keyhouse-Entity, X-Keyhouse-Mode, X-Keyhouse-Gateway, Authorization")
    reply = edge.send(f"{dropped}\r\n".encode())
    assert reply.status in {OK, UNAUTHORIZED}
    if reply.status == OK:
        assert reply.told("X-Keyhouse-Entity") == [edge.house.merchant.entity_id]
        assert reply.told("X-Keyhouse-Mode") == ["live"]


NO_CREDENTIAL = [
    "Authorization: Bearer {good}, Bearer {good}", "Authorization: Basic eA==", "Authorization: {good}",
    "Authorization: Bearer \xff\xfe", "Authorization: Bearer {long}", "Authorization: ", "Cookie: token={good}",
    "X-Api-Key: {good}", "Proxy-Authorization: Bearer {good}", "Authorization_: Bearer {good}",
    "X-Forwarded-Authorization: Bearer {good}",
]  # fmt: skip


def test_whatever_is_no_one_bearer_token_is_a_401_and_no_fault(edge: Edge):
    for line in NO_CREDENTIAL:
        reply = edge.ask(PAY, None, line.format(good=edge.house.secret, long="a" * 7_000))
        assert reply.status == UNAUTHORIZED, line
    assert edge.ask(f"{PAY}?access_token={edge.house.secret}", None).status == UNAUTHORIZED
    for line in ["Authorization: Bearer \x01", "Authorization: Bearer \0"]:
        assert edge.ask(PAY, None, line).status in {UNAUTHORIZED, HTTPStatus.BAD_REQUEST}


def test_two_credentials_are_never_both_tried(edge: Edge):
    for first, second in [("nonsense", edge.house.secret), (edge.house.secret, "nonsense"), ("", edge.house.secret)]:
        reply = edge.ask(PAY, first, f"Authorization: Bearer {second}")
        assert reply.status in {UNAUTHORIZED, HTTPStatus.BAD_REQUEST}, first


def test_the_payment_core_gets_the_path_that_was_judged(edge: Edge):
    """Else whoever may read statements would pay: the gateway judges one path and the payment core reads another."""
    _, reads = make_token(edge.house.merchant, permissions=VIEW)
    judged = 0
    for path in [
        "/v1/statements/..%2fpayments/", "/v1/statements/../payments/", "/v1/statements/%2e%2e/payments/",
        "/v1//payments/", "/v1/./payments/", "/%76%31/payments/", "/v1/statements/.%2e/payments/x%2f..",
        "/v1/statements/..%5cpayments/", "/v1/statements/..;/payments/", "/v1/statements/x%00/../../payments/",
    ]:  # fmt: skip
        reply = edge.ask(path, reads)
        if reply.status == OK:
            line = json.loads(reply.body)["line"]
            assert line.startswith("GET /v1/statements/"), line
            assert not re.search(r"/\.\./|%2e|%2f|%5c", line.lower()), line
        else:
            assert reply.status in {FORBIDDEN, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}, path
            judged += reply.status == FORBIDDEN
    assert judged >= 3, "some of them are payments, and were asked about as such"


def test_what_the_client_writes_into_the_address_never_becomes_part_of_the_question(edge: Edge):
    _, reads = make_token(edge.house.merchant, permissions=VIEW)
    for extra in [
        "?permission=payment_statement.view", "?mode=test", "x?permission=payment_statement.view&mode=live",
        "%3fpermission=payment_statement.view", "?caller=", "?entity=", "?" + "x" * 2_000, "&permission=x",
    ]:  # fmt: skip
        assert edge.ask(PAY + extra, reads).status in {FORBIDDEN, HTTPStatus.BAD_REQUEST}, extra
        assert edge.ask(PAY + extra).status in {OK, HTTPStatus.BAD_REQUEST}, extra
    assert edge.ask(f"{PAY}?permission=none&entity=mer_0000000000000000&mode=test&mode=x").status == OK


def test_the_question_itself_cannot_be_asked_from_outside(edge: Edge):
    for path in ["/gateway/authorize", "/oauth/introspect", "/_keyhouse/"]:
        assert edge.ask(path).status == HTTPStatus.NOT_FOUND


def test_stopping_a_token_stops_its_requests_at_once_and_starting_it_lets_them_through(edge: Edge):
    """S0-32, S0-34."""
    for _ in range(10):
        assert edge.ask(PAY).status == OK
        lifecycle.deactivate(Token.objects.get(pk=edge.house.token.pk), by=SETUP)
        assert edge.ask(PAY).status == UNAUTHORIZED
        lifecycle.reactivate(Token.objects.get(pk=edge.house.token.pk), by=SETUP)


def test_requests_are_counted_for_the_callers_own_address(house: House, envoy: str, traefik: str, tmp_path):
    lines = [f"{name}: 203.0.113.9" for name in ("X-Keyhouse-Caller", "X-Forwarded-For", "X-Real-Ip", "Forwarded")]
    with ExitStack() as stack:
        own = stack.enter_context(processes.portal(tmp_path, workers=1))
        core = stack.enter_context(processes.payment_core())
        recipe = {"keyhouse": own.port, "core": core.port, "credential": house.gateway_secret}
        for program in [envoy, traefik]:
            name = Path(program).name
            edge = Edge(stack.enter_context(STARTERS[name](program, tmp_path / name, **recipe)).port, house)
            assert processes.wait_until(lambda edge=edge: edge.ask(PAY, None).status == UNAUTHORIZED), "it serves"
            assert edge.ask(PAY, "", *lines).status == OK
            assert edge.ask(PAY_TEST, "", *lines).status == FORBIDDEN
        counted = UsageBucket.objects.filter(token=house.token).values_list("caller", "outcome", "count")
        expected = {("127.0.0.1", "good", 2), ("127.0.0.1", "mode", 2)}
        assert processes.wait_until(lambda: set(counted.all()) == expected, seconds=10), set(counted.all())
