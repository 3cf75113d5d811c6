"""What holds for every page, and the pages that belong to no entity: dashboard, merchants, activity, settings."""

from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import lifecycle as entities
from accounts.models import Entity
from accounts.permissions import Role
from portal import overview
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, make_user, put_into
from tests.reading import HTMX, client_of, main_of, read
from tokens import usage
from tokens.verification import GOOD

PAGES = ("portal:dashboard", "portal:merchants", "portal:account", "portal:activity", "portal:settings")


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def client(merchant) -> Client:
    return client_of(make_administrator(merchant.parent))


def tiles(client: Client) -> dict[str, str]:
    page = main_of(client.get(reverse("portal:dashboard")))
    return {tile.one("dt").text: tile.one("dd").text for tile in page.all("div", class_="tile")}


def test_the_dashboard_counts_what_one_may_see(client, merchant):
    """S2-18: merchants, tokens and requests of the own scope; nothing of anybody else's."""
    other = make_merchant("Borealis Books", under=make_entity("partner", "Southgate Acquiring"))
    for entity in (merchant, other):
        token, _ = make_token(entity, alias=f"Of {entity.name}")
        usage.count(token.pk, caller="192.0.2.7", outcome=GOOD)
        usage.count(token.pk, caller="192.0.2.7", outcome="mode")
    usage.flush()
    put_into(make_token(merchant)[0], "inactive")
    entities.suspend(make_merchant("Asleep", under=merchant.parent), by=SETUP)
    assert tiles(client) == {
        "Merchants": "21 entity suspended",
        "Active tokens": "11 inactive · 0 expired",
        "Accepted, last 24 h": "1requests",
        "Refused, last 24 h": "1requests",
    }
    page = main_of(client.get(reverse("portal:dashboard"))).text
    assert "Of Aurora Coffee" in page
    assert "Borealis" not in page


def test_the_dashboard_stops_counting_where_there_are_too_many(client, merchant, monkeypatch):
    """S2-18: up to a number it is exact; beyond, it says so instead of a figure that is none."""
    monkeypatch.setattr(overview, "MOST_COUNTED", 2)
    make_token(merchant)
    make_token(merchant, expires_at=timezone.now())
    assert tiles(client)["Active tokens"] == "10 inactive · 1 expired"
    make_token(merchant)
    assert "Active tokens" not in tiles(client)
    assert "too many to count here" in tiles(client)["Tokens"]


def test_the_merchants_page_leads_to_each_merchant(client, merchant):
    """S1-1, S3-1: the grid of merchants, with their tokens in figures; an expired one is not active."""
    make_token(merchant)
    put_into(make_token(merchant)[0], "inactive")
    cedar = make_merchant("Cedar Cycles", under=merchant.parent)
    make_token(cedar, expires_at=timezone.now())
    make_merchant("Delta Flowers", under=merchant.parent)
    page = main_of(client.get(reverse("portal:merchants")))
    assert [(row["Merchant"], row["API tokens"]) for row in page.rows] == [
        ("Aurora Coffee", "1 active · 1 inactive"),
        ("Cedar Cycles", "0 active · 0 inactive · 1 expired"),
        ("Delta Flowers", "None"),
    ]
    assert merchant.get_absolute_url() in page.links


@pytest.mark.parametrize("by", ["name", "entity ID"])
def test_a_merchant_is_found_on_the_grid(client, merchant, by):
    make_merchant("Cedar Cycles", under=merchant.parent)
    text = merchant.entity_id[:9] if by == "entity ID" else "COFFEE"
    page = main_of(client.get(reverse("portal:merchants"), {"q": text}))
    assert [row["Merchant"] for row in page.rows] == ["Aurora Coffee"]
    assert "No merchant matches “Zephyr”" in main_of(client.get(reverse("portal:merchants"), {"q": "Zephyr"})).text


def test_without_a_merchant_the_grid_says_how_to_get_one(db):
    """S1-2: first add a merchant."""
    page = main_of(client_of(make_administrator(make_entity("partner"))).get(reverse("portal:merchants")))
    assert "Add a merchant below a company or a partner in the account tree." in page.text


def test_the_merchants_are_twenty_five_a_page(client, merchant):
    for number in range(26):
        make_merchant(f"Shop {number:02}", under=merchant.parent)
    pages = [main_of(client.get(reverse("portal:merchants"), {"page": number})) for number in (1, 2)]
    assert [len(page.rows) for page in pages] == [25, 2]
    assert pages[0].one("nav", aria_label="Pages").all("a", rel="next")


def test_account_leads_to_the_only_top_there_is(client, merchant):
    """S0-2: Admin > Account opens one's own entity."""
    assert client.get(reverse("portal:account")).headers["Location"] == merchant.parent.get_absolute_url()


def test_settings_say_who_one_is_and_where_one_has_which_role(merchant):
    user = make_user(Role.DEVELOPER, on=merchant, email="dana@test.example", name="Dana")
    page = main_of(client_of(user).get(reverse("portal:settings"))).text
    assert "Dana" in page
    assert "dana@test.example" in page
    assert "Aurora CoffeeDeveloper" in page


def test_somebody_without_any_access_gets_pages_that_say_so(db):
    """S2-19: nothing to see is a sentence, not an error."""
    client = client_of(make_user())
    for name in PAGES:
        assert client.get(reverse(name)).status_code == HTTPStatus.OK, name
    assert "You have no access yet" in main_of(client.get(reverse("portal:settings"))).text
    assert "There is nothing here that you may see." in read(client.get(reverse("portal:account"))).text


def test_no_page_is_stored_by_browsers_or_proxies(client, merchant):
    """S0-27: what is behind sign-in is in no cache."""
    token, _ = make_token(merchant)
    for url in [
        merchant.get_absolute_url(),
        token.get_absolute_url(),
        "/auth/login/",
        *map(reverse, PAGES),
        "/nowhere",
    ]:
        assert "no-store" in client.get(url).headers["Cache-Control"], url


def test_the_content_policy_allows_nothing_inline_and_nothing_foreign(client, merchant):
    """STYLE: scripts and styles are our own files; no page can be framed."""
    for url in (merchant.get_absolute_url(), "/auth/login/", "/nowhere"):
        policy = client.get(url).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        for word in ("unsafe", "http:", "https:", "*"):
            assert word not in policy, url


@pytest.mark.parametrize(("cookie", "drawn"), [("dark", "dark"), ("light", "light"), ("", None), ('"><script>', None)])
def test_the_page_is_drawn_in_the_theme_that_was_chosen(client, cookie, drawn):
    """The server draws the choice, so that nothing flickers; a forged one is not heard."""
    client.cookies["keyhouse-theme"] = cookie
    for url in (reverse("portal:settings"), "/nowhere"):
        assert read(client.get(url)).one("html").attributes.get("data-bs-theme") == drawn, url


@pytest.mark.parametrize("name", PAGES)
def test_a_request_from_a_dialog_never_gets_the_sign_in_page(db, name):
    """A session that has ended is answered with the way to the sign-in page, for the whole window."""
    response = Client().get(reverse(name), **HTMX)
    assert response.status_code == HTTPStatus.OK
    assert response.headers["HX-Redirect"] == f"{reverse('account_login')}?next={reverse(name)}"
    assert "Location" not in response.headers
    assert not response.content


def test_a_form_that_is_too_old_says_so(merchant):
    """A POST without its key against forgery is refused in words, and does nothing."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_administrator(merchant.parent))
    response = client.post(reverse("accounts:suspend", args=[merchant.entity_id]))
    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "This form is too old" in read(response).text
    assert Entity.objects.get(pk=merchant.pk).status == "active"
