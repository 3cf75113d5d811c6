"""The access matrix of SDK tokens: every page of a token, for a token of each subject, and every persona."""

from http import HTTPStatus

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.permissions import Role
from tests.factories import SETUP, make_administrator, make_user, put_into
from tests.reading import client_of
from tests.tokens.sdk.conftest import Shop, make_sdk
from tokens import rotation
from tokens.urls import urlpatterns

COMMON = ("platform", "support", "partner", "merchant", "developer", "viewer")

MATRIX = """
tokens:detail      GET   200 200 200 200 200 200 200
tokens:edit        GET   200 403 200 200 200 403 200
tokens:edit        POST  302 403 302 302 302 403 302
tokens:deactivate  GET   200 200 200 200 200 403 200
tokens:deactivate  POST  302 302 302 302 302 403 302
tokens:reactivate  GET   200 403 200 200 200 403 200
tokens:reactivate  POST  302 403 302 302 302 403 302
tokens:revoke      GET   200 403 200 200 200 403 200
tokens:revoke      POST  302 403 302 302 302 403 302
tokens:condemn     GET   200 403 200 200 200 403 200
tokens:condemn     POST  302 403 302 302 302 403 302
tokens:remove      GET   200 403 200 200 200 403 200
tokens:remove      POST  302 403 302 302 302 403 302
tokens:duplicate   GET   403 403 403 403 403 403 403
tokens:duplicate   POST  403 403 403 403 403 403 403
tokens:rotate      GET   200 403 200 200 200 403 200
tokens:rotate      POST  200 403 200 200 200 403 200
tokens:extend      GET   200 403 200 200 200 403 200
tokens:extend      POST  302 403 302 302 302 403 302
tokens:end         GET   200 403 200 200 200 403 200
tokens:end         POST  302 403 302 302 302 403 302
tokens:cancel      GET   200 403 200 200 200 403 200
tokens:cancel      POST  302 403 302 302 302 403 302
"""
"""For each of COMMON, and last for whoever the token belongs to; for everybody else who is signed in there is none."""

HOLDERS = {"merchant": "", "terminal": "operator", "person": "seller"}
"""Subject of a token -> the persona it belongs to; a merchant's belongs to its managers alone."""

STATES = {"reactivate": "inactive", "revoke": "inactive", "remove": "inactive"}
STATES |= {"extend": "retiring", "end": "retiring", "cancel": "retiring"}
"""Verb -> the state in which it can be done, where that is not active."""

FORM_KEY = "7b1a3e0e-5d6e-4b6e-9f9a-0a4c0f3b1c2d"
ROWS = [line.split() for line in MATRIX.strip().splitlines()]


@pytest.fixture
def clients(shop: Shop) -> dict[str, Client]:
    """Return a client for each persona, COMMON first."""
    people = {
        "platform": make_user(Role.PLATFORM_ADMINISTRATOR),
        "support": make_user(Role.SUPPORT),
        "partner": make_administrator(shop.partner),
        "merchant": make_administrator(shop.merchant),
        "developer": make_user(Role.DEVELOPER, on=shop.merchant),
        "viewer": make_user(Role.VIEWER, on=shop.merchant),
        "operator": shop.operator,
        "seller": shop.seller,
        "colleague": shop.colleague,
        "neighbour": make_user(Role.TERMINAL_OPERATOR, on=shop.other_till),
        "rival": make_administrator(shop.rival),
        "anonymous": None,
    }
    return {name: client_of(user) for name, user in people.items()}


def key_id_of(shop: Shop, subject: str, state: str) -> str:
    """Return the key ID of a new token of that subject in that state."""
    place = shop.till if subject == "terminal" else shop.merchant
    token, _secret = make_sdk(place, user=shop.seller if subject == "person" else None)
    if state == "retiring":
        rotation.rotate(token, overlap=None, by=SETUP)
    return put_into(token, "inactive" if state == "inactive" else "active").key_id


def status_of(client: Client, method: str, url: str) -> HTTPStatus:
    """Send one request and undo whatever it did."""
    form = {"alias": "Renamed", "overlap": "3600", "form_key": FORM_KEY}
    with transaction.atomic():
        response = client.get(url) if method == "GET" else client.post(url, form)
        transaction.set_rollback(True)
    return HTTPStatus(response.status_code)


@pytest.mark.parametrize("subject", HOLDERS)
def test_each_persona_gets_what_the_matrix_says(shop: Shop, clients, subject):
    """S2-13 ... S2-19, C9: a merchant's, a terminal's and a person's token."""
    for name, method, *statuses in ROWS:
        url = reverse(name, args=[key_id_of(shop, subject, STATES.get(name.split(":")[1], "active"))])
        *common, holders = (HTTPStatus(int(status)) for status in statuses)
        expected = dict.fromkeys(clients, HTTPStatus.NOT_FOUND) | dict(zip(COMMON, common, strict=True))
        expected |= {HOLDERS[subject]: holders} if HOLDERS[subject] else {}
        expected["anonymous"] = HTTPStatus.FOUND
        got = {persona: status_of(client, method, url) for persona, client in clients.items()}
        assert got == expected, f"{method} {name}"


def test_every_page_of_a_token_has_a_row():
    of_a_token = {f"tokens:{each.name}" for each in urlpatterns if str(each.pattern).startswith("tokens/")}
    assert of_a_token == {name for name, *_ in ROWS}


@pytest.mark.parametrize("name", sorted({name for name, *_ in ROWS}))
def test_a_foreign_token_and_a_missing_one_are_the_same_to_the_byte(shop: Shop, clients, name):
    """S2-19: neither operators nor SDK users learn which tokens others have, of either kind."""
    missing = reverse(name, args=["0000000000000000"])
    foreign = [
        shop.api,
        shop.of_merchant,
        make_sdk(shop.other_till)[0],
        make_sdk(shop.merchant, user=shop.colleague)[0],
    ]
    for persona in ("operator", "seller"):
        for method in ("get", "post"):
            expected = getattr(clients[persona], method)(missing)
            for token in foreign:
                response = getattr(clients[persona], method)(reverse(name, args=[token.key_id]))
                assert (
                    response.status_code
                    == expected.status_code
                    in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
                )
                assert (response.content, response.headers) == (expected.content, expected.headers)
