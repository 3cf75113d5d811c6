"""The terminals of a merchant or a channel: which have a token, and what is offered for them."""

from http import HTTPStatus

import pytest
from django.test import Client

from accounts.models import AuditEvent
from accounts.permissions import Role
from tests.factories import make_administrator, make_entity, make_user, put_into
from tests.reading import client_of, main_of, read
from tests.tokens.sdk.conftest import Shop, address, make_sdk
from tokens.sdk import fleet

CREATED, STOPPED = AuditEvent.Type.TOKEN_CREATED, AuditEvent.Type.TOKEN_DEACTIVATED


def names(response) -> list[str]:
    """Return the terminals that the fleet's page lists."""
    return [row.one("a", class_="cell-main").text for row in main_of(response).one("tbody").all("tr")]


@pytest.fixture
def client(shop: Shop) -> Client:
    return client_of(make_administrator(shop.merchant))


def test_the_fleet_lists_the_terminals_below_with_their_tokens(shop: Shop, tills, client):
    """S2-13: of a merchant all of them, of a channel its own."""
    page = client.get(address("fleet", shop.merchant))
    assert names(page) == ["Stall 1", "Stall 2", "Stall 3", "Stall 4", "Till 1", "Till 2"]
    rows = main_of(page).rows
    assert [row["Status"] for row in rows] == [
        "Inactive", "Active", "Expired", "Without a token", "Active", "Without a token",
    ]  # fmt: skip
    assert shop.of_till.masked in rows[4]["Token"]
    assert names(client.get(address("fleet", shop.channel))) == ["Till 1", "Till 2"]


@pytest.mark.parametrize(("query", "expected"), [
    ("state=none", ["Stall 4", "Till 2"]),
    ("state=inactive", ["Stall 1", "Stall 3"]),
    ("state=unused", ["Till 1"]),
    ("q=till", ["Till 1", "Till 2"]),
    ("q=till&state=none", ["Till 2"]),
    ("state=nonsense", ["Stall 1", "Stall 2", "Stall 3", "Stall 4", "Till 1", "Till 2"]),
])  # fmt: skip
def test_the_fleet_is_searched_and_narrowed(shop: Shop, tills, client, query, expected):
    assert names(client.get(f"{address('fleet', shop.merchant)}?{query}")) == expected


def test_of_several_tokens_the_one_that_works_is_shown(shop: Shop):
    newer, _secret = make_sdk(shop.till)
    put_into(newer, "inactive")
    make_sdk(shop.till, user=shop.operator)
    (row,) = fleet.rows_for([shop.till])
    assert (row.token, row.others, row.works) == (shop.of_till, 1, True)
    put_into(shop.of_till, "inactive")
    (row,) = fleet.rows_for([shop.till])
    assert (row.token.pk, row.works) == (newer.pk, False)


def test_a_long_fleet_comes_in_pages_and_takes_the_same_queries(shop: Shop, client, django_assert_max_num_queries):
    for number in range(30):
        terminal = make_entity("terminal", f"Stall {number:02}", under=shop.channel)
        if number % 2:
            make_sdk(terminal)
    with django_assert_max_num_queries(12):
        first = client.get(address("fleet", shop.merchant))
    assert len(names(first)) == 25
    assert len(names(client.get(f"{address('fleet', shop.merchant)}?page=2"))) == 7
    assert "Issue for all 16 without a token" in main_of(first).text


@pytest.mark.parametrize("kind", ["partner", "till"])
def test_other_kinds_of_entities_have_no_fleet(shop: Shop, kind):
    client = client_of(make_administrator(shop.partner))
    for name in ("fleet", "fleet_issue"):
        response = client.get(address(name, getattr(shop, kind)))
        assert response.status_code == HTTPStatus.CONFLICT
        assert "Terminals stand below merchants and channels." in read(response).text


def test_who_may_look_only_is_offered_nothing(shop: Shop):
    """S2-17."""
    page = main_of(client_of(make_user(Role.VIEWER, on=shop.merchant)).get(address("fleet", shop.merchant)))
    assert not page.all("input", name="terminal")
    assert not [link for link in page.links if "issue" in link or "lost" in link or "add" in link]
    support = main_of(client_of(make_user(Role.SUPPORT)).get(address("fleet", shop.merchant)))
    assert address("lost_device", shop.till) in support.links
    assert not support.all("input", name="terminal")
