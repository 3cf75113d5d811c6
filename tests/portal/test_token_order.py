"""The order of a merchant's API tokens, and its pages."""

from datetime import timedelta

import pytest
from django.db.models.signals import post_init
from django.test import Client
from django.utils import timezone

from accounts.models import Entity
from tests.factories import make_administrator, make_merchant, make_token, put_into
from tests.portal.test_token_list import aliases, section_of
from tests.reading import client_of, main_of
from tokens.models import Token


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee")


@pytest.fixture
def client(merchant) -> Client:
    return client_of(make_administrator(merchant))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["a2", "a1", "t1", "e2", "e1", "i2", "i1", "r2", "r1"]),
        ({"sort": "status"}, ["a2", "a1", "t1", "e2", "e1", "i2", "i1", "r2", "r1"]),
        ({"sort": "-status"}, ["r2", "r1", "i2", "i1", "e2", "e1", "t1", "a2", "a1"]),
        ({"status": "inactive"}, ["i2", "i1"]),
    ],
)
def test_the_order_is_by_status_and_then_the_newest_first(client, merchant, query, expected):
    """S3-2: active, retiring, expired, inactive, revoked; within each the newest first, whichever way they are sorted.

    An inactive token whose time is over as well (i1) stands among the inactive.
    """
    now = timezone.now()
    columns = {"e": {"expires_at": now}, "t": {"retiring_since": now}, "i1": {"expires_at": now}}
    for minute, alias in enumerate(["r1", "e1", "i1", "a1", "t1", "i2", "a2", "r2", "e2"]):
        token = put_into(
            make_token(merchant, alias=alias)[0], {"i": "inactive", "r": "revoked"}.get(alias[0], "active")
        )
        changed = columns.get(alias, columns.get(alias[0], {}))
        Token.objects.filter(pk=token.pk).update(created_at=now + timedelta(minutes=minute), **changed)
    assert aliases(client, merchant, **query) == expected


@pytest.mark.parametrize("sort", ["alias", "-alias", "mode", "-mode", "last_used_at", "-last_used_at", "status"])
def test_what_sorts_alike_stands_the_newest_first(client, merchant, sort):
    """S0-14: in one order each time, so that no token stands on two pages or on none."""
    at_once = timezone.now()
    tokens = [make_token(merchant, alias="Alike")[0] for _ in range(30)]
    Token.objects.update(created_at=at_once)
    shown = []
    for page in (1, 2):
        section = section_of(client, merchant, sort=sort, page=str(page))
        shown += [cell.one("a").attributes["href"] for cell in section.all("td", data_label="Alias")]
    assert shown == [token.get_absolute_url() for token in reversed(tokens)]


def test_a_page_reads_no_more_tokens_than_it_shows(client, merchant):
    """S0-14: a merchant may have thousands."""
    for _ in range(40):
        make_token(merchant)
    read_ = []

    def note(instance: Token, **_: object) -> None:
        read_.append(instance)

    post_init.connect(note, sender=Token)
    try:
        assert len(section_of(client, merchant).rows) == 25
    finally:
        post_init.disconnect(note, sender=Token)
    assert len(read_) == 25


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("alias", ["Alpha", "bravo", "Charlie"]),
        ("-alias", ["Charlie", "bravo", "Alpha"]),
        ("last_used_at", ["Charlie", "Alpha", "bravo"]),
        ("-last_used_at", ["Alpha", "Charlie", "bravo"]),
        ("mode", ["Alpha", "Charlie", "bravo"]),
    ],
)
def test_a_column_sorts_the_list(client, merchant, sort, expected):
    """S0-14, S0-20: never used comes last either way, and capitals do not come first, on every database."""
    now = timezone.now()
    for alias, mode, used in [("Charlie", "live", 9), ("Alpha", "live", 1), ("bravo", "test", None)]:
        token, _ = make_token(merchant, alias=alias, mode=mode)
        Token.objects.filter(pk=token.pk).update(last_used_at=used and now - timedelta(hours=used))
    assert aliases(client, merchant, sort=sort) == expected
    head = section_of(client, merchant, sort=sort).one("th", class_=f"cell-{sort.strip('-')}")
    assert head.attributes["aria-sort"] == ("descending" if sort.startswith("-") else "ascending")


def test_a_page_holds_twenty_five_and_keeps_filter_and_order(client, merchant):
    """S0-14: all tokens are there, 25 a page."""
    for number in range(27):
        put_into(make_token(merchant, alias=f"Token {number:02}")[0], "inactive")
    section = section_of(client, merchant, status="inactive", sort="alias")
    assert len(section.rows) == 25
    pager = section.one("nav", aria_label="Pages")
    assert pager.one("p").text == "1\N{EN DASH}25 of 27"
    (following,) = pager.all("a", rel="next")
    response = client.get(merchant.get_absolute_url() + following.attributes["href"])
    rest = main_of(response).one("section", aria_labelledby="tokens")
    assert [cell.one("a").text for cell in rest.all("td", data_label="Alias")] == ["Token 25", "Token 26"]
