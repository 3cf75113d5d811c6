"""The pages of SDK tokens: where they stand, how one is generated, and that every verb's page works for them."""

from http import HTTPStatus
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from tests.factories import make_administrator, make_user, put_into
from tests.reading import HTMX, Element, client_of, main_of, read, verbs_in
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


def listed(response) -> list[str]:
    """Return the aliases in the page's list of SDK tokens."""
    return aliases_in(main_of(response).one("section", id="sdk-tokens"))


def aliases_in(section: Element) -> list[str]:
    return [link.text for link in section.all("a", class_="cell-main")]


def test_the_developers_tab_of_a_merchant_lists_its_sdk_tokens_only(shop: Shop):
    """S2-5, S2-13: neither API tokens nor those of a terminal."""
    page = client_of(make_administrator(shop.merchant)).get(address("developers", shop.merchant))
    section = main_of(page).one("section", id="sdk-tokens")
    assert aliases_in(section) == ["Noor van Dijk", "All tills"]
    row = section.rows[1]
    assert row["Alias"] == "All tillsMerchant"  # whose it is stands below
    assert shop.of_merchant.masked in row["Token"]
    assert (row["Type"], row["Status"], row["Last used"]) == ("Live", "Active", "Never")
    assert verbs_in(section) == ["edit", "deactivate", "condemn"]
    assert address("add_sdk", shop.merchant) in section.links
    assert address("fleet", shop.merchant) in section.links


@pytest.mark.parametrize("name", ["tokens:developers", "portal:entity"])
def test_a_terminal_s_tokens_stand_on_both_of_its_tabs(shop: Shop, name):
    """S2-14: the operator of a terminal finds its tokens, and nothing of the merchant."""
    page = client_of(shop.operator).get(reverse(name, args=[shop.till.entity_id]))
    assert listed(page) == ["Till 1"]
    assert shop.of_merchant.key_id not in page.content.decode()
    assert "works on every" not in main_of(page).text


def test_an_sdk_user_finds_their_own_on_the_merchant_s_tab(shop: Shop):
    """S2-15, S2-17."""
    page = client_of(shop.seller).get(address("developers", shop.merchant))
    assert listed(page) == ["Noor van Dijk"]
    assert "Your SDK tokens" in main_of(page).text
    assert "All tills" not in page.content.decode()


def test_a_viewer_looks_and_support_may_stop_them(shop: Shop):
    """S2-17, S2-19."""
    viewer, support = make_user(Role.VIEWER, on=shop.merchant), make_user(Role.SUPPORT)
    for user, verbs in ((viewer, []), (support, ["deactivate"])):
        section = main_of(client_of(user).get(address("developers", shop.merchant))).one("section", id="sdk-tokens")
        assert verbs_in(section) == verbs
        assert address("add_sdk", shop.merchant) not in section.links


def test_what_cannot_own_sdk_tokens_shows_none(shop: Shop):
    page = client_of(make_administrator(shop.partner)).get(address("developers", shop.partner))
    assert "sdk-tokens" not in page.content.decode()


def test_an_empty_list_says_what_to_do_next(shop: Shop):
    page = main_of(client_of(make_administrator(shop.merchant)).get(shop.other_till.get_absolute_url()))
    assert "Generate one for the device at this terminal." in page.text
    viewer = main_of(client_of(make_user(Role.VIEWER, on=shop.merchant)).get(shop.other_till.get_absolute_url()))
    assert "An administrator or a developer of the merchant can generate one." in viewer.text


def test_the_list_is_searched_and_filtered(shop: Shop):
    """S3-2: as the list of API tokens."""
    put_into(shop.of_merchant, "inactive")
    client = client_of(make_administrator(shop.merchant))
    found = {
        query: listed(client.get(f"{address('developers', shop.merchant)}?{query}"))
        for query in ("status=inactive", "q=noor", f"q={shop.of_merchant.key_id}")
    }
    assert found == {
        "status=inactive": ["All tills"],
        "q=noor": ["Noor van Dijk"],
        f"q={shop.of_merchant.key_id}": ["All tills"],
    }
    nothing = main_of(client.get(f"{address('developers', shop.merchant)}?q=nowhere"))
    assert "No token matches" in nothing.text


@pytest.mark.parametrize("page", ["developers", "add_sdk", "fleet", "till", "mine"])
def test_every_screen_says_how_tokens_are_kept_safe(shop: Shop, page):
    """S2-20 ... S2-24."""
    where = {"till": shop.till.get_absolute_url(), "mine": reverse("tokens:my_sdk_tokens")}
    text = main_of(
        client_of(make_administrator(shop.merchant)).get(where.get(page) or address(page, shop.merchant))
    ).text
    for words in (
        "never in a public repository",
        "do not share them",
        "Deactivate a token at once",
        "Rotate regularly",
    ):
        assert words in text


@pytest.mark.parametrize("subject", ["merchant", "terminal", "person"])
def test_each_verb_has_its_page_and_works(shop: Shop, subject):
    """S2-8, S2-9, S2-16, S2-22, S2-23."""
    token = shop.sdk[subject]
    client = client_of(shop.seller if subject == "person" else make_administrator(shop.merchant))

    def do(verb: str, **form: str):
        url = reverse(f"tokens:{verb}", args=[token.key_id])
        page = client.get(url)
        assert page.status_code == HTTPStatus.OK, verb
        assert "API token" not in read(page).one("title").text
        response = client.post(url, form)
        token.refresh_from_db()
        return response

    assert "SDK token" in read(client.get(reverse("tokens:edit", args=[token.key_id]))).one("title").text
    assert do("edit", alias="Renamed").url == token.get_absolute_url()
    assert token.alias == "Renamed"
    for verb, status in (("deactivate", "inactive"), ("reactivate", "active"), ("deactivate", "inactive")):
        response = do(verb)
        assert (token.status, response.url) == (status, token.get_list_url())
    do("reactivate")
    successor = made_by(do("rotate", overlap="3600", form_key=str(uuid4())))
    assert (successor.kind, successor.entity, successor.user) == ("sdk", token.entity, token.user)
    do("cancel")
    do("condemn")
    do("remove")
    assert token.status == "removed"


def test_a_dialog_over_one_s_own_list_leads_back_there(shop: Shop):
    mine = reverse("tokens:my_sdk_tokens")
    over = HTMX | {"HTTP_HX_CURRENT_URL": f"http://testserver{mine}?page=1"}
    url = reverse("tokens:deactivate", args=[shop.of_seller.key_id])
    response = client_of(shop.seller).post(url, **over)
    assert response.headers["HX-Redirect"] == mine


def test_its_page_tells_whose_it_is_and_how_a_gateway_asks(shop: Shop):
    """S3-11, S2-12: the person's public ID is what a gateway is told."""
    page = main_of(client_of(shop.seller).get(shop.of_seller.get_absolute_url()))
    assert "Noor van Dijk" in page.text
    assert shop.seller.person_id in page.text
    assert "kind=sdk" in page.text
    assert "Duplicate" not in page.text
    api = main_of(client_of(make_administrator(shop.merchant)).get(shop.api.get_absolute_url()))
    assert "kind=sdk" not in api.text
