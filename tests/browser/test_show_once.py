"""The one time a token is shown: it cannot be lost by accident, and it can never be seen again."""

import json
import re
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from accounts.models import AuditEvent
from tests.browser.conftest import House, Visit, turn
from tests.browser.keys import choose, fill, has_focus, tab_to
from tokens import formats
from tokens.models import Token

STORAGE = """async () => JSON.stringify([
    location.href, history.state, {...localStorage}, {...sessionStorage}, document.cookie, window.name,
    await indexedDB.databases(), await caches.keys(),
    [...document.querySelectorAll("input, textarea")].map((field) => field.value),
])"""
"""Everything a page can leave behind in a browser, as text."""


def opened(house: House, visit: Visit, **options) -> Page:
    page = visit(house.administrator, **options)
    page.goto(house.merchant.get_absolute_url())
    return page


def create(page: Page, alias: str = "Nightly export") -> str:
    """Create a token and return it as it is shown, in a dialog over the form."""
    page.get_by_role("link", name="Add API token").click()
    page.get_by_label("Alias").fill(alias)
    page.get_by_role("button", name="Create API token").click()
    return shown_in(page)


def shown_in(page: Page) -> str:
    expect(page.get_by_role("heading", name="New API token created")).to_be_visible()
    secret = page.get_by_role("textbox", name="The new API token").inner_text()
    assert formats.parse(secret)
    return secret


def add_link(page: Page) -> Locator:
    return page.get_by_role("link", name="Add API token").first


def slow_down(page: Page) -> None:
    """Let every answer take a moment more, so that somebody can be quicker than the network."""
    slow = {"offline": False, "latency": 600, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)


def leave(page: Page, how: str) -> str:
    """Try to leave the page as a person does; stay where the browser asks. Return what it asked."""
    with page.expect_event("dialog") as asked:
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.evaluate(f"setTimeout(() => {how})")
    return asked.value.type


def test_a_token_is_created_by_keyboard_alone(house, visit, axe):
    """S0-21 ... S0-29: the whole way from Add to Done with a keyboard."""
    page = opened(house, visit)
    choose(add_link(page))
    expect(page.get_by_role("heading", name="Add API token", level=1)).to_be_visible()
    tab_to(page.get_by_label("Live", exact=True))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Test", exact=True)).to_be_checked()
    fill(page.get_by_label("Alias"), "Nightly export")
    page.keyboard.press("Enter")
    secret = shown_in(page)
    assert has_focus(page.get_by_role("button", name="Copy token"))
    done = page.get_by_role("button", name="Done")
    expect(done).to_be_disabled()
    tab_to(page.get_by_role("switch", name="I have stored this token"))
    page.keyboard.press("Space")
    expect(done).to_be_enabled()
    page.keyboard.press("Space")
    expect(done).to_be_disabled()
    page.keyboard.press("Space")
    choose(done)
    row = page.get_by_role("row").filter(has_text="Nightly export")
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text(formats.mask("api", "test", formats.parse(secret).key_id, secret[-4:]))
    assert secret[-30:] not in page.content()


def test_the_token_is_not_lost_by_accident(house, visit):
    """S0-24, S0-28: Esc and clicks beside the dialog leave it there; Back, reload and links are asked about."""
    page = opened(house, visit)
    secret = create(page)
    for _ in range(3):
        page.keyboard.press("Escape")
    page.mouse.click(4, 4)
    page.mouse.dblclick(4, 400)
    for how in ("history.back()", "location.reload()", "location.assign('/')"):
        assert leave(page, how) == "beforeunload"
        assert shown_in(page) == secret
    page.get_by_role("button", name="Done").click(force=True)
    assert shown_in(page) == secret


def test_a_token_that_was_just_being_made_is_shown_all_the_same(house, visit):
    """S0-28: Esc while the answer is on its way does not swallow it."""
    page = opened(house, visit)
    add_link(page).click()
    expect(page.get_by_role("heading", name="Add API token", level=1)).to_be_visible()
    slow_down(page)
    page.get_by_role("button", name="Create API token").click()
    page.keyboard.press("Escape")
    page.mouse.click(4, 4)
    secret = shown_in(page)
    assert Token.objects.filter(key_id=formats.parse(secret).key_id).exists()
    page.keyboard.press("Escape")
    assert shown_in(page) == secret


def test_copy_puts_the_token_into_the_clipboard_and_says_so(house, visit):
    """S0-24: copied whole, with a word for those who see and those who hear."""
    page = opened(house, visit, permissions=["clipboard-read", "clipboard-write"])
    secret = create(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    expect(page.get_by_role("button", name="Copy token")).to_be_visible()
    expect(page.get_by_role("button", name="Copy token")).to_be_focused()


def test_where_the_clipboard_is_closed_copying_works_by_hand(house, visit):
    """S0-24: without permission the older way is taken, and leaves nothing in the page."""
    page = opened(house, visit, permissions=["clipboard-read"])
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('closed')); }")
    secret = create(page)
    page.get_by_role("button", name="Copy token").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    assert page.content().count(secret[-30:]) == 1


def test_download_gives_a_file_named_after_the_entity(house, visit, tmp_path):
    """S0-25, S0-26: `api-token-<entity ID>-<key ID>.txt`, the token and nothing else."""
    page = opened(house, visit)
    secret = create(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    name = f"api-token-{house.merchant.entity_id}-{formats.parse(secret).key_id}.txt"
    assert download.value.suggested_filename == name
    expect(page.get_by_text(name)).to_be_visible()
    assert Path(download.value.path()).read_text() == f"{secret}\n"
    assert shown_in(page) == secret


def test_nothing_is_left_in_the_browser(house, visit):
    """S0-27: no storage, cookie, address or history of the browser holds it, while it is shown or afterwards."""
    page = opened(house, visit)
    secret = create(page)

    def left_behind() -> str:
        return page.evaluate(STORAGE) + json.dumps(page.context.storage_state(indexed_db=True))

    while_shown = left_behind()
    page.get_by_role("switch", name="I have stored this token").check()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    for text in (while_shown, left_behind()):
        assert house.merchant.entity_id in text  # the address, so the search does see something
        assert secret[-30:] not in text


@pytest.mark.parametrize("by_link", [True, False], ids=["by-link", "by-address"])
def test_it_is_never_shown_again(house, visit, by_link):
    """S0-27: not by Back, Forward, reload or the history."""
    page = opened(house, visit)
    if by_link:
        secret = create(page)
    else:
        page.goto(reverse("tokens:add", args=[house.merchant.entity_id]))
        page.get_by_role("button", name="Create API token").click()
        secret = shown_in(page)
    page.get_by_role("switch", name="I have stored this token").check()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("heading", name="API Tokens")).to_be_visible()
    for step in ("back", "forward", "back", "back", "forward", "forward"):
        turn(page, step)
        assert secret[-30:] not in page.content()
        assert not page.locator("[data-secret]").count()
    page.goto(house.merchant.get_absolute_url())
    page.reload()
    assert secret[-30:] not in page.content()
    assert Token.objects.count() == 2


@pytest.mark.parametrize("by_link", [True, False], ids=["by-link", "by-address"])
def test_a_double_click_makes_one_token_and_shows_it(house, visit, by_link):
    """S0-22, S0-27: two clicks, Enter on Enter: one token, and it is on the screen."""
    page = opened(house, visit)
    if by_link:
        add_link(page).click()
    else:
        page.goto(reverse("tokens:add", args=[house.merchant.entity_id]))
    page.get_by_role("button", name="Create API token").dblclick()
    secret = shown_in(page)
    made = Token.objects.exclude(pk=house.token.pk).get()
    assert made.key_id == formats.parse(secret).key_id
    assert AuditEvent.objects.filter(type="token.created", target=made.key_id).count() == 1


@pytest.mark.parametrize("in_dialog", [True, False], ids=["dialog", "page"])
def test_impatience_makes_one_token_and_shows_it(house, visit, in_dialog):
    """S0-22, S0-27: Enter again while the answer is on its way; a second form would be answered without the token."""
    page = opened(house, visit)
    if in_dialog:
        add_link(page).click()
    else:
        page.goto(reverse("tokens:add", args=[house.merchant.entity_id]))
    page.get_by_label("Alias").fill("Impatient")
    slow_down(page)
    for _ in range(4):
        page.keyboard.press("Enter")
        page.wait_for_timeout(120)
    assert shown_in(page)
    assert Token.objects.count() == 2


def test_a_form_sent_from_two_tabs_makes_one_token(house, visit):
    """S0-27: a copy of the form in another tab makes nothing; that tab says so and shows nothing."""
    page = opened(house, visit)
    add_link(page).click()
    expect(page.get_by_role("heading", name="Add API token", level=1)).to_be_visible()
    key = page.locator("[name=form_key]").input_value()
    page.get_by_role("button", name="Create API token").click()
    secret = shown_in(page)
    other = page.context.new_page()
    other.goto(reverse("tokens:add", args=[house.merchant.entity_id]))
    other.locator("[name=form_key]").evaluate("(field, key) => { field.value = key }", key)
    other.get_by_role("button", name="Create API token").click()
    expect(other.get_by_role("heading", name="This token was created already")).to_be_visible()
    assert secret[-30:] not in other.content()
    assert shown_in(page) == secret
    assert Token.objects.count() == 2


def test_without_javascript_it_is_a_page_that_is_shown_once(house, visit):
    """S0-22 ... S0-28: warning, token, one way on; reloading the answer makes nothing and shows nothing."""
    page = opened(house, visit, java_script_enabled=False)
    add_link(page).click()
    expect(page.get_by_role("heading", name="Add API token", level=1)).to_be_visible()
    page.get_by_label("Alias").fill("By hand")
    page.get_by_role("button", name="Create API token").click()
    secret = shown_in(page)
    expect(page.get_by_text("Important: this is the only time you will see it.")).to_be_visible()
    for name in ("Copy token", "Download", "Done"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="This token was created already")).to_be_visible()
    assert secret[-30:] not in page.content()
    page.get_by_role("link", name=re.compile("To the list")).click()
    expect(page.get_by_role("row").filter(has_text="By hand")).to_contain_text("Active")
    assert Token.objects.count() == 2
