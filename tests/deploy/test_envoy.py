"""What the Envoy recipe alone can do: an entity out of the path, and a credential that no dump shows."""

import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus

import pytest

from tests import processes
from tests.deploy import gateways
from tests.processes import PaymentCore
from tests.tokens.clients import Edge

SECRET, CREDENTIAL = "kh_api_live_of_the_client", "kh_gtw_live_of_the_edge"
GOOD = "200 OK\r\nX-Keyhouse-Entity: mer_1"
MINE, OTHER = "mer_0123456789abcDEF", "mer_zzzzzzzzzzzzzzzz"


@pytest.fixture(scope="module")
def start(envoy: str, tmp_path_factory) -> Iterator[Callable[..., tuple[Edge, PaymentCore, PaymentCore]]]:
    """Return a function that starts Envoy between something that answers for Keyhouse and a payment core."""
    with ExitStack() as stack:

        def between(**changes: str) -> tuple[Edge, PaymentCore, PaymentCore]:
            asked = stack.enter_context(processes.payment_core(GOOD, echoes=False))
            core = stack.enter_context(processes.payment_core())
            ports = {"keyhouse": asked.port, "core": core.port}
            folder = tmp_path_factory.mktemp("envoy") / "gateway"
            running = gateways.envoy(envoy, folder, credential=CREDENTIAL, **ports, **changes)
            return Edge(stack.enter_context(running).port), asked, core

        yield between


@pytest.fixture(scope="module")
def running(start) -> tuple[Edge, PaymentCore, PaymentCore]:
    return start()


def entity_asked(keyhouse: PaymentCore) -> list[list[str]]:
    """Return what every question so far bound as entity, and how often, and forget the questions."""
    lines = [asked["line"] for asked in keyhouse.asked]
    keyhouse.asked.clear()
    assert all("mode=live&permission=payment_transaction.edit" in line for line in lines)
    return [re.findall(r"[?&]entity=([^& ]*)", line) for line in lines]


def test_an_entity_in_the_path_is_bound_whatever_else_the_client_says(running):
    edge, keyhouse, core = running
    for query in ["", "?a=b", f"?entity={OTHER}", f"?entity={OTHER}&entity=", "?x=/v1/entities/y/payments/", "?"]:
        for lines in [
            [],
            [f"X-Keyhouse-Asked-Entity: {OTHER}"],
            [f"X_Keyhouse_Asked_Entity: {OTHER}"],
            ["Connection: X-Keyhouse-Asked-Entity"],
        ]:
            reply = edge.ask(f"/v1/entities/{MINE}/payments/{query}", SECRET, *lines)
            assert reply.status == HTTPStatus.OK
            assert entity_asked(keyhouse) == [[MINE]], (query, lines)
            assert reply.told("X-Keyhouse-Asked-Entity") == []
    assert core.asked[-1]["line"] == f"GET /v1/entities/{MINE}/payments/? HTTP/1.1"


def test_no_entity_is_bound_where_the_path_has_none(running):
    edge, keyhouse, _ = running
    for line in ["X-A: b", f"X-Keyhouse-Asked-Entity: {OTHER}"]:
        assert edge.ask(f"/v1/payments/?entity={OTHER}", SECRET, line).status == HTTPStatus.OK
        assert entity_asked(keyhouse) == [[]]


def test_a_path_that_holds_no_entity_is_not_served(running):
    edge, keyhouse, core = running
    core.asked.clear()
    for part in ["x", MINE + "0", f"{MINE}/{OTHER}"]:
        assert edge.ask(f"/v1/entities/{part}/payments/", SECRET).status == HTTPStatus.NOT_FOUND
    assert keyhouse.asked == core.asked == []


def test_where_the_pattern_does_not_fit_the_whole_path_is_asked_for(start):
    """Should somebody change one of the two patterns and not the other: that is no entity, and nobody gets through."""
    edge, keyhouse, _ = start(**{"^/v1/entities/([a-z]{3}_": "^/v2/entities/([a-z]{3}_"})
    edge.ask(f"/v1/entities/{MINE}/payments/", SECRET)
    ((asked,),) = entity_asked(keyhouse)
    assert MINE in asked
    assert asked != MINE


def test_a_route_that_takes_no_entity_from_its_path_asks_what_keyhouse_refuses(start):
    """Should somebody forget the pattern but ask for an entity: `entity=` alone is a question that answers 403."""
    edge, keyhouse, _ = start(**{"key: entity\n": "key: other\n"})
    edge.ask(f"/v1/entities/{MINE}/payments/", SECRET)
    assert entity_asked(keyhouse) == [[""]]


def test_a_route_that_names_nothing_asks_for_what_no_token_may_do(start):
    edge, keyhouse, _ = start(**{"typed_per_filter_config: *open": "typed_per_filter_config: {}"})
    edge.ask("/anything", SECRET)
    (asked,) = keyhouse.asked
    assert "mode=live&permission=nothing.named" in asked["line"]


def test_a_dump_of_the_configuration_holds_no_credential(start):
    port = processes.free_port()
    admin = f"admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }}"
    edge, keyhouse, _ = start(**{"static_resources:": f"{admin}\n\nstatic_resources:"})
    assert edge.ask("/v1/payments/", SECRET).status == HTTPStatus.OK
    assert CREDENTIAL in str(keyhouse.asked), "it is in use"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/config_dump?include_eds", timeout=10) as dump:
        text = dump.read().decode()
    assert "keyhouse_gateway" in text
    assert CREDENTIAL not in text


def test_without_its_credential_nobody_gets_through(start):
    edge, keyhouse, core = start(
        **{"name: keyhouse_gateway\n                  sds": "name: other\n                  sds"}
    )
    assert edge.ask("/v1/payments/", SECRET).status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE}
    assert keyhouse.asked == core.asked == []
