"""nginx with the recipe of `deploy/nginx`: who gets through to the payment core, and what it is told about them."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from tests import processes
from tests.factories import SETUP, make_token, put_into
from tests.tokens.clients import Edge
from tests.tokens.conftest import House, with_another_secret
from tokens import lifecycle
from tokens.models import Token, UsageBucket
from tokens.permissions import VIEW

pytestmark = pytest.mark.django_db(transaction=True)
PAY, READ, PAY_TEST = "/v1/payments/", "/v1/statements/", "/test/v1/payments/"
SPOOFED = ["Entity", "Key-Id", "Mode", "Scope", "Request-Id", "Kind", "Terminal", "User", "Gateway", "Caller"]


@pytest.fixture(scope="module")
def portal(django_db_setup, tmp_path_factory) -> Iterator[processes.Server]:
    """One portal for all tests here, as it takes seconds to start; what it counts for one test is none of another's."""
    with processes.portal(tmp_path_factory.mktemp("portal"), KEYHOUSE_USAGE_FLUSH_SECONDS="3600") as server:
        yield server


@pytest.fixture
def edge(house: House, nginx: str, portal: processes.Server, tmp_path: Path) -> Iterator[Edge]:
    """Start the gateway in front of the house of this test."""
    with processes.payment_core() as core:
        recipe = {"keyhouse": portal.port, "core": core.port, "credential": house.gateway_secret}
        with processes.gateway(nginx, tmp_path / "nginx", **recipe) as server:
            yield Edge(server.port, house, portal.port)


def test_a_good_token_reaches_the_payment_core_which_is_told_whose_it_is(edge: Edge):
    """S0-11, S0-12."""
    reply = edge.ask(f"{PAY}?a=b", "", "Content-Type: text/plain", method="POST", body="amount=1")
    assert reply.status == HTTPStatus.OK
    said = json.loads(reply.body)
    assert (said["line"], said["body"]) == (f"POST {PAY}?a=b HTTP/1.1", "amount=1")
    token, house = edge.house.token, edge.house
    assert reply.told("X-Keyhouse-Entity") == [house.merchant.entity_id]
    assert reply.told("X-Keyhouse-Key-Id") == [token.key_id]
    assert reply.told("X-Keyhouse-Mode") == ["live"]
    assert reply.told("X-Keyhouse-Scope") == [token.scope]
    assert reply.told("X-Keyhouse-Kind") == ["api"]
    assert re.fullmatch(r"[0-9a-f]{32}", *reply.told("X-Keyhouse-Request-Id"))
    assert reply.told("Content-Type") == ["text/plain"]
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
    ok, no, not_this = HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN
    for path, secret, expected in [
        (PAY, "", ok),
        (PAY, None, no),
        (PAY, "nonsense", no),
        (PAY, stopped, no),
        (PAY, with_another_secret(house.secret), no),
        (PAY, house.gateway_secret, not_this),
        (PAY, reads, not_this),
        (READ, reads, ok),
        (PAY, test, not_this),
        (PAY_TEST, test, ok),
        (PAY_TEST, "", not_this),
        (f"/v1/entities/{house.merchant.entity_id}/payments/", "", ok),
        (f"/v1/entities/{house.channel.entity_id}/payments/?x=y", "", ok),
        (f"/v1/entities/{house.sibling.entity_id}/payments/", "", not_this),
        (f"/v1/entities/{house.sibling_channel.entity_id}/payments/?entity={house.channel.entity_id}", "", not_this),
        ("/v1/entities/mer_0000000000000000/payments/", "", not_this),
        ("/v1/entities/x/payments/", "", HTTPStatus.NOT_FOUND),
        ("/v1/other/", "", HTTPStatus.NOT_FOUND),
        ("/v1/health", None, ok),
        ("/v1/health", "nonsense", ok),
    ]:
        assert edge.ask(path, secret).status == expected, (path, secret)


def test_a_refusal_says_bearer_and_nothing_else(edge: Edge):
    reply = edge.ask(PAY, "nonsense")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert not [name for name in reply.headers if name.startswith("x-keyhouse")]
    refused = edge.ask(PAY, edge.house.gateway_secret)
    assert "www-authenticate" not in refused.headers
    assert not [name for name in edge.ask(PAY).headers if name.startswith("x-keyhouse")]


SPELLINGS = [
    "X-Keyhouse-{}", "x-keyhouse-{}", "X-KEYHOUSE-{}", "X_Keyhouse_{}", "X.Keyhouse.{}", "X-Keyhouse_{}",
    "x_keyhouse-{}", "X-Keyhouse.{}", "X-Keyhouse-{} ", "X-Keyhouse-{}\t", "X~Keyhouse~{}", "X-Keyhouse-\xe9{}",
]  # fmt: skip


def test_a_claimed_identity_never_reaches_the_payment_core_in_any_spelling(edge: Edge):
    passed = 0
    for spelling in SPELLINGS:
        names = [spelling.format(name) for name in SPOOFED]
        names += [name.replace("-", "_") for name in names] + [name.replace("-", ".") for name in names]
        lines = [f"{name}: spoofed" for name in names]
        for path, secret in [(PAY, ""), ("/v1/health", None)]:
            reply = edge.ask(path, secret, *lines)
            assert reply.status in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}, spelling
            if reply.status == HTTPStatus.OK:
                passed += 1
                assert "spoofed" not in repr(reply.sent).lower(), spelling
        assert edge.ask(PAY, None, *lines).status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST}
    assert passed >= 2 * 9, "most of them are dropped without a fuss"


def test_a_claimed_identity_gets_through_in_no_other_way_either(edge: Edge):
    """Twice, folded, as a trailer, or by telling the next server to drop the real one."""
    head = f"POST {PAY} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {edge.house.secret}\r\nConnection: close\r\n"
    for rest in [
        "X-Keyhouse-Entity: spoofed\r\nX-Keyhouse-Entity: spoofed\r\n\r\n",
        "X-A: b\r\n X-Keyhouse-Entity: spoofed\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Keyhouse-Entity: spoofed\r\n\r\n",
    ]:
        reply = edge.send((head + rest).encode())
        assert reply.status in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}
        if reply.status == HTTPStatus.OK:
            assert reply.told("X-Keyhouse-Entity") == [edge.house.merchant.entity_id]
            assert "spoofed" not in repr(reply.sent)
    dropped = head.replace("close", "close, X-Keyhouse-Entity, X-Keyhouse-Mode")
    reply = edge.send(f"{dropped}\r\n".encode())
    assert reply.told("X-Keyhouse-Entity") == [edge.house.merchant.entity_id]
    assert reply.told("Connection") == []


NO_CREDENTIAL = [
    "Authorization: Bearer {good}, Bearer {good}", "Authorization: Basic eA==", "Authorization: {good}",
    "Authorization: Bearer \x01", "Authorization: Bearer \xff\xfe", "Authorization: Bearer {long}", "Authorization: ",
    "Cookie: token={good}", "X-Api-Key: {good}", "Proxy-Authorization: Bearer {good}", "Authorization_: Bearer {good}",
]  # fmt: skip


def test_whatever_is_no_one_bearer_token_is_a_401_and_no_fault(edge: Edge):
    for line in NO_CREDENTIAL:
        reply = edge.ask(PAY, None, line.format(good=edge.house.secret, long="a" * 7_000))
        assert reply.status == HTTPStatus.UNAUTHORIZED, line
    assert edge.ask(f"{PAY}?access_token={edge.house.secret}", None).status == HTTPStatus.UNAUTHORIZED


def test_a_good_token_beside_one_that_has_leaked_lets_nothing_through(edge: Edge):
    """S0-32: what stands in an address or a cookie is in somebody's log already."""
    secret = edge.house.secret
    for query, line in [
        (f"?token={secret}", "A: b"),
        (f"?t={secret.replace('_', '%5F')}", "A: b"),
        ("", f"Cookie: t={secret}"),
    ]:
        assert edge.ask(PAY + query, "", line).status == HTTPStatus.UNAUTHORIZED
    assert edge.ask(f"{PAY}?kh_api=1", "", "Cookie: kh_theme=dark").status == HTTPStatus.OK


def test_two_credentials_are_never_both_tried(edge: Edge):
    for first, second in [("nonsense", edge.house.secret), (edge.house.secret, "nonsense")]:
        reply = edge.ask(PAY, first, f"Authorization: Bearer {second}")
        assert reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST}


def test_the_payment_core_gets_the_path_that_was_judged(edge: Edge):
    """Else whoever may read statements would pay: nginx judges one path and the payment core reads another."""
    _, reads = make_token(edge.house.merchant, permissions=VIEW)
    for path in [
        "/v1/statements/..%2fpayments/",
        "/v1/statements/../payments/",
        "/v1/statements/%2e%2e/payments/",
        "/v1//payments/",
        "/v1/./payments/",
        "/%76%31/payments/",
        "/v1/statements/.%2e/payments/x%2f..",
    ]:
        assert edge.ask(path, reads).status == HTTPStatus.FORBIDDEN, path
        assert json.loads(edge.ask(path).body)["line"].startswith("GET /v1/payments/"), path


def test_the_question_itself_cannot_be_asked_from_outside(edge: Edge):
    for path in [
        "/_keyhouse/live/payment_transaction.edit",
        "/gateway/authorize",
        "/_keyhouse/",
        "/%5fkeyhouse/live/a.b",
    ]:
        assert edge.ask(path).status == HTTPStatus.NOT_FOUND


def test_stopping_a_token_stops_its_requests_at_once_and_starting_it_lets_them_through(edge: Edge):
    """S0-32, S0-34."""
    for _ in range(20):
        assert edge.ask(PAY).status == HTTPStatus.OK
        lifecycle.deactivate(Token.objects.get(pk=edge.house.token.pk), by=SETUP)
        assert edge.ask(PAY).status == HTTPStatus.UNAUTHORIZED
        lifecycle.reactivate(Token.objects.get(pk=edge.house.token.pk), by=SETUP)


def test_requests_are_counted_for_the_callers_own_address(house: House, nginx: str, tmp_path: Path):
    with ExitStack() as stack:
        own = stack.enter_context(processes.portal(tmp_path, workers=1))
        core = stack.enter_context(processes.payment_core())
        recipe = {"keyhouse": own.port, "core": core.port, "credential": house.gateway_secret}
        edge = Edge(stack.enter_context(processes.gateway(nginx, tmp_path / "nginx", **recipe)).port, house)
        edge.ask(PAY, "", "X-Keyhouse-Caller: 203.0.113.9", "X-Forwarded-For: 203.0.113.9")
        edge.ask(PAY_TEST)
        counted = UsageBucket.objects.values_list("caller", "outcome", "count")
        expected = {("127.0.0.1", "good", 1), ("127.0.0.1", "mode", 1)}
        assert processes.wait_until(lambda: set(counted.all()) == expected, seconds=10), set(counted.all())


def test_the_connections_to_keyhouse_are_kept(edge: Edge):
    """A new one for each decision would more than halve the requests a second."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("this system does not show its connections in /proc")

    def connections() -> set[str]:
        """Return the local addresses that are, or were until a minute ago (TIME_WAIT), connected to Keyhouse."""
        lines = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
        return {local for _, local, remote, *_ in lines if remote.endswith(f":{edge.keyhouse:04X}")}

    before = connections()
    for _ in range(20):
        assert edge.ask(PAY).status == HTTPStatus.OK
    assert len(connections() - before) == 1
