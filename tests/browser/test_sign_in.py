"""Signing in and out as people do, and the theme they choose."""

import pytest
from playwright.sync_api import expect

from tests.browser.keys import choose, fill, tab_to
from tests.factories import PASSWORD


def test_an_administrator_signs_in_by_the_form_and_finds_a_merchant(house, visit):
    """S0-2 ... S0-5, S2-19: by keyboard alone from the sign-in page to Admin > Account."""
    page = visit()
    page.goto("/account/")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    fill(page.get_by_label("Email"), house.administrator.email)
    fill(page.get_by_label("Password"), PASSWORD)
    choose(page.get_by_role("button", name="Sign in", exact=True))
    expect(page.get_by_role("heading", name="Northwind Payments")).to_be_visible()
    expect(page).to_have_url(house.partner.get_absolute_url())


def test_a_wrong_password_is_told_without_saying_which_half_was_wrong(house, visit):
    page = visit()
    for email in (house.administrator.email, "nobody@test.example"):
        page.goto("/auth/login/")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill("not the password of anybody")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("not correct")).to_be_visible()


def test_signing_out_forgets_the_person(house, visit):
    """S2-19: afterwards Back shows nothing, and the browser remembers nothing of the tree."""
    page = visit(house.administrator)
    page.goto(house.merchant.get_absolute_url())
    choose(page.locator("summary.who"))
    choose(page.get_by_role("button", name="Sign out"))
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    assert "Aurora" not in page.content()


def test_a_session_that_ended_leads_from_a_dialog_to_the_sign_in_page_and_back(house, visit):
    """S2-19: the question is asked again as a page after signing in; the sign-in page is never drawn in a dialog."""
    page = visit(house.administrator)
    page.goto(house.merchant.get_absolute_url())
    page.context.clear_cookies()
    page.get_by_role("link", name="Add API token").first.click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    assert not page.get_by_role("dialog").count()
    page.get_by_label("Email").fill(house.administrator.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Add API token", level=1)).to_be_visible()


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_that_was_chosen_is_kept_and_drawn_at_once(house, visit, axe, system):
    """No flash: the page comes from the server in the chosen theme, before any script has run."""
    other = {"light": "dark", "dark": "light"}[system]
    page = visit(house.administrator, color_scheme=system)
    page.goto(house.merchant.get_absolute_url())
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    choose(page.get_by_role("button", name="Switch between light and dark"))
    expect(page.locator("html")).to_have_attribute("data-bs-theme", other)
    expect(page.locator("body")).not_to_have_css("background-color", ground)
    assert axe.run(page).violations_count == 0
    for path in ("/settings/", "/nowhere/"):
        assert f'data-bs-theme="{other}"' in page.goto(path).text()
    page.goto("/settings/")
    expect(page.get_by_label(other.title(), exact=True)).to_be_checked()
    tab_to(page.get_by_label(other.title(), exact=True))
    while not page.get_by_label("As the system").is_checked():
        page.keyboard.press("ArrowLeft")
    assert "data-bs-theme" not in page.reload().text()
    expect(page.locator("body")).to_have_css("background-color", ground)
