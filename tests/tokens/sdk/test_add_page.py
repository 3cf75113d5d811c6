"""Generating an SDK token: for whom, shown once, by whoever may."""

from http import HTTPStatus
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts import lifecycle as entities
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Role
from tests.factories import SETUP, make_administrator, make_user
from tests.reading import HTMX, client_of, let_the_proof_age, main_of, read
from tests.tokens.sdk.conftest import Shop, address
from tokens import formats
from tokens.models import Token

ADDED = AuditEvent.Type.TOKEN_CREATED


def typed(**fields: str) -> dict[str, str]:
    return {"subject": "entity", "mode": "live", "alias": "", "form_key": str(uuid4())} | fields


def generate(client: Client, entity: Entity, **fields: str):
    return client.post(address("add_sdk", entity), typed(**fields))


def made_by(response) -> Token:
    """Return the token whose secret the page shows."""
    presented = formats.parse(read(response).one("code", id="secret").text)
    return Token.objects.get(key_id=presented.key_id)


def test_a_merchant_s_token_is_generated_and_shown_once(shop: Shop):
    """S2-7, S2-15, S0-22 ... S0-27."""
    client = client_of(make_administrator(shop.merchant))
    form = typed(alias="Pop-up shop", mode="test", description="Two tablets", networks="192.0.2.0/24")
    response = client.post(address("add_sdk", shop.merchant), form)
    assert response.status_code == HTTPStatus.OK
    assert "no-store" in response.headers["Cache-Control"]
    token = made_by(response)
    assert (token.kind, token.entity, token.user, token.mode) == ("sdk", shop.merchant, None, "test")
    assert (token.alias, token.description, token.networks) == ("Pop-up shop", "Two tablets", "192.0.2.0/24")
    text = response.content.decode()
    secret = read(response).one("code", id="secret").text
    assert text.count(secret[-49:]) == 1
    assert f"sdk-token-{shop.merchant.entity_id}-{token.key_id}.txt" in text
    assert "New SDK token created" in text
    assert f"Authorization: Bearer {token.masked}" in read(response).text
    again = client.post(address("add_sdk", shop.merchant), form)
    assert again.status_code == HTTPStatus.CONFLICT
    assert secret[-20:] not in again.content.decode()
    assert AuditEvent.objects.filter(type=ADDED, target=token.key_id).count() == 1


def test_a_header_can_be_copied_ready_to_paste(shop: Shop):
    """S2-12: the words before the token are an attribute, the token itself is not."""
    button = read(generate(client_of(shop.operator), shop.till)).one("button", data_copy_after="Authorization: Bearer ")
    assert button.attributes["data-copy-from"] == "#secret"


def test_a_terminal_s_token_is_the_terminal_s(shop: Shop):
    """S2-14, S2-15: there is nothing to choose."""
    client = client_of(shop.operator)
    page = main_of(client.get(address("add_sdk", shop.till)))
    assert [field.attributes["value"] for field in page.all("input", name="subject")] == ["entity"]
    token = made_by(generate(client, shop.till))
    assert (token.entity, token.user, token.alias, token.created_by) == (shop.till, None, "Till 1", shop.operator)


def test_an_sdk_user_generates_their_own(shop: Shop):
    """S2-15."""
    client = client_of(shop.seller)
    page = main_of(client.get(address("add_sdk", shop.merchant)))
    assert [field.attributes["value"] for field in page.all("input", name="subject")] == ["own"]
    token = made_by(generate(client, shop.merchant, subject="own", alias="Second phone"))
    assert (token.entity, token.user) == (shop.merchant, shop.seller)
    for subject in ("entity", "member"):
        refused = generate(client, shop.merchant, subject=subject, member=shop.colleague.email)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert Token.objects.sdk().count() == 4


def test_a_manager_generates_one_for_a_member(shop: Shop):
    """S2-15, S2-18."""
    client = client_of(make_user(Role.DEVELOPER, on=shop.merchant))
    page = main_of(client.get(address("add_sdk", shop.merchant)))
    offered = [each.attributes["value"] for each in page.one("datalist", id="members").all("option")]
    assert shop.colleague.email in offered
    token = made_by(generate(client, shop.merchant, subject="member", member=shop.colleague.email.upper()))
    assert (token.user, token.alias) == (shop.colleague, "Ali Rahimi")


@pytest.mark.parametrize("who", ["", "stranger@elsewhere.example", "operator", "rival", "disabled", "partner"])
def test_a_token_is_for_members_that_the_reader_knows(shop: Shop, who):
    """S2-19: nobody learns here who else there is."""
    people = {
        "operator": shop.operator.email,  # of one terminal, not of the merchant
        "rival": make_administrator(shop.rival).email,
        "disabled": shop.colleague.email,
        "partner": make_administrator(shop.partner).email,  # a member from above, whom a developer here does not see
    }
    if who == "disabled":
        User.objects.filter(pk=shop.colleague.pk).update(is_active=False)
    client = client_of(make_user(Role.DEVELOPER, on=shop.merchant))
    response = generate(client, shop.merchant, subject="member", member=people.get(who, who))
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert (
        "Nobody with this e-mail address is a member here who may sign in and have SDK tokens."
        in main_of(response).text
    )
    assert Token.objects.sdk().count() == 3


def test_an_operator_of_the_whole_merchant_is_offered_no_member(shop: Shop):
    """S2-19: a terminal operator may not know who else has access."""
    client = client_of(make_user(Role.TERMINAL_OPERATOR, on=shop.merchant))
    page = client.get(address("add_sdk", shop.merchant))
    assert shop.seller.email not in page.content.decode()
    response = generate(client, shop.merchant, subject="member", member=shop.seller.email)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_a_partner_has_no_sdk_tokens(shop: Shop, method, headers):
    client = client_of(make_administrator(shop.partner))
    response = getattr(client, method)(address("add_sdk", shop.partner), typed(), **headers)
    assert response.status_code == HTTPStatus.CONFLICT
    assert "SDK tokens belong to merchants and terminals." in read(response).text


def test_nothing_is_generated_under_a_suspension(shop: Shop):
    entities.suspend(shop.channel, by=SETUP)
    client = client_of(shop.operator)
    assert generate(client, shop.till).status_code == HTTPStatus.CONFLICT
    assert address("add_sdk", shop.till) not in main_of(client.get(shop.till.get_absolute_url())).links


def test_a_live_token_wants_a_recent_proof_and_a_test_token_does_not(shop: Shop):
    """ASVS 7.5.3."""
    client = client_of(shop.operator)
    let_the_proof_age(client)
    asked = generate(client, shop.till)
    assert asked.status_code == HTTPStatus.CONFLICT
    assert "Confirm that it is you" in read(asked).text
    assert Token.objects.of(shop.till).count() == 1
    assert made_by(generate(client, shop.till, mode="test")).mode == "test"


@pytest.mark.parametrize("back", ["", "?from=settings"])
def test_done_leads_back_to_where_one_came_from(shop: Shop, back):
    response = client_of(shop.seller).post(address("add_sdk", shop.merchant) + back, typed(subject="own"))
    shown = read(response).one("div", data_next=reverse("tokens:my_sdk_tokens") if back else
                               f"{address('developers', shop.merchant)}")  # fmt: skip
    assert shown
