"""Every verb by keyboard alone: in its dialog, and as a plain page in a browser without JavaScript."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import Entity
from tests.browser.conftest import House, Visit, breakable
from tests.browser.keys import choose, fill, has_focus, tab_to
from tests.factories import make_entity
from tokens import usage
from tokens.models import Token
from tokens.verification import GOOD

both_ways = pytest.mark.parametrize("js", [True, False], ids=["dialog", "page"])


def opened(house: House, visit: Visit, path: str, *, js: bool) -> Page:
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(path)
    return page


def ask(page: Page, link: Locator, title: str, *, js: bool) -> None:
    """Choose a verb; its question stands in a dialog over the page, or on a page of its own."""
    address = page.url
    choose(link)
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(1 if js else 0)
    assert (page.url == address) == js


def expect_error(field: Locator, sentence: str, *, js: bool) -> None:
    """The sentence stands at its field, is read out with it, and the focus is there."""
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(re.escape(sentence)))
    error = field.page.get_by_text(sentence)
    expect(error).to_be_visible()
    assert 0 <= error.bounding_box()["y"] - field.bounding_box()["y"] < 120
    if js:
        assert has_focus(field)


def expect_done(page: Page, sentence: str) -> None:
    """The page below says what was done, and no dialog is left."""
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text(sentence)
    expect(page.get_by_role("dialog")).to_have_count(0)


def row(page: Page) -> Locator:
    return page.get_by_role("row").filter(has_text="Settlement")


def menu(row_or_page: Locator | Page, name: str) -> None:
    """Open a menu by keyboard."""
    choose(row_or_page.locator(f"summary[aria-label^='{name}']"))


@both_ways
def test_a_token_goes_through_its_whole_life(house, visit, js):
    """S0-19, S0-31 ... S0-39, S3-13 ... S3-17: edit, deactivate, reactivate, deactivate, revoke, remove."""
    page = opened(house, visit, house.merchant.get_absolute_url(), js=js)
    ask(page, page.get_by_role("link", name="Edit Checkout backend"), "Edit API token", js=js)
    alias = page.get_by_role("textbox", name="Alias")
    fill(alias, "   ")
    page.keyboard.press("Enter")
    expect_error(alias, "Enter an alias.", js=js)
    fill(alias, "Settlement")
    choose(page.get_by_role("button", name="Save changes"))
    expect_done(page, "The changes were saved.")
    page.goto(house.merchant.get_absolute_url())  # saving leads to the token's own page

    for verb, before, after in [
        ("Deactivate", "Active", "Inactive"),
        ("Reactivate", "Inactive", "Active"),
        ("Deactivate", "Active", "Inactive"),
    ]:
        expect(row(page).get_by_role("cell", name=before, exact=True)).to_be_visible()
        ask(page, row(page).get_by_role("link", name=f"{verb} Settlement"), f"{verb} “Settlement”?", js=js)
        choose(page.get_by_role("button", name=f"{verb} token"))
        expect(row(page).get_by_role("cell", name=after, exact=True)).to_be_visible()
    expect_done(page, "“Settlement” is inactive. Requests that carry it are refused from now on.")

    menu(row(page), "More about")
    ask(page, page.get_by_role("link", name="Revoke…"), "Revoke “Settlement” for good?", js=js)
    choose(page.get_by_role("button", name="Revoke token"))
    expect_done(page, "“Settlement” is revoked for good.")
    expect(row(page).get_by_role("cell", name="Revoked", exact=True)).to_be_visible()
    ask(page, row(page).get_by_role("link", name="Remove Settlement"), "Remove “Settlement” for good?", js=js)
    choose(page.get_by_role("button", name="Remove token for good"))
    expect_done(page, "“Settlement” was removed for good.")
    expect(row(page)).to_have_count(0)
    assert Token.objects.get().status == "removed"


@both_ways
def test_a_token_in_use_is_stopped_by_typing_its_alias(house, visit, js):
    """S0-33, S0-37: the evidence is on the screen; a wrong alias is told at the field and stops nothing."""
    for _ in range(1204):
        usage.count(house.token.pk, caller="192.0.2.7", outcome=GOOD)
    usage.flush()
    page = opened(house, visit, house.token.get_absolute_url(), js=js)
    ask(page, page.get_by_role("link", name="Deactivate"), "Deactivate “Checkout backend”?", js=js)
    expect(page.get_by_text("This token is in use.")).to_be_visible()
    expect(page.get_by_text("1,204").last).to_be_visible()
    expect(page.get_by_text("1 address").last).to_be_visible()
    field = page.get_by_label("Type the alias to confirm")
    if js:
        assert has_focus(field)
    for wrong, sentence in [("", "Type the alias of the token."), ("Checkout", "This is not the alias of the token.")]:
        fill(field, wrong)
        if not wrong:
            page.keyboard.press("Delete")
        page.keyboard.press("Enter")
        expect_error(field, sentence, js=js)
        assert Token.objects.get().status == "active"
    fill(field, "Checkout backend")
    page.keyboard.press("Enter")
    expect_done(page, "“Checkout backend” is inactive.")
    expect(page).to_have_url(house.merchant.get_absolute_url())


@both_ways
def test_an_entity_is_added_renamed_moved_suspended_and_reactivated(house, visit, js):
    """S0-5: Entity Management by keyboard."""
    page = opened(house, visit, house.company.get_absolute_url(), js=js)
    menu(page, "More actions")
    ask(page, page.get_by_role("link", name="Add entity below…"), "Add an entity below “Harbour Group”", js=js)
    tab_to(page.get_by_label("Company", exact=True))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Merchant", exact=True)).to_be_checked()
    name = page.get_by_role("textbox", name="Name")
    fill(name, "x" * 90)  # the field takes 80
    fill(name, " ")
    page.keyboard.press("Enter")
    expect_error(name, "Enter a name.", js=js)
    fill(name, "Delta Flowers")
    page.keyboard.press("Enter")
    expect_done(page, "“Delta Flowers” was added.")
    expect(page.get_by_role("heading", name="Delta Flowers")).to_be_visible()

    ask(page, page.get_by_role("link", name="Edit entity"), "Edit entity", js=js)
    fill(page.get_by_role("textbox", name="Name"), "Delta Florists")
    choose(page.get_by_role("button", name="Save changes"))
    expect_done(page, "The changes were saved.")

    for verb, button, said in [
        ("Suspend", "Suspend entity", "is suspended. Tokens at and below it are refused from now on."),
        ("Reactivate", "Reactivate entity", "“Delta Florists” is active again."),
    ]:
        menu(page, "More actions")
        ask(page, page.get_by_role("link", name=f"{verb}…"), f"{verb} “Delta Florists”?", js=js)
        fill(page.get_by_label("Reason"), f"{verb} for a test")
        choose(page.get_by_role("button", name=button))
        expect_done(page, said)
    choose(page.get_by_role("link", name="Activity", exact=True).last)
    expect(page.get_by_text("“Suspend for a test”")).to_be_visible()


@both_ways
def test_an_entity_is_moved_to_a_place_that_was_searched(house, visit, js):
    """The new parent is found by its name; a place that is not there is told at the field."""
    target = make_entity("company", "Lakeside Stores", under=house.partner)
    page = opened(house, visit, house.merchant.get_absolute_url(), js=js)
    menu(page, "More actions")
    ask(page, page.get_by_role("link", name="Move…"), "Move “Aurora Coffee”", js=js)
    field = page.get_by_label("New parent")
    fill(field, "Nowhere at all")
    if js:
        expect(page.get_by_text("Nothing found for “Nowhere at all”").first).to_be_visible()
    choose(page.get_by_role("button", name="Move entity"))
    expect_error(field, "There is no such entity under which you may add.", js=js)
    fill(field, "Lakeside Stores")
    if js:
        expect(page.get_by_role("option")).to_have_count(1)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(field).to_have_value(target.entity_id)
        assert has_focus(field)
    page.keyboard.press("Enter")
    expect_done(page, "“Aurora Coffee” was moved.")
    assert Entity.objects.get(pk=house.merchant.pk).parent == target


@both_ways
def test_a_platform_administrator_adds_a_partner_at_the_top(house, platform, visit, js):
    page = visit(platform, java_script_enabled=js)
    make_entity("partner", "Southgate Acquiring")  # with one top alone, the page would lead to that one
    page.goto("/account/")
    ask(page, page.get_by_role("link", name="Add entity"), "Add an entity at the top of the account tree", js=js)
    fill(page.get_by_role("textbox", name="Name"), "Westfield Payments")
    page.keyboard.press("Enter")
    expect_done(page, "“Westfield Payments” was added.")


@both_ways
def test_what_changed_meanwhile_is_said_and_the_page_is_fresh_again(house, visit, js):
    """S0-36: somebody else was quicker: a sentence, nothing done twice, and the list is up to date afterwards."""
    page = opened(house, visit, house.merchant.get_absolute_url(), js=js)
    ask(page, page.get_by_role("link", name="Deactivate Checkout backend"), "Deactivate", js=js)
    other = visit(house.administrator)
    other.goto(f"{house.token.get_absolute_url()}deactivate/")
    other.get_by_role("button", name="Deactivate token").click()
    expect_done(other, "is inactive")
    choose(page.get_by_role("button", name="Deactivate token"))
    expect(page.get_by_text("“Checkout backend” is inactive already.")).to_be_visible()
    if js:
        choose(page.get_by_role("link", name="Close"))
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("link", name="Reactivate Checkout backend")).to_be_visible()
    else:
        choose(page.get_by_role("link", name="Back", exact=True))
        expect(page.get_by_role("heading", name="Checkout backend", level=1)).to_be_visible()


def test_a_connection_that_is_lost_is_said_in_the_dialog_and_the_form_can_be_sent_again(house, visit):
    """Nothing typed is lost when the network is."""
    page = opened(house, visit, house.merchant.get_absolute_url(), js=True)
    broken = breakable(page, "**/edit/")
    ask(page, page.get_by_role("link", name="Edit Checkout backend"), "Edit API token", js=True)
    fill(page.get_by_role("textbox", name="Alias"), "Typed with care")
    broken.append(True)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That did not work.")
    expect(page.get_by_role("textbox", name="Alias")).to_have_value("Typed with care")
    broken.clear()
    choose(page.get_by_role("button", name="Save changes"))
    expect_done(page, "The changes were saved.")
    assert Token.objects.get().alias == "Typed with care"


def test_the_filter_is_still_there_after_a_verb_in_a_dialog(house, visit):
    """The list keeps its filter and its order."""
    page = opened(house, visit, f"{house.merchant.get_absolute_url()}?status=active&sort=-alias", js=True)
    ask(page, page.get_by_role("link", name="Deactivate Checkout backend"), "Deactivate", js=True)
    choose(page.get_by_role("button", name="Deactivate token"))
    expect_done(page, "is inactive")
    assert page.url.endswith("?status=active&sort=-alias")
    expect(page.get_by_text("No token matches")).to_be_visible()


def test_menus_close_by_escape_and_give_the_focus_back(house, visit):
    page = opened(house, visit, house.merchant.get_absolute_url(), js=True)
    summary = page.locator("summary[aria-label^='More about']")
    choose(summary)
    tab_to(page.get_by_role("link", name="Details and history"))
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    expect(page.get_by_role("link", name="Details and history")).to_be_hidden()
