"""A page takes as many queries for many rows as for few. For what it takes of time: `python -m tests.bench.scale`."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import lifecycle
from accounts.models import Entity
from accounts.permissions import Role
from tests.bench.scale import ask, pages
from tests.bench.world import World
from tests.factories import (
    SETUP,
    make_administrator,
    make_entity,
    make_invitation,
    make_merchant,
    make_token,
    make_user,
    put_into,
)
from tokens import ledger
from tokens.keys import lifecycle as keys
from tokens.keys.slots import SLOTS
from tokens.models import Token, UsageBucket

NOTED = {"person"}
"""What an event is written about: at the first look of a visit, and not at the one that is counted here."""
MOST = 12
"""Queries of one page, session and person included."""


@pytest.fixture
def place(db) -> World:
    """Return a partner with a merchant that has a few of everything, and who looks at it."""
    partner = make_entity(Entity.Kind.PARTNER, "Northwind")
    make_entity(Entity.Kind.PARTNER, "Eastwind")
    merchant = make_merchant("Juniper", under=partner)
    people = {
        "platform": make_user(Role.PLATFORM_ADMINISTRATOR),
        "partner": make_administrator(partner),
        "merchant": make_administrator(merchant),
    }
    for slot in SLOTS.values():
        keys.create(merchant, slot, mode="live", by=SETUP)
    return add_rows(World(partner, merchant, people), 5)


def add_rows(place: World, count: int) -> World:
    """Add `count` of everything that a page lists."""
    this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for number in range(count):
        merchant = make_merchant(f"Juniper {number}", under=place.partner)
        channel = make_entity(Entity.Kind.CHANNEL, under=place.merchant)
        till = make_entity(Entity.Kind.TERMINAL, under=channel)
        lifecycle.edit(channel, name=f"Web {number}", by=place.people["merchant"])
        make_user(Role.VIEWER, on=place.merchant)
        make_invitation(place.merchant, by=place.people["merchant"])
        make_token(merchant, expires_at=this_hour + timedelta(days=number + 1))
        make_token(place.merchant, kind=Token.Kind.SDK)
        make_token(till, kind=Token.Kind.SDK)
        token, _secret = make_token(place.merchant, alias=f"Cedar {number}")
        UsageBucket.objects.bulk_create(
            UsageBucket(
                token=token,
                hour=this_hour - timedelta(hours=ago),
                caller="192.0.2.1",
                outcome=outcome,
                count=3,
                first_at=this_hour,
                last_at=this_hour,
            )
            for ago in range(2)
            for outcome in ("good", "expired")
        )
        ledger.sum_up()
        Token.objects.filter(pk=token.pk).update(last_used_at=this_hour)
        put_into(token, ("active", "inactive", "revoked", "removed")[number % 4])
    return place


def counts(place: World) -> dict[tuple[str, str], int]:
    """Return how many queries each page takes of each person who may see it."""
    found = {}
    for who, user in place.people.items():
        client = Client()
        client.force_login(user)
        for page in ("portal:activity", "accounts:activity"):  # the first look of a session is noted
            for entity in (place.partner, place.merchant):
                client.get(reverse(page, args=[entity.entity_id] if page.startswith("accounts") else []))
        for name, address in pages(place).items():
            if name in NOTED:
                ask(client, address)
            with CaptureQueriesContext(connection) as queries:
                status = ask(client, address)
            if status == HTTPStatus.OK:
                found[who, name] = len(queries)
    return found


def test_a_page_takes_the_same_queries_for_many_rows_as_for_few(place: World):
    few = counts(place)
    add_rows(place, 24)
    many = counts(place)
    assert many == few
    assert {page: count for page, count in many.items() if count > MOST} == {}
    assert {who for who, _ in many} == set(place.people)
    assert {page for _, page in many} == set(pages(place))
