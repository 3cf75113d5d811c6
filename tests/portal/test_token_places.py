"""Where partners and merchants find the two kinds of tokens, and what each is for."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Entity
from tests.factories import make_administrator, make_entity, make_gateway, make_merchant, make_token
from tests.reading import client_of, main_of
from tokens.verification import decide


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture(params=["partner", "merchant"])
def client(request, merchant: Entity) -> Client:
    """Return the client of an administrator of the partner, and of one of the merchant."""
    return client_of(make_administrator(merchant.parent if request.param == "partner" else merchant))


def test_partners_and_merchants_manage_both_kinds_in_their_places(client, merchant):
    """S2-1, S2-5, S2-6, S2-18: from Settings to the merchant's tokens; each kind with its own action."""
    settings = main_of(client.get(reverse("portal:settings"))).one("section", aria_labelledby="your-tokens")
    assert f"{merchant.get_absolute_url()}#api-tokens" in settings.links
    assert reverse("tokens:my_sdk_tokens") in settings.links
    section = main_of(client.get(merchant.get_absolute_url())).one("section", id="api-tokens")
    assert reverse("tokens:add", args=[merchant.entity_id]) in section.links
    tab = main_of(client.get(reverse("tokens:developers", args=[merchant.entity_id]))).one("section", id="sdk-tokens")
    assert reverse("tokens:add_sdk", args=[merchant.entity_id]) in tab.links


def test_the_pages_say_what_each_kind_is_for(client, merchant):
    """S2-3, S2-4, S2-11: server-to-server, backend, proof of who calls; SoftPOS and terminals."""
    page = main_of(client.get(reverse("tokens:developers", args=[merchant.entity_id])))
    assert (
        "Server-to-server and backend calls carry an API token" in page.one("section", aria_labelledby="connect").text
    )
    tokens = main_of(client.get(merchant.get_absolute_url())).one("section", id="api-tokens").text
    assert "Authenticate server-to-server calls and transactions" in tokens
    assert "SoftPOS" in page.one("section", id="sdk-tokens").text


def test_each_kind_authenticates_what_it_is_for(merchant):
    """S2-2: API integrations by an API token, SDK operations by an SDK token, and neither by the other."""
    gateway = make_gateway()[1]
    secrets = {kind: make_token(merchant, kind=kind)[1] for kind in ("api", "sdk")}
    found = {
        (carried, asked): decide(secret, gateway=gateway, kinds=frozenset({asked})).allowed
        for carried, secret in secrets.items()
        for asked in secrets
    }
    assert found == {("api", "api"): True, ("api", "sdk"): False, ("sdk", "api"): False, ("sdk", "sdk"): True}
