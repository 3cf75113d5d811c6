"""Integration keys in a real browser: by keyboard, without JavaScript, and what stays on the screen."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.browser.conftest import House, Visit
from tests.browser.keys import choose, dialog_of, fill, has_focus, tab_to
from tests.factories import SETUP
from tokens.keys import lifecycle
from tokens.keys.slots import SLOTS
from tokens.models import SharedKey

both_ways = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])


@pytest.fixture
def keys(house: House) -> dict[str, str]:
    """Fill every live slot but that of the secondary REST API key; return the values by slot."""
    filled = [name for name in SLOTS if name != "rest_secondary"]
    return {name: lifecycle.create(house.merchant, SLOTS[name], mode="live", by=SETUP)[1] for name in filled}


def opened(house: House, visit: Visit, *, js: bool = True) -> Page:
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(reverse("tokens:developers", args=[house.merchant.entity_id]))
    return page


def slot(page: Page, verb: str, label: str):
    return page.get_by_role("link", name=f"{verb} {label}", exact=True)


@both_ways
def test_a_rest_api_key_is_created_by_keyboard_and_shown_once(house, keys, visit, axe, js):
    """S4-11, C1: only Done takes the dialog away, and then the slot is filled."""
    page = opened(house, visit, js=js)
    if js:
        assert axe.run(page).violations_count == 0
    choose(slot(page, "Create", "Secondary REST API key"))
    expect(page.get_by_role("heading", name="Create “Secondary REST API key”")).to_be_visible()
    fill(page.get_by_label("Note (optional)"), "For the move")
    choose(page.get_by_role("button", name="Create key"))
    expect(page.get_by_role("heading", name="“Secondary REST API key” was created")).to_be_visible()
    secret = page.get_by_role("textbox", name="The new key").inner_text()
    assert secret.startswith("kh_api_live_")
    if js:
        assert axe.run(page).violations_count == 0
        page.keyboard.press("Escape")
        expect(page.get_by_role("textbox", name="The new key")).to_have_text(secret)
        tab_to(page.get_by_role("switch", name="I have stored this key"))
        page.keyboard.press("Space")
        choose(page.get_by_role("button", name="Done"))
    else:
        choose(page.get_by_role("link", name="I have stored this key"))
    expect(slot(page, "Renew", "Secondary REST API key")).to_be_visible()
    expect(page.locator("[data-secret]")).to_have_count(0)
    assert secret not in page.content()


@both_ways
def test_a_key_is_renewed_and_the_old_value_named_gone(house, keys, visit, axe, js):
    """S4-13, S4-20: both users of the shared key are told before."""
    page = opened(house, visit, js=js)
    choose(slot(page, "Renew", "Primary HMAC key"))
    expect(page.get_by_role("heading", name="Renew “Primary HMAC key”?")).to_be_visible()
    expect(page.get_by_text("Two users share this key.")).to_be_visible()
    if js:
        assert axe.run(page).violations_count == 0
    choose(page.get_by_role("button", name="Renew key"))
    expect(page.get_by_role("heading", name="“Primary HMAC key” was renewed")).to_be_visible()
    secret = page.get_by_role("textbox", name="The new key").inner_text()
    assert secret != keys["hmac_primary"]
    now = lifecycle.keys_of(house.merchant, "live")["hmac_primary"]
    assert isinstance(now, SharedKey)
    assert lifecycle.read(now, by=SETUP) == secret


@both_ways
def test_a_key_is_revoked_and_its_slot_offers_create(house, keys, visit, js):
    """S4-16 ... S4-18."""
    page = opened(house, visit, js=js)
    choose(slot(page, "Revoke", "Encryption password"))
    choose(page.get_by_role("button", name="Revoke key"))
    expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("Its slot is empty.")
    expect(slot(page, "Create", "Encryption password")).to_be_visible()


@both_ways
def test_a_key_is_revealed_and_hidden_again(house, keys, visit, js):
    """C1: nothing of it is left in the page."""
    page = opened(house, visit, js=js)
    choose(slot(page, "Reveal", "Encryption password"))
    expect(page.get_by_role("heading", name="Reveal “Encryption password”?")).to_be_visible()
    choose(page.get_by_role("button", name="Reveal key"))
    expect(page.get_by_role("textbox", name="The key")).to_have_text(keys["encryption"])
    choose(page.get_by_role("link", name="Hide now"))
    expect(page.get_by_role("heading", name="Key management")).to_be_visible()
    expect(page.locator("[data-secret]")).to_have_count(0)  # also once the closed dialog has been emptied
    assert keys["encryption"] not in page.content()


def test_a_revealed_key_is_gone_after_a_minute(house, keys, visit, axe):
    """C1: in the dialog, by the clock alone."""
    page = visit(house.administrator)
    page.clock.install()
    page.goto(reverse("tokens:developers", args=[house.merchant.entity_id]))
    choose(slot(page, "Reveal", "Primary HMAC key"))
    dialog_of(page, "Reveal “Primary HMAC key”?")
    choose(page.get_by_role("button", name="Reveal key"))
    shown = page.get_by_role("textbox", name="The key")
    expect(shown).to_have_text(keys["hmac_primary"])
    expect(page.get_by_role("button", name="Copy key")).to_be_focused()
    assert axe.run(page).violations_count == 0
    page.clock.fast_forward(50_000)
    expect(shown).to_have_text(keys["hmac_primary"])
    page.clock.fast_forward(11_000)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[data-secret]")).to_have_count(0)
    assert keys["hmac_primary"] not in page.content()


@both_ways
def test_the_secondary_key_is_promoted(house, keys, visit, axe, js):
    """S4-22: the values stay, their roles change."""
    page = opened(house, visit, js=js)
    choose(page.get_by_role("link", name="Promote secondary to primary"))
    expect(page.get_by_role("heading", name="Promote secondary to primary?")).to_be_visible()
    if js:
        assert axe.run(page).violations_count == 0
    choose(page.get_by_role("button", name="Promote"))
    expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("The keys have changed places.")
    now = lifecycle.keys_of(house.merchant, "live")["hmac_primary"]
    assert isinstance(now, SharedKey)
    assert lifecycle.read(now, by=SETUP) == keys["hmac_secondary"]


@both_ways
def test_live_and_test_are_one_press_apart(house, keys, visit, js):
    """C8: and what is done then is done in that mode."""
    page = opened(house, visit, js=js)
    choose(page.get_by_role("link", name="Test", exact=True))
    expect(page.get_by_role("link", name="Test", exact=True)).to_have_attribute("aria-current", "true")
    choose(slot(page, "Create", "Encryption password"))
    expect(page.get_by_text("active at once, in the Test environment")).to_be_visible()


def test_the_bench_for_signatures_answers_in_place(house, keys, visit, axe):
    """S4-3: by keyboard; the answer is read out."""
    page = opened(house, visit)
    choose(page.get_by_role("link", name="Check a signature"))
    expect(page.get_by_role("heading", name="Check a signature")).to_be_visible()
    fill(page.get_by_label("webhook-signature"), "v1,nonsense")
    fill(page.get_by_label("Payload"), "{}")
    choose(page.get_by_role("button", name="Check", exact=True))
    expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("It does not verify.")
    expect(page.get_by_label("Payload")).to_have_value("{}")
    assert axe.run(page).violations_count == 0
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_tab_fits_a_phone(house, keys, visit, axe):
    """S4-1: nothing runs out of the screen, in both schemes."""
    page = opened(house, visit)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert axe.run(page).violations_count == 0
    assert not has_focus(page.get_by_role("link", name="Check a signature"))
