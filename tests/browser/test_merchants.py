"""The grid of merchants, and the way from it to a token."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from accounts import lifecycle
from accounts.models import Entity
from accounts.permissions import Role
from tests.browser.conftest import House, Visit
from tests.browser.keys import choose, fill, has_focus, tab_to
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, make_user, put_into
from tokens import usage
from tokens.models import Token
from tokens.verification import GOOD

both_ways = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])


def grid(house: House, visit: Visit, *, js: bool = True) -> Page:
    page = visit(house.administrator, java_script_enabled=js)
    page.goto("/merchants/")
    return page


def expect_names(page: Page, *names: str) -> None:
    expect(page.get_by_role("table", name="Merchants").locator(".cell-main")).to_have_text([*names])


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def sort(page: Page, column: str) -> None:
    choose(page.get_by_role("columnheader", name=column).get_by_role("link"))


@both_ways
def test_the_grid_tells_of_tokens_errors_and_activity(house, visit, axe, js):
    """S1-1, S3-4: tokens active and inactive, successful and failed requests, last activity; nobody else's."""
    make_merchant("Borealis Books", under=make_entity("partner", "Southgate Acquiring"))
    put_into(make_token(house.merchant, alias="Stopped")[0], "inactive")
    for outcome in (GOOD, GOOD, GOOD, "permission"):
        usage.count(house.token.pk, caller="192.0.2.7", outcome=outcome)
    usage.flush()
    page = grid(house, visit, js=js)
    expect_names(page, "Aurora Coffee", "Cedar Cycles")
    aurora = row(page, "Aurora Coffee")
    for text in ("1 active · 1 inactive", "3 ok", "1 failed (25.0 %)", "s ago", house.merchant.entity_id, "Active"):
        expect(aurora).to_contain_text(text)
    expect(row(page, "Cedar Cycles")).to_contain_text("no requests")
    expect(row(page, "Cedar Cycles")).to_contain_text("Never")
    if js:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert axe.run(page).violations_count == 0
    page.set_viewport_size({"width": 390, "height": 844})
    expect(aurora).to_contain_text("1 failed (25.0 %)")
    if js:
        assert page.evaluate("document.documentElement.scrollWidth") == 390


@both_ways
def test_the_grid_is_searched_filtered_and_sorted(house, visit, js):
    """S1-1: by keyboard, and each keeps what the others have chosen."""
    lifecycle.suspend(Entity.objects.get(name="Cedar Cycles"), by=SETUP)
    page = grid(house, visit, js=js)
    sort(page, "Merchant")
    expect_names(page, "Cedar Cycles", "Aurora Coffee")
    expect(page.get_by_role("columnheader", name="Merchant")).to_have_attribute("aria-sort", "descending")
    tab_to(page.get_by_label("Status"))
    page.get_by_label("Status").select_option("Suspended")
    choose(page.get_by_role("button", name="Find"))
    expect_names(page, "Cedar Cycles")
    assert "sort=-name" in page.url
    fill(page.get_by_label("Find a merchant by name or entity ID"), "aurora")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No merchant matches")).to_be_visible()
    choose(page.get_by_role("link", name="Show all merchants"))
    expect_names(page, "Aurora Coffee", "Cedar Cycles")
    Token.objects.filter(pk=house.token.pk).update(last_used_at=timezone.now())
    sort(page, "Last activity")
    sort(page, "Last activity")
    expect(page.get_by_role("columnheader", name="Last activity")).to_have_attribute("aria-sort", "descending")
    expect_names(page, "Aurora Coffee", "Cedar Cycles")


def test_the_pages_keep_the_search_and_the_order(house, visit):
    """S1-1: twenty-five on a page."""
    for number in range(27):
        make_merchant(f"Kiosk {number:02}", under=house.company)
    page = grid(house, visit)
    fill(page.get_by_label("Find a merchant by name or entity ID"), "kiosk")
    page.keyboard.press("Enter")
    sort(page, "Merchant")
    expect(page.locator(".cell-main").first).to_have_text("Kiosk 26")
    choose(page.get_by_role("link", name="Next page"))
    expect_names(page, "Kiosk 01", "Kiosk 00")


def test_the_grid_is_exported_as_it_is_filtered(house, visit):
    page = grid(house, visit)
    page.goto("/merchants/?q=cedar")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["Merchant", "Cedar Cycles"]


@both_ways
def test_a_merchant_that_is_missing_is_added_first(live_server, visit, axe, js):
    """S1-2: the empty grid leads to Add merchant; where it is to stand is searched; then a token can be added."""
    partner = make_entity("partner", "Northwind Payments")
    company = make_entity("company", "Harbour Group", under=partner)
    page = visit(make_administrator(partner), java_script_enabled=js)
    page.goto("/merchants/")
    expect(page.get_by_text("There is no merchant here yet")).to_be_visible()
    choose(page.get_by_role("link", name="Add merchant").last)
    expect(page.get_by_role("heading", name="Add a merchant")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(1 if js else 0)
    fill(page.get_by_label("Name of the merchant"), "Aurora Coffee")
    under = page.get_by_role("combobox", name="Under") if js else page.get_by_label("Under")
    fill(under, "Nowhere at all")
    choose(page.get_by_role("button", name="Add merchant"))
    expect(page.get_by_text("There is no such entity under which you may add.")).to_be_visible()
    fill(under, "Harbour")
    if js:
        expect(page.get_by_role("dialog").get_by_role("option")).to_have_count(1)
        assert axe.run(page).violations_count == 0
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(under).to_have_value(company.entity_id)
        assert has_focus(under)
    else:
        fill(under, "Harbour Group")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Aurora Coffee", level=1)).to_be_visible()
    assert Entity.objects.get(name="Aurora Coffee").parent == company
    expect(page.get_by_role("link", name="Add API token").first).to_be_visible()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER])
def test_who_may_not_add_a_merchant_is_not_led_there(live_server, visit, role):
    """S1-2, C9: the empty grid says who can."""
    page = visit(make_user(role, on=make_entity("partner", "Northwind Payments")))
    page.goto("/merchants/")
    expect(page.get_by_text("Whoever administers your partner or company can add one.")).to_be_visible()
    expect(page.get_by_role("link", name="Add merchant")).to_have_count(0)


@both_ways
def test_from_the_grid_through_the_developers_tab_to_a_new_token(house, visit, js):
    """S1-1, S1-3, S3-1: the merchant on the grid, its Developers tab, Add."""
    page = grid(house, visit, js=js)
    choose(page.get_by_role("link", name="Cedar Cycles"))
    choose(page.get_by_role("link", name="Developers", exact=True))
    choose(page.get_by_role("link", name="Add API token"))
    expect(page.get_by_role("heading", name="Add API token", level=1)).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(re.compile("Cedar Cycles"))
