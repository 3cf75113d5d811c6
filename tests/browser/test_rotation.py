"""Rotation as people do it: by keyboard, with the evidence beside it, and the new token shown once."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import House, Visit, turn
from tests.browser.keys import choose, dialog_of, fill, has_focus, tab_to
from tests.factories import SETUP, make_token, make_user
from tokens import formats, rotation, usage
from tokens.models import Token
from tokens.verification import GOOD

both_ways = pytest.mark.parametrize("js", [True, False], ids=["dialog", "page"])
OLD = "Checkout backend (old)"


def listed(house: House, visit: Visit, *, js: bool = True) -> Page:
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(house.merchant.get_absolute_url())
    return page


def row(page: Page, token: Token) -> Locator:
    return page.get_by_role("row").filter(has_text=token.masked)


def ask_to_rotate(page: Page, house: House) -> None:
    """Open the question from the row's menu, by keyboard."""
    choose(row(page, house.token).locator("summary"))
    choose(page.get_by_role("link", name="Rotate…"))
    expect(page.get_by_role("heading", name="Rotate “Checkout backend”")).to_be_visible()


def shown_in(page: Page) -> str:
    expect(page.get_by_role("heading", name="API token rotated")).to_be_visible()
    secret = page.get_by_role("textbox", name="The new API token").inner_text()
    assert formats.parse(secret)
    return secret


def retire(house: House, overlap: timedelta | None = timedelta(hours=21)) -> tuple[Token, Token]:
    """Rotate the house's token and send requests with both; return the old and the new one."""
    new, _ = rotation.rotate(house.token, overlap=overlap, by=SETUP)
    for token, often in ((house.token, 3), (new, 5)):
        for _ in range(often):
            usage.count(token.pk, caller="192.0.2.7", outcome=GOOD)
    usage.flush()
    return Token.objects.get(pk=house.token.pk), new


@both_ways
def test_a_token_is_rotated_by_keyboard_alone(house, visit, axe, js):
    """C10, S2-23, S0-40: overlap, successor shown once, both on the list, the old one retiring."""
    page = listed(house, visit, js=js)
    ask_to_rotate(page, house)
    chosen = page.get_by_label("24 hours")
    expect(chosen).to_be_checked()
    if js:
        assert has_focus(chosen)
        assert axe.run(page).violations_count == 0
    tab_to(chosen)
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("1 hour")).to_be_checked()
    choose(page.get_by_role("button", name="Rotate token"))
    secret = shown_in(page)
    expect(page.get_by_text(re.compile("works on for 60 min"))).to_be_visible()
    if js:
        assert has_focus(page.get_by_role("button", name="Copy token"))
        page.keyboard.press("Escape")
        assert shown_in(page) == secret
        assert axe.run(page).violations_count == 0
        tab_to(page.get_by_role("switch", name="I have stored this token"))
        page.keyboard.press("Space")
        choose(page.get_by_role("button", name="Done"))
    else:
        choose(page.get_by_role("link", name="I have stored this token"))
    old, new = Token.objects.get(pk=house.token.pk), Token.objects.get(replaces=house.token)
    expect(row(page, old)).to_contain_text("Retiring")
    expect(row(page, old)).to_contain_text(re.compile(r"ends in (60|59) min"))
    expect(row(page, new)).to_contain_text("Active")
    assert (old.alias, new.alias, new.scope) == (OLD, "Checkout backend", old.scope)
    assert secret[-30:] not in page.content()


@pytest.mark.parametrize("where", ["dialog", "page"])
def test_the_new_token_is_not_lost_by_accident_and_never_shown_again(house, visit, where):
    """S0-24, S0-27, S0-28: Back, reload and links are asked about; afterwards nothing brings it back."""
    page = listed(house, visit)
    if where == "dialog":
        ask_to_rotate(page, house)
    else:
        page.goto(f"{house.token.get_absolute_url()}rotate/")
    page.get_by_role("button", name="Rotate token").click()
    secret = shown_in(page)
    for how in ("history.back()", "location.reload()", "location.assign('/')"):
        with page.expect_event("dialog") as asked:
            page.once("dialog", lambda dialog: dialog.dismiss())
            page.evaluate(f"setTimeout(() => {how})")
        assert asked.value.type == "beforeunload"
        assert shown_in(page) == secret
    page.get_by_role("switch", name="I have stored this token").check()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("heading", name="API Tokens")).to_be_visible()
    for step in ("back", "forward", "back"):
        turn(page, step)
        assert secret[-30:] not in page.content()
    assert Token.objects.count() == 2


def test_a_double_click_rotates_once(house, visit):
    page = listed(house, visit)
    ask_to_rotate(page, house)
    page.get_by_role("button", name="Rotate token").dblclick()
    assert formats.parse(shown_in(page)).key_id == Token.objects.get(replaces=house.token).key_id


def test_no_overlap_stops_the_old_token_and_says_so(house, visit):
    page = listed(house, visit)
    ask_to_rotate(page, house)
    page.get_by_label("None: the old token stops now").check()
    page.get_by_role("button", name="Rotate token").click()
    shown_in(page)
    expect(page.get_by_text("has stopped working.")).to_be_visible()
    assert Token.objects.get(pk=house.token.pk).state == "expired"


def test_deactivate_offers_to_rotate_instead(house, visit):
    """S0-33: in the same dialog, whose Esc leads back to the button that opened the first one."""
    page = listed(house, visit)
    deactivate = page.get_by_role("link", name="Deactivate Checkout backend")
    choose(deactivate)
    dialog_of(page, "Deactivate “Checkout backend”?")
    choose(page.get_by_role("link", name="Rotate instead"))
    dialog_of(page, "Rotate “Checkout backend”")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(deactivate).to_be_focused()


def test_who_may_not_rotate_is_not_offered_it(house, visit):
    """S2-17: support may stop a token, and that is all."""
    page = visit(make_user("support"))
    page.goto(f"{house.token.get_absolute_url()}deactivate/")
    expect(page.get_by_role("button", name="Deactivate token")).to_be_visible()
    expect(page.get_by_role("link", name="Rotate instead")).to_have_count(0)


@both_ways
def test_the_page_of_a_retiring_token_shows_both_side_by_side(house, visit, axe, js):
    """C10: who still uses the old one, and how the new one is doing."""
    old, new = retire(house)
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(old.get_absolute_url())
    both = page.get_by_role("region", name="Rotation")
    for token, often in ((old, "3 requests in 24 h"), (new, "5 requests in 24 h")):
        expect(both.locator(".tile").filter(has_text=token.masked)).to_contain_text(often)
    expect(both).to_contain_text("Both tokens work until")
    if js:
        assert axe.run(page).violations_count == 0
    page.goto(new.get_absolute_url())
    expect(page.get_by_text(f"It replaces “{OLD}”, which works on meanwhile.")).to_be_visible()
    choose(page.get_by_role("link", name="See who still uses the old token"))
    expect(page.get_by_role("heading", name=OLD, level=1)).to_be_visible()


@both_ways
def test_the_overlap_is_extended_and_then_ended(house, visit, axe, js):
    """C10: until I confirm; then End now, with the alias typed, for it is in use."""
    old, new = retire(house)
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(old.get_absolute_url())
    choose(page.get_by_role("link", name="Change the overlap"))
    expect(page.get_by_role("heading", name=f"How long is “{OLD}” to work on?")).to_be_visible()
    if js:
        assert axe.run(page).violations_count == 0
    page.get_by_label("Until I confirm").check()
    choose(page.get_by_role("button", name="Change the overlap"))
    expect(page.get_by_text("Both tokens work until you end the overlap.")).to_be_visible()
    page.goto(house.merchant.get_absolute_url())
    expect(row(page, old)).to_contain_text("until you confirm")
    page.goto(old.get_absolute_url())
    choose(page.get_by_role("link", name="End now"))
    expect(page.get_by_text("The old token was used in the last 24 hours.")).to_be_visible()
    fill(page.get_by_label("Type the alias to confirm"), OLD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The overlap has ended.")).to_be_visible()
    assert (Token.objects.get(pk=old.pk).state, Token.objects.get(pk=new.pk).state) == ("expired", "active")


@both_ways
def test_a_rotation_is_called_off(house, visit, js):
    """C10: the old token works on, the new one is inactive."""
    old, new = retire(house)
    page = listed(house, visit, js=js)
    choose(row(page, old).locator("summary"))
    choose(page.get_by_role("link", name="Call the rotation off…"))
    expect(page.get_by_text("The new token is in use already.")).to_be_visible()
    fill(page.get_by_label("Type the alias to confirm"), OLD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The rotation was called off.")).to_be_visible()
    assert (Token.objects.get(pk=old.pk).state, Token.objects.get(pk=new.pk).state) == ("active", "inactive")


def test_the_list_shows_what_retires_and_what_expires_soon(house, visit, axe):
    """S3-4, S3-21, C1: badges, filters, the key ID to copy, the legend, and a phone that holds it all."""
    old, _ = retire(house)
    soon, _ = make_token(house.merchant, alias="Ends soon", expires_at=timezone.now() + timedelta(days=9))
    page = visit(house.administrator, permissions=["clipboard-read", "clipboard-write"])
    page.goto(house.merchant.get_absolute_url())
    expect(row(page, old)).to_contain_text("ends in 21 h")
    expect(row(page, soon)).to_contain_text("expires in 9 days")
    page.get_by_role("button", name="Copy the key ID of Ends soon").click()
    expect(page.locator("body > [data-live]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == soon.key_id
    for state, alias in (("Retiring", OLD), ("Expires within 14 days", "Ends soon")):
        page.locator("summary", has=page.locator("use[href$='#filter']")).click()
        page.get_by_role("link", name=re.compile(f"^{state} 1")).click()
        expect(page.locator(".cell-main")).to_have_text([alias])
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["Alias", "Ends soon"]
    page.goto(house.merchant.get_absolute_url())
    page.get_by_text("What the statuses mean").click()
    expect(page.get_by_text("Enabled: required for use.")).to_be_visible()
    assert axe.run(page).violations_count == 0
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
