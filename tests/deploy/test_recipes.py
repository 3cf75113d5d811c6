"""The files of the Envoy and Traefik recipes, read as YAML: where neither runs, what they ask is still asked.

Each question that a recipe puts to Keyhouse is put to it here, with the headers that such a gateway sends.
"""

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from tests.factories import make_token
from tests.processes import ROOT
from tests.tokens.conftest import House
from tests.tokens.questions import IDENTITY, SUBJECT, ask
from tokens.permissions import CATALOGUE

CLIENT = "192.0.2.1"


def read(path: str) -> dict:
    return yaml.safe_load((ROOT / "deploy" / path).read_text(encoding="utf-8"))


ENVOY = read("envoy/envoy.yaml")
TRAEFIK, TRAEFIK_STATIC = read("traefik/dynamic/keyhouse.yml")["http"], read("traefik/traefik.yml")
HTTP = ENVOY["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
FILTERS = {each["name"]: each["typed_config"] for each in HTTP["http_filters"]}
ROUTES = HTTP["route_config"]["virtual_hosts"][0]["routes"]
ASK = FILTERS["keyhouse.ask"]


def services_of_envoy() -> Iterator[dict]:
    """The `http_service` of every route that asks."""
    for route in ROUTES:
        asks = route["typed_per_filter_config"]["keyhouse.ask"]
        if not asks.get("disabled"):
            yield asks["check_settings"]["http_service"]


def questions_of_traefik() -> dict[str, dict]:
    asks = {name: each["forwardAuth"] for name, each in TRAEFIK["middlewares"].items() if "forwardAuth" in each}
    assert len(asks) == 3
    return asks


QUESTIONS = [
    *((service["path_override"], {"X_Keyhouse_Caller": CLIENT}) for service in services_of_envoy()),
    *((each["address"], {"X_Forwarded_For": CLIENT}) for each in questions_of_traefik().values()),
]


@pytest.mark.parametrize(("address", "caller"), QUESTIONS)
def test_keyhouse_understands_what_the_recipes_ask(house: House, address: str, caller: dict):
    url = urlsplit(address.replace("entity=none", f"entity={house.terminal.entity_id}"))  # as Envoy does
    said = dict(parse_qsl(url.query))
    assert url.path == "/gateway/authorize"
    assert said["permission"] in CATALOGUE
    only, other = frozenset({said["permission"]}), CATALOGUE - {said["permission"]}
    elsewhere = "test" if said["mode"] == "live" else "live"
    for permissions, mode, expected in [
        (only, said["mode"], HTTPStatus.OK),
        (other, said["mode"], HTTPStatus.FORBIDDEN),
        (only, elsewhere, HTTPStatus.FORBIDDEN),
    ]:
        _, secret = make_token(house.merchant, permissions=permissions, mode=mode, networks=f"{CLIENT}/32")
        given = {"Authorization": f"Bearer {secret}", "X_Keyhouse_Gateway": house.gateway_secret, "X_Request_Id": "one"}
        answer = ask(url.query, **given, **caller)
        assert answer.status == expected
        assert set(answer.identity) == (IDENTITY if expected == HTTPStatus.OK else set())
        assert ask(url.query, **given).status == HTTPStatus.FORBIDDEN, "the address is told where the recipe tells it"


def test_envoy_is_closed_where_nothing_is_said(house: House):
    assert ASK["failure_mode_allow"] is False
    assert ASK["status_on_error"] == {"code": "ServiceUnavailable"}
    assert "with_request_body" not in ASK
    _, secret = make_token(house.merchant, permissions=CATALOGUE)
    query = urlsplit(ASK["http_service"]["path_override"]).query
    answer = ask(query, Authorization=f"Bearer {secret}", X_Keyhouse_Gateway=house.gateway_secret)
    assert answer.status == HTTPStatus.FORBIDDEN


def test_every_envoy_route_to_the_payment_core_asks_or_says_that_it_is_open():
    open_paths = []
    for route in ROUTES:
        asks = route["typed_per_filter_config"]["keyhouse.ask"]
        if asks.get("disabled"):
            open_paths.append(route["match"].get("path") or route["direct_response"])
    assert open_paths == ["/v1/health", {"status": 404}]
    for service in [ASK["http_service"], *services_of_envoy()]:
        assert service["server_uri"]["timeout"] == "3s", "not the 200 ms that Envoy takes by itself"
        assert "path_prefix" not in service, "the client's own path and query string would follow it"
        allowed = service["authorization_response"]["allowed_upstream_headers"]["patterns"]
        assert {each["exact"] for each in allowed} == {name.lower() for name in IDENTITY | SUBJECT}
        assert service["authorization_response"]["allowed_client_headers"]["patterns"] == [
            {"exact": "www-authenticate", "ignore_case": True}
        ]


def test_envoy_strips_before_it_asks_and_trusts_no_header_about_the_client():
    names = list(FILTERS)
    assert names.index("keyhouse.strip") < names.index("keyhouse.ask") < names.index("router")
    first = FILTERS["keyhouse.strip"]["mutations"]["request_mutations"][0]
    assert first == {"remove_on_match": {"key_matcher": {"contains": "keyhouse", "ignore_case": True}}}
    assert HTTP["use_remote_address"] is True
    assert HTTP["common_http_protocol_options"]["headers_with_underscores_action"] == "DROP_HEADER"
    assert (HTTP["normalize_path"], HTTP["merge_slashes"]) == (True, True)
    assert HTTP["path_with_escaped_slashes_action"] == "REJECT_REQUEST"


def test_every_traefik_router_asks_in_order_or_has_nobody():
    asks = questions_of_traefik()
    for name, router in TRAEFIK["routers"].items():
        (middleware,) = router["middlewares"]
        if middleware == "nobody":
            assert name == "health"
            continue
        credential, question, done = TRAEFIK["middlewares"][middleware]["chain"]["middlewares"]
        assert (credential, done) == ("keyhouse-credential", "keyhouse-done")
        said = dict(parse_qsl(urlsplit(asks[question]["address"]).query))
        assert middleware == f"{said['mode']}-{said['permission']}", "its name says what it asks"
        assert said["caller"] == "x-forwarded-for"
    assert TRAEFIK["middlewares"]["keyhouse-done"]["headers"]["customRequestHeaders"] == {"Authorization": ""}


def test_traefik_trusts_no_header_about_the_client_and_passes_few_on():
    for asks in questions_of_traefik().values():
        assert asks["trustForwardHeader"] is False
        assert asks["authRequestHeaders"] == ["Authorization", "X-Request-Id", "X-Keyhouse-Gateway"]
        assert asks["authResponseHeadersRegex"] == "(?i)keyhouse"
    (entry,) = TRAEFIK_STATIC["entryPoints"].values()
    assert "forwardedHeaders" not in entry
    assert entry["http"]["underscoreHeadersStrategy"] == "delete"
    assert entry["http"]["sanitizePath"] is True
    assert set(entry["http"]["encodedCharacters"].values()) == {False}
    assert "api" not in TRAEFIK_STATIC


def test_the_traefik_list_of_claims_is_whole():
    listed = read("traefik/dynamic/nobody.yml")["http"]["middlewares"]["nobody"]["headers"]["customRequestHeaders"]
    assert set(listed.values()) == {""}
    every = {"Authorization"}
    for name in [*IDENTITY, *SUBJECT, "X-Keyhouse-Gateway", "X-Keyhouse-Caller"]:
        spelt = [""]
        for letter in name:
            spelt = [each + mark for each in spelt for mark in ("-." if letter == "-" else letter)]
        every |= set(spelt)
    assert set(listed) == every


def test_no_recipe_holds_a_credential():
    for path in (ROOT / "deploy").rglob("*"):
        if path.is_file():
            assert "kh_gtw_live_" not in path.read_text(encoding="utf-8").replace("kh_gtw_live_...", ""), path
