"""Settings: the SDK tokens of one's own roles, and the way to the API tokens."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent, User
from accounts.permissions import Role
from tests.factories import make_administrator, make_token, make_user
from tests.reading import HTMX, Element, client_of, main_of, read
from tests.tokens.sdk.conftest import Shop, address, make_sdk

ADDED = AuditEvent.Type.TOKEN_CREATED


def aliases_in(section: Element) -> list[str]:
    return [link.text for link in section.all("a", class_="cell-main")]


def groups(user: User) -> dict[str, list[str]]:
    """Return the groups of Settings > SDK tokens: heading -> aliases."""
    page = main_of(client_of(user).get(reverse("tokens:my_sdk_tokens")))
    sections = [section for section in page.all("section") if section.all("h2") and section.all("a")]
    return {section.one("h2").text: aliases_in(section) for section in sections}


def test_settings_show_what_belongs_to_one_s_role(shop: Shop):
    """S2-14, S2-15: merchant, user, terminal."""
    assert groups(make_administrator(shop.merchant)) == {"Aurora Coffee": ["Noor van Dijk", "All tills"]}
    assert groups(shop.operator) == {"Till 1": ["Till 1"]}
    assert groups(shop.seller) == {"Aurora Coffee": ["Noor van Dijk"]}
    assert groups(shop.colleague) == {"Aurora Coffee": []}


def test_several_memberships_are_several_groups(shop: Shop):
    """S2-15."""
    user = make_user(Role.SDK_USER, on=shop.merchant)
    for role, on in (
        (Role.TERMINAL_OPERATOR, shop.other_till),
        (Role.VIEWER, shop.rival),
        (Role.SDK_USER, shop.channel),
    ):
        user.memberships.create(role=role, entity=on)
    make_sdk(shop.rival, alias="Rival")
    make_token(shop.rival)
    assert groups(user) == {"Aurora Coffee": [], "Borealis Books": ["Rival"], "Stores": [], "Till 2": []}
    page = main_of(client_of(user).get(reverse("tokens:my_sdk_tokens")))
    assert [link for link in page.links if "add" in link] == [
        f"{address('add_sdk', entity)}?from=settings" for entity in (shop.merchant, shop.channel, shop.other_till)
    ]


def test_many_tokens_of_a_merchant_are_on_its_own_page(shop: Shop):
    for _ in range(12):
        make_sdk(shop.merchant)
    page = main_of(client_of(make_administrator(shop.merchant)).get(reverse("tokens:my_sdk_tokens")))
    assert len(page.rows) == 10
    assert "All 14 tokens" in page.text
    assert f"{address('developers', shop.merchant)}#sdk-tokens" in page.links


@pytest.mark.parametrize(("role", "words"), [
    (Role.SUPPORT, "Your role is on the whole platform"),
    (None, "You have no role yet"),
])  # fmt: skip
def test_without_a_role_on_an_entity_the_page_says_what_to_do(db, role, words):
    page = main_of(client_of(make_user(role)).get(reverse("tokens:my_sdk_tokens")))
    assert words in page.text


def test_settings_lead_to_the_merchant_s_api_tokens(shop: Shop):
    """S2-6: at once where there is one, by search where there are several, not at all for those who have none."""
    settings = reverse("portal:settings")
    alone = main_of(client_of(make_user(Role.VIEWER, on=shop.merchant)).get(settings))
    assert f"{shop.merchant.get_absolute_url()}#api-tokens" in alone.links
    several = main_of(client_of(make_user(Role.PLATFORM_ADMINISTRATOR)).get(settings))
    search = several.one("form", action=reverse("portal:merchants"))
    assert search.attributes["data-url"].endswith("?kind=merchant")
    assert not several.all("select")
    none = main_of(client_of(shop.operator).get(settings))
    assert "API token Aurora" not in none.text
    assert not none.all("form", action=reverse("portal:merchants"))
    for page in (alone, several, none):
        assert reverse("tokens:my_sdk_tokens") in page.links


def test_the_search_finds_merchants_alone_where_they_are_asked_for(shop: Shop):
    client = client_of(make_administrator(shop.partner))
    url = reverse("accounts:search")
    assert "Aurora Coffee" in read(client.get(f"{url}?kind=merchant&q=o", **HTMX)).text
    assert "Stores" not in read(client.get(f"{url}?kind=merchant&q=o", **HTMX)).text
    assert "Stores" in read(client.get(f"{url}?kind=nonsense&q=o", **HTMX)).text
