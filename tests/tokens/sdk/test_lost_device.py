"""A lost device: everything of its terminal stops at once."""

from datetime import timedelta
from http import HTTPStatus
from threading import Barrier

import pytest
from django.test import Client

from accounts import audit
from accounts.models import AuditEvent
from accounts.permissions import Role
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP, make_administrator, make_user
from tests.reading import client_of, main_of, read
from tests.tokens.sdk.conftest import Shop, address, make_sdk
from tokens import lifecycle, rotation
from tokens.models import Token
from tokens.sdk import lifecycle as sdk

STOPPED = AuditEvent.Type.TOKEN_DEACTIVATED


@pytest.fixture
def client(shop: Shop) -> Client:
    return client_of(make_administrator(shop.merchant))


def test_a_lost_device_stops_every_token_of_its_terminal(shop: Shop, client):
    """S2-22, C2: at once, with an event each and why; and it says what comes next."""
    spare, _secret = make_sdk(shop.till, alias="Spare")
    retiring, _secret = make_sdk(shop.till, alias="Old")
    rotation.rotate(retiring, overlap=None, by=SETUP)
    asked = main_of(client.get(address("lost_device", shop.till)))
    assert "Deactivate its 4 tokens" in asked.text
    response = client.post(address("lost_device", shop.till), {"reason": "Left in a taxi"}, follow=True)
    assert response.redirect_chain == [(shop.till.get_absolute_url(), HTTPStatus.FOUND)]
    assert "4 tokens are inactive now." in read(response).text
    assert "For a replacement device generate a new token, then revoke the old ones." in main_of(response).text
    assert set(Token.objects.of(shop.till).values_list("status", flat=True)) == {"inactive"}
    events = AuditEvent.objects.filter(type=STOPPED)
    assert {event.details["reason"] for event in events} == {"Lost device: Left in a taxi"}
    assert len(events) == 4
    assert list(audit.verify()) == []
    shop.of_merchant.refresh_from_db()
    assert shop.of_merchant.status == "active"
    spare.refresh_from_db()
    lifecycle.reactivate(spare, by=SETUP)
    assert "No SDK token of this terminal works." not in main_of(client.get(shop.till.get_absolute_url())).text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_terminal_without_an_active_token_has_none_to_lose(shop: Shop, client, method):
    before = AuditEvent.objects.count()
    for terminal in (shop.other_till, shop.merchant):
        response = getattr(client, method)(address("lost_device", terminal))
        assert response.status_code == HTTPStatus.CONFLICT
    assert AuditEvent.objects.count() == before
    assert Token.objects.filter(status="active").count() == 4


@pytest.mark.parametrize(("role", "status"), [
    (Role.TERMINAL_OPERATOR, HTTPStatus.FOUND), (Role.SUPPORT, HTTPStatus.FOUND), (Role.VIEWER, HTTPStatus.FORBIDDEN),
    (Role.SDK_USER, HTTPStatus.FORBIDDEN),
])  # fmt: skip
def test_who_may_stop_tokens_may_report_a_device_lost(shop: Shop, role, status):
    """S2-17, S2-22: support too."""
    user = make_user(role, on=None if role == Role.SUPPORT else shop.till)
    assert client_of(user).post(address("lost_device", shop.till)).status_code == status


@pytest.mark.django_db(transaction=True)
def test_a_device_that_is_lost_during_a_rotation_has_no_token_left(shop: Shop):
    """Whichever comes first: a rotation that was quicker has its successor stopped too, a slower one is refused."""
    for _ in range(6):
        Token.objects.of(shop.till).sdk().update(status="inactive")
        token, _secret = make_sdk(shop.till)
        line = Barrier(2)

        def rotate(token=token, line=line) -> str:
            line.wait(10)
            try:
                rotation.rotate(token, overlap=timedelta(hours=1), by=SETUP)
            except Refused as refusal:
                return str(refusal)
            return ""

        def lose(line=line) -> int:
            line.wait(10)
            return sdk.lose(shop.till, by=SETUP)

        with Elsewhere(2) as elsewhere:
            rotated, lost = elsewhere.start(rotate), elsewhere.start(lose)
            assert lost.result(60) == (1 if rotated.result(60) else 2)
        assert not sdk.active_of(shop.till).exists()
