"""The one dialog in which questions are asked: where the focus goes, and what closes it."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import House, Visit
from tests.browser.keys import choose, dialog_of
from tokens.models import Token


def opened(house: House, visit: Visit) -> Page:
    page = visit(house.administrator)
    page.goto(house.merchant.get_absolute_url())
    return page


def edit_link(page: Page) -> Locator:
    return page.get_by_role("link", name="Edit Checkout backend")


def test_the_focus_goes_in_stays_in_and_comes_back(house, visit):
    """WAI-ARIA dialog: nothing behind it can be reached; Esc, Cancel and a click beside it close the form."""
    page = opened(house, visit)
    for close in ("Escape", "Cancel", "beside"):
        choose(edit_link(page))
        dialog = dialog_of(page, "Edit API token")
        for _ in range(12):
            page.keyboard.press("Tab")
            assert dialog.evaluate(
                "dialog => document.activeElement === document.body || dialog.contains(document.activeElement)"
            )
        if close == "Escape":
            page.keyboard.press("Escape")
        elif close == "Cancel":
            choose(page.get_by_role("link", name="Cancel"))
        else:
            page.mouse.click(4, 4)
        expect(dialog).to_be_hidden()
        expect(edit_link(page)).to_be_focused()
    assert Token.objects.count() == 1


def test_a_dialog_opened_again_at_once_gives_the_focus_back_too(house, visit):
    """The browser tells of a closed dialog a moment later, when the next one may be on its way."""
    page = opened(house, visit)
    choose(edit_link(page))
    dialog = dialog_of(page, "Edit API token")
    again = "link => { document.querySelector('dialog').close(); link.click(); }"
    edit_link(page).evaluate(again)
    page.wait_for_function("link => !link.hasAttribute('aria-busy')", arg=edit_link(page).element_handle())
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(edit_link(page)).to_be_focused()
    assert edit_link(page).get_attribute("aria-busy") is None


def test_selecting_text_out_of_the_dialog_does_not_close_it(house, visit):
    page = opened(house, visit)
    edit_link(page).click()
    dialog = dialog_of(page, "Edit API token")
    alias = page.get_by_role("textbox", name="Alias")
    alias.fill("Half typed")
    box = alias.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(10, 10)
    page.mouse.up()
    expect(dialog).to_be_visible()
