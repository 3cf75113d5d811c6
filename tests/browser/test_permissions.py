"""The create form: presets and the Custom rule, with JavaScript and without, and what it makes."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import House, Visit
from tests.browser.keys import choose, dialog_of, fill, has_focus, tab_to
from tests.factories import make_token
from tokens.models import Token
from tokens.permissions import CATALOGUE, EDIT, PRESET_LABELS, PRESETS, VIEW, write_scope

both_ways = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])


def opened(house: House, visit: Visit, *, js: bool = True, **options) -> Page:
    page = visit(house.administrator, java_script_enabled=js, **options)
    page.goto(reverse("tokens:add", args=[house.merchant.entity_id]))
    return page


def ticked(page: Page) -> set[str]:
    """Return the permissions whose switches are on."""
    switches = page.get_by_role("group", name="Permissions").get_by_role("switch")
    return {each.get_attribute("value") for each in switches.all() if each.is_checked()}


def pressed(page: Page) -> list[str]:
    """Return the presets that are shown as what is chosen now."""
    buttons = page.get_by_role("group", name="Presets").get_by_role("button").all()
    return [each.inner_text() for each in buttons if each.get_attribute("aria-pressed") == "true"]


def marks(page: Page) -> list[str]:
    """Return how the two groups are marked: merchant scope, payments scope."""
    return page.locator("[data-group-preset]").all_inner_texts()


def preset(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Presets").get_by_role("button", name=name)


def press(page: Page, name: str, *, js: bool) -> None:
    """Press a preset's button; without JavaScript wait for the page that the server answers with."""
    if js:
        preset(page, name).click()
        return
    with page.expect_navigation():
        preset(page, name).click()


def switch(page: Page, name: str) -> Locator:
    return page.get_by_role("switch", name=name, exact=True)


def create(page: Page) -> Token:
    """Press the button of the form, and return what it made."""
    page.get_by_role("button", name="Create API token").click()
    expect(page.get_by_role("heading", name="New API token created")).to_be_visible()
    return Token.objects.latest("pk")


@both_ways
def test_the_form_has_two_scopes_of_ten_things_to_view_and_edit(house, visit, axe, js):
    """S1-5 ... S1-17, S1-22: general information first, each type explained, twenty switches, Pay attention."""
    page = opened(house, visit, js=js)
    headings = page.get_by_role("main").get_by_role("heading", level=2).all_inner_texts()
    assert headings == ["General information", "Permissions"]
    for label in ("Alias (optional)", "Description (optional)", "Expires", "Allowed networks (optional)"):
        expect(page.get_by_label(label)).to_be_visible()
    expect(page.get_by_label("Live", exact=True)).to_have_accessible_description(re.compile("Check all preconditions"))
    expect(page.get_by_label("Test", exact=True)).to_have_accessible_description(re.compile("Safe in the test environ"))
    assert len(page.get_by_role("row").all()) == 2 + 3 + 7
    assert page.get_by_role("switch").count() == len(CATALOGUE) == 20
    expect(page.get_by_role("table", name="Merchant scope").get_by_role("switch")).to_have_count(6)
    expect(page.get_by_role("table", name="Payments scope").get_by_role("switch")).to_have_count(14)
    expect(page.get_by_text("Pay attention. Permissions are set only now")).to_be_visible()
    if js:
        assert axe.run(page).violations_count == 0


@both_ways
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_all_groups_at_once(house, visit, js, name):
    """S1-13, S1-14, S1-18: every View, every Edit, or all of them; what is typed elsewhere stays."""
    page = opened(house, visit, js=js)
    label, other = str(PRESET_LABELS[name]), "Write" if name == "read_only" else "Read-only"
    page.get_by_label("Alias").fill("Half typed")
    press(page, other, js=js)
    press(page, label, js=js)
    assert ticked(page) == PRESETS[name]
    assert (pressed(page), marks(page)) == ([label], [label, label])
    expect(page.get_by_label("Alias")).to_have_value("Half typed")
    assert Token.objects.count() == 1
    assert create(page).scope == write_scope(PRESETS[name])


def test_touching_a_switch_marks_its_group_custom_and_the_way_back_brings_the_name_back(house, visit):
    """S1-19 ... S1-21: at once, for the group and for the whole; the other group keeps its name."""
    page = opened(house, visit)
    preset(page, "Read-only").click()
    switch(page, "Edit Payment request").check()
    assert (pressed(page), marks(page)) == (["Custom"], ["Read-only", "Custom"])
    expect(page.locator("body > [data-live]")).to_have_text("Custom")
    switch(page, "View Customer").uncheck()
    assert marks(page) == ["Custom", "Custom"]
    switch(page, "View Customer").check()
    switch(page, "Edit Payment request").uncheck()
    assert (pressed(page), marks(page)) == (["Read-only"], ["Read-only", "Read-only"])
    for thing in page.get_by_role("table", name="Merchant scope").get_by_role("switch").all():
        thing.check()
    assert (pressed(page), marks(page)) == (["Custom"], ["Full access", "Read-only"])
    assert Token.objects.count() == 1


def test_without_javascript_the_server_marks_custom_and_brings_the_name_back(house, visit):
    """S1-20, S1-21: with each press of a preset's button, Custom included; nothing is created by it."""
    page = opened(house, visit, js=False)
    press(page, "Read-only", js=False)
    switch(page, "Edit Payment request").check()
    press(page, "Custom", js=False)
    assert (pressed(page), marks(page)) == (["Custom"], ["Read-only", "Custom"])
    assert ticked(page) == VIEW | {"payment_request.edit"}
    assert "#permissions" in page.url
    switch(page, "Edit Payment request").uncheck()
    press(page, "Custom", js=False)
    assert (pressed(page), marks(page)) == (["Read-only"], ["Read-only", "Read-only"])
    expect(page.locator(".invalid-feedback")).to_have_count(0)
    assert Token.objects.count() == 1


def test_custom_leads_to_the_switches(house, visit):
    """S1-19: there is nothing else to choose about it. The form begins with the least that is of use."""
    page = opened(house, visit)
    choose(preset(page, "Custom"))
    assert has_focus(switch(page, "View Customer"))
    assert pressed(page) == ["Read-only"]


@both_ways
def test_enter_in_a_field_creates_the_token_and_presses_no_preset(house, visit, js):
    """S1-23: the form's own button is what Enter stands for."""
    page = opened(house, visit, js=js)
    press(page, "Write", js=js)
    fill(page.get_by_label("Alias"), "By Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New API token created")).to_be_visible()
    token = Token.objects.get(alias="By Enter")
    assert token.scope == write_scope(EDIT)


@both_ways
def test_nothing_ticked_is_refused_and_nothing_typed_is_lost(house, visit, axe, js):
    """S1-4: a token without permissions is none; the sentence stands where the switches are."""
    page = opened(house, visit, js=js)
    page.get_by_label("Alias").fill("Typed with care")
    page.get_by_label("Allowed networks").fill("192.0.2.0/24\nnowhere")
    for each in page.get_by_role("group", name="Permissions").get_by_role("switch").all():
        each.uncheck()
    page.get_by_role("button", name="Create API token").click()
    error = page.get_by_text("Choose at least one permission: a token without any can do nothing.")
    expect(error).to_be_visible()
    group = page.get_by_role("group", name="Permissions")
    expect(group).to_have_accessible_description(re.compile("Choose at least one permission"))
    expect(page.get_by_label("Allowed networks")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("“nowhere” is no network.")).to_be_visible()
    expect(page.get_by_label("Alias")).to_have_value("Typed with care")
    assert (pressed(page), marks(page)) == (["Custom"], ["Custom", "Custom"])
    assert Token.objects.count() == 1
    if js:
        assert has_focus(page.get_by_label("Allowed networks"))
        assert axe.run(page).violations_count == 0
    page.get_by_label("Allowed networks").fill("192.0.2.0/24 2001:db8::/32")
    press(page, "Read-only", js=js)
    token = create(page)
    assert (token.alias, token.networks, token.scope) == (
        "Typed with care",
        "192.0.2.0/24 2001:db8::/32",
        write_scope(VIEW),
    )


@both_ways
def test_the_day_is_asked_for_where_one_is_meant(house, visit, js):
    """S1-5: without JavaScript it always stands there."""
    page = opened(house, visit, js=js)
    day = page.get_by_label("Expiry date")
    expect(day).to_be_visible(visible=not js)
    page.get_by_label("Expires").select_option("On a date")
    expect(day).to_be_visible()
    page.get_by_role("button", name="Create API token").click()
    expect(page.get_by_text("Choose the day on which the token expires.")).to_be_visible()
    chosen = timezone.now().date() + timedelta(days=400)
    day.fill(chosen.isoformat())
    assert create(page).expires_at.date() == chosen + timedelta(days=1)


def test_a_custom_token_is_made_by_keyboard_alone_and_shown_once_over_the_form(house, visit, axe):
    """S1-19 ... S1-26: the answer stands in a dialog, and only Done takes it away."""
    page = opened(house, visit)
    choose(preset(page, "Read-only"))
    tab_to(switch(page, "Edit Payment request"))
    page.keyboard.press("Space")
    choose(page.get_by_role("button", name="Create API token"))
    dialog = dialog_of(page, "New API token created")
    expect(dialog).to_contain_text("Custom")
    assert has_focus(page.get_by_role("button", name="Copy token"))
    page.keyboard.press("Escape")
    page.mouse.click(4, 4)
    expect(dialog).to_be_visible()
    assert axe.run(page).violations_count == 0
    tab_to(page.get_by_role("switch", name="I have stored this token"))
    page.keyboard.press("Space")
    choose(page.get_by_role("button", name="Done"))
    expect(page).to_have_url(re.compile(re.escape(house.merchant.get_absolute_url())))
    token = Token.objects.latest("pk")
    assert (token.scope, token.status) == (write_scope(VIEW | {"payment_request.edit"}), "active")


def test_a_connection_that_is_lost_leaves_the_form_as_it_is(house, visit):
    page = opened(house, visit)
    page.get_by_label("Alias").fill("Typed with care")
    broken = [True]
    page.route("**/tokens/add/", lambda route: route.fulfill(status=404) if broken else route.continue_())
    page.get_by_role("button", name="Create API token").click()
    expect(page.get_by_role("alert")).to_contain_text("That did not work.")
    broken.clear()
    assert create(page).alias == "Typed with care"


@both_ways
def test_duplicate_opens_the_form_with_the_same_presets(house, visit, js):
    """S3-8, S3-10, C7: type, permissions and networks of the old one, all of which may still be changed."""
    scope = VIEW | {"payment_request.edit"}
    house.token, _ = make_token(house.merchant, alias="Old", mode="test", permissions=scope, networks="192.0.2.0/24")
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(house.token.get_absolute_url())
    with page.expect_navigation():
        page.get_by_role("link", name="Duplicate").click()
    expect(page.get_by_label("Test", exact=True)).to_be_checked()
    expect(page.get_by_label("Allowed networks")).to_have_value("192.0.2.0/24")
    assert (ticked(page), pressed(page), marks(page)) == (scope, ["Custom"], ["Read-only", "Custom"])
    switch(page, "Edit Payment request").uncheck()
    token = create(page)
    assert (token.mode, token.scope, token.networks) == ("test", write_scope(VIEW), "192.0.2.0/24")
    assert Token.objects.get(pk=house.token.pk).scope == write_scope(scope)
