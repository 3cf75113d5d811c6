"""What was issued to a fleet and never reached anybody is ended at once, and the terminals can be given new tokens."""

from datetime import timedelta
from http import HTTPStatus
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent
from accounts.permissions import Role
from tests.factories import SETUP, make_administrator, make_entity, make_user
from tests.reading import client_of, let_the_proof_age, main_of, read
from tests.tokens.sdk.conftest import Shop, address, make_sdk
from tokens import rotation
from tokens.models import Token

ENDED = [AuditEvent.Type.TOKEN_DEACTIVATED, AuditEvent.Type.TOKEN_REVOKED]


@pytest.fixture
def client(shop: Shop) -> Client:
    return client_of(make_administrator(shop.merchant))


def issue_all(client: Client, shop: Shop, **fields: str):
    form = {"mode": "live", "form_key": str(uuid4()), "all": "1"} | fields
    return client.post(address("fleet_issue", shop.merchant), form)


def test_a_lost_list_is_ended_at_once_and_issued_again(shop: Shop, client):
    """S2-22, C2, C4: with its events, all of them; the page of the terminals leads there and back."""
    Token.objects.filter(pk=shop.of_till.pk).update(last_used_at=timezone.now())
    stalls = [make_entity("terminal", f"Stall {number}", under=shop.merchant) for number in range(3)]
    assert "“End never used tokens”" in main_of(issue_all(client, shop)).text
    url = address("fleet_recall", shop.merchant)
    assert url in main_of(client.get(address("fleet", shop.merchant))).links
    assert "End 4 never used tokens" in main_of(client.get(url)).text
    response = client.post(url, {"reason": "The line broke"}, follow=True)
    assert response.redirect_chain == [(address("fleet", shop.merchant), HTTPStatus.FOUND)]
    page = read(response).text
    assert "4 tokens have ended for good." in page
    assert "Issue for all 4 without a token" in page
    assert url not in main_of(response).links
    recalled = Token.objects.filter(entity__in=[*stalls, shop.other_till])
    assert {(each.status, each.digest, bool(each.ended_at)) for each in recalled} == {("revoked", None, True)}
    events = AuditEvent.objects.filter(type__in=ENDED)
    assert sorted((each.target, each.type) for each in events) == sorted(
        (each.key_id, kind) for each in recalled for kind in ENDED
    )
    assert {each.details["reason"] for each in events} == {"The line broke"}
    assert list(audit.verify()) == []
    assert len(main_of(issue_all(client, shop)).rows) == 4
    assert {each.status for each in Token.objects.exclude(entity__in=[*stalls, shop.other_till])} == {"active"}


def test_nothing_is_ended_that_may_be_in_somebodys_hands(shop: Shop, client):
    """S0-32, S2-17: not what was used, is a person's, is older, takes part in a rotation, or stands elsewhere."""
    Token.objects.filter(pk=shop.of_till.pk).update(created_at=timezone.now() - timedelta(hours=25))
    used, _secret = make_sdk(shop.other_till)
    Token.objects.filter(pk=used.pk).update(last_used_at=timezone.now())
    rotation.rotate(make_sdk(shop.till)[0], overlap=None, by=SETUP)
    make_sdk(shop.till, user=shop.operator)
    make_sdk(make_entity("terminal", under=shop.rival))
    before = AuditEvent.objects.count()
    assert address("fleet_recall", shop.merchant) not in main_of(client.get(address("fleet", shop.merchant))).links
    for method in (client.get, client.post):
        assert method(address("fleet_recall", shop.merchant)).status_code == HTTPStatus.CONFLICT
    assert AuditEvent.objects.count() == before
    assert not Token.objects.exclude(status="active").exists()


def test_only_the_terminals_that_are_listed_are_meant(shop: Shop, client):
    """S2-18: what was searched for stays searched for."""
    issue_all(client, shop)
    fresh = main_of(client.get(f"{address('fleet_recall', shop.merchant)}?q=Till+2"))
    assert "End 1 never used token" in fresh.text
    client.post(address("fleet_recall", shop.merchant), {"q": fresh.one("input", name="q").attributes["value"]})
    assert list(Token.objects.exclude(status="active").values_list("entity", flat=True)) == [shop.other_till.pk]


def test_live_tokens_end_after_a_recent_proof(shop: Shop, client):
    """ASVS 7.5.3, S2-17: as each of them would by itself; and a viewer ends none."""
    viewer = client_of(make_user(Role.VIEWER, on=shop.merchant))
    assert viewer.post(address("fleet_recall", shop.merchant)).status_code == HTTPStatus.FORBIDDEN
    assert address("fleet_recall", shop.merchant) not in main_of(viewer.get(address("fleet", shop.merchant))).links
    let_the_proof_age(client)
    response = client.post(address("fleet_recall", shop.merchant))
    assert "Confirm that it is you" in read(response).text
    assert not Token.objects.exclude(status="active").exists()
