"""The page of a token: alias and description in place, never lost by accident, and what can only be read."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House, Visit
from tests.browser.keys import choose, dialog_of, fill
from tests.factories import make_token
from tokens.models import Token
from tokens.permissions import VIEW

both_ways = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])


def detail(house: House, visit: Visit, *, js: bool = True) -> Page:
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(house.token.get_absolute_url())
    return page


@both_ways
def test_alias_and_description_are_saved_in_place(house, visit, js):
    """S3-6, S3-7: and what cannot be saved is told at its field."""
    page = detail(house, visit, js=js)
    fill(page.get_by_label("Alias"), "Settlement")
    fill(page.get_by_label("Description"), "The nightly run")
    choose(page.get_by_role("button", name="Save changes"))
    expect(page.get_by_role("heading", name="Settlement", level=1)).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("The nightly run")
    expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("The changes were saved.")
    token = Token.objects.get()
    assert (token.alias, token.description) == ("Settlement", "The nightly run")


def test_leaving_with_unsaved_changes_is_asked_about(house, visit):
    """S3-7: by a link, by Back, by reload; not after the change was taken back, and not by saving."""
    page = detail(house, visit)
    alias = page.get_by_label("Alias")
    hint = page.get_by_text("Not saved yet")
    expect(hint).to_be_hidden()
    alias.fill("Half typed")
    expect(hint).to_be_visible()
    for how in ("location.assign('/')", "location.reload()"):
        with page.expect_event("dialog") as asked:
            page.once("dialog", lambda dialog: dialog.dismiss())
            page.evaluate(f"setTimeout(() => {how})")
        assert asked.value.type == "beforeunload"
        expect(alias).to_have_value("Half typed")
    alias.fill("Checkout backend")
    expect(hint).to_be_hidden()
    page.reload()
    alias.fill("Saved")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("heading", name="Saved", level=1)).to_be_visible()


@pytest.mark.parametrize("saves", [True, False])
def test_duplicate_asks_about_unsaved_changes_first(house, visit, axe, saves):
    """S3-8, S3-9: save and go on, go on without, or stay."""
    page = detail(house, visit)
    page.get_by_label("Alias").fill("Renamed first")
    duplicate = page.get_by_role("link", name="Duplicate")
    choose(duplicate)
    dialog_of(page, "Save your changes first?")
    assert axe.run(page).violations_count == 0
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    choose(duplicate)
    choose(page.get_by_role("button", name="Save and duplicate" if saves else "Duplicate without saving"))
    expect(page.get_by_role("heading", name="Duplicate API token")).to_be_visible()
    assert Token.objects.get().alias == ("Renamed first" if saves else "Checkout backend")


def test_duplicate_with_what_cannot_be_saved_tells_it(house, visit):
    """S3-9: nothing typed is thrown away unasked."""
    page = detail(house, visit)
    page.get_by_label("Alias").fill("   ")
    page.get_by_role("link", name="Duplicate").click()
    page.get_by_role("button", name="Save and duplicate").click()
    expect(page.get_by_text("Enter an alias.")).to_be_visible()
    assert Token.objects.get().alias == "Checkout backend"


def test_the_page_of_a_token_shows_its_permissions_to_be_read(house, visit, axe):
    """S3-10 ... S3-12, S3-21, S3-22: no switch anywhere; key ID, example, gateway call, legend."""
    house.token, _ = make_token(house.merchant, alias="Reader", permissions=VIEW)
    page = detail(house, visit)
    expect(page.get_by_role("switch")).to_have_count(0)
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Payment request"))
    assert [cell.locator(".held").count() for cell in row.get_by_role("cell").all()] == [1, 0]
    corner = page.get_by_role("region", name="Developers corner")
    expect(corner).to_contain_text(house.token.key_id)
    expect(corner).to_contain_text(f"Authorization: Bearer {house.token.masked}")
    expect(corner).to_contain_text(f"permission=customer.view&mode=live&entity={house.merchant.entity_id}")
    expect(page.get_by_text("Final: it cannot move to any other status")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert axe.run(page).violations_count == 0
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
