"""Every page and every dialog, for everybody: axe finds nothing, in light and in dark, and 390 pixels are enough."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import lifecycle as entities
from accounts.models import Entity
from accounts.permissions import Role
from tests.browser.conftest import House
from tests.browser.keys import dialog_of
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, make_user, put_into
from tokens import lifecycle, usage
from tokens.verification import GOOD

pytestmark = pytest.mark.any_database

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LONG = "W" * 80
ODD_NAMES = {
    "long": LONG,
    "arabic": "مقهى الشفق للقهوة والحلويات",
    "emoji": "☕️ Aurora 👩🏽‍🍳 Coffee",
}

OVERFLOW = """() => {
    const width = document.documentElement.clientWidth;
    const open = document.querySelector("dialog[open]");
    const root = open || document.scrollingElement;
    const wide = [...(open || document).querySelectorAll("*")].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width && box.right > width + 1 && !element.closest(".table-box, .tabs, pre, .visually-hidden");
    });
    const said = wide.slice(0, 5).map((element) => element.outerHTML.slice(0, 160));
    return root.scrollWidth > root.clientWidth ? [`${root.scrollWidth} > ${root.clientWidth}`, ...said] : [];
}"""
"""What is wider than the screen, if the page (or the open dialog) can be scrolled sideways at all."""


RULES = {
    "light": "axe.run({resultTypes: ['violations'], preload: false})",
    "dark": "axe.run({resultTypes: ['violations'], preload: false, runOnly: ['color-contrast', 'link-in-text-block']})",
}
"""What axe looks at: in the dark, nothing else than the colours differs."""


def faults_of(page: Page, axe: Axe, schemes: tuple[str, ...] = ("light", "dark")) -> Iterator[str]:
    """Yield what is wrong with what the page shows now: in light, in dark, and on a phone."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(axe.axe_script)
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = AxeResults(page.evaluate(RULES[scheme]))
        if found.violations_count:
            yield f"{page.url} in {scheme}: {found.generate_report()}"
    page.set_viewport_size(PHONE)
    for wide in page.evaluate(OVERFLOW):
        yield f"{page.url} on a phone: {wide}"
    page.set_viewport_size(DESKTOP)


def check(page: Page, axe: Axe, paths: list[str], schemes: tuple[str, ...] = ("light", "dark")) -> None:
    faults = []
    for path in paths:
        page.goto(path)
        faults += faults_of(page, axe, schemes)
    assert not faults, "\n".join(faults)


@pytest.fixture
def busy(house: House) -> House:
    """Return the house with tokens in every state and traffic."""
    for state in ("inactive", "revoked", "removed"):
        put_into(make_token(house.merchant, alias=f"The {state}", mode="test")[0], state)
    make_token(house.merchant, alias="The expired", expires_at=timezone.now() - timedelta(days=1))
    make_token(house.merchant, alias="The next", expires_at=timezone.now() + timedelta(days=1))
    for caller in ("192.0.2.7", "2001:db8:85a3:8d3:1319:8a2e:370:7348"):
        for outcome in (GOOD, GOOD, GOOD, "mode"):
            usage.count(house.token.pk, caller=caller, outcome=outcome)
    usage.flush()
    make_user(Role.DEVELOPER, on=house.merchant, name="Dana Developer")
    return house


def test_the_pages_of_an_entity(busy, visit, axe):
    """S0-1 ... S0-20: list, tabs and the pages of entities that are no merchants."""
    address = busy.merchant.get_absolute_url()
    tabs = [
        reverse(name, args=[busy.merchant.entity_id])
        for name in ("tokens:developers", "accounts:users", "accounts:activity")
    ]
    others = [entity.get_absolute_url() for entity in (busy.partner, busy.company, busy.stores, busy.till)]
    filters = [f"{address}?status={state}" for state in ("removed", "expired")]
    filters += [Entity.objects.get(name="Cedar Cycles").get_absolute_url()]  # nothing there yet
    check(visit(busy.administrator), axe, [address, *filters, *tabs, *others])


def test_the_pages_beside_the_tree(busy, visit, axe):
    search = reverse("accounts:search")
    paths = ["/", "/merchants/", "/merchants/?q=nothing", "/account/", "/activity/", "/settings/"]
    check(visit(busy.administrator), axe, [*paths, f"{search}?q=a", f"{search}?q=zephyr", search])


def test_the_verbs_of_a_token_as_pages(busy, visit, axe):
    """S0-21 ... S0-39: each question as a page of its own, the detail page, and a refusal."""
    tokens = {each.state: each for each in busy.token.entity.tokens.all()}
    paths = [reverse("tokens:add", args=[busy.merchant.entity_id]), tokens["active"].get_absolute_url()]
    paths += [reverse(f"tokens:{verb}", args=[busy.token.key_id]) for verb in ("edit", "deactivate", "remove")]
    paths += [reverse(f"tokens:{verb}", args=[busy.token.key_id]) for verb in ("rotate", "duplicate")]
    paths += [
        reverse(f"tokens:{verb}", args=[tokens["inactive"].key_id]) for verb in ("reactivate", "revoke", "remove")
    ]
    check(visit(busy.administrator), axe, paths)


def test_the_verbs_of_an_entity_as_pages(busy, platform, visit, axe):
    paths = [reverse(f"accounts:{verb}", args=[busy.merchant.entity_id]) for verb in ("add", "edit", "move", "suspend")]
    entities.suspend(busy.company, by=busy.administrator)
    paths += [reverse("accounts:reactivate", args=[busy.company.entity_id]), busy.merchant.get_absolute_url()]
    check(visit(busy.administrator), axe, paths)
    make_entity("partner", "Southgate Acquiring")
    check(visit(platform), axe, ["/account/", reverse("accounts:add_top")])


def test_pages_that_say_no_and_pages_before_the_sign_in(house, visit, axe):
    """Errors, sign-in, forgotten password, and what somebody without any access sees."""
    page = visit()
    check(page, axe, ["/auth/login/", "/auth/password/reset/", "/auth/password/reset/done/", "/auth/signup/"])
    check(page, axe, ["/auth/password/reset/key/1-nothing/", "/auth/inactive/", "/nowhere/"])
    stranger = visit(make_user())
    check(
        stranger, axe, ["/", "/merchants/", "/account/", "/activity/", "/settings/", house.merchant.get_absolute_url()]
    )
    viewer = visit(make_user(Role.VIEWER, on=house.merchant))
    check(viewer, axe, [reverse("tokens:add", args=[house.merchant.entity_id]), house.merchant.get_absolute_url()])
    check(viewer, axe, ["/auth/password/change/", "/auth/logout/"])


def test_the_pages_of_support(busy, visit, axe):
    """The Django admin: finding and reading, in light and in dark."""
    page, faults = visit(make_user(Role.SUPPORT)), []
    lists = [reverse(f"admin:{name}_changelist") for name in ("tokens_token", "accounts_entity", "accounts_auditevent")]
    rows = [reverse("admin:tokens_token_change", args=[busy.token.pk])]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # before the page is there: its own style sheets fade colours
        for path in [reverse("admin:index"), *lists, *rows]:
            page.goto(path)
            faults += faults_of(page, axe, schemes=(scheme,))
    assert not faults, "\n".join(faults)


def test_forms_with_errors_and_messages(house, visit, axe):
    page, faults = visit(house.administrator), []
    for name, url, thing in [
        ("alias", "tokens:edit", house.token.key_id),
        ("name", "accounts:edit", house.merchant.entity_id),
    ]:
        page.goto(reverse(url, args=[thing]))
        page.locator(f"[name={name}]").fill(" ")
        page.locator(".verb-foot button").click()
        expect(page.locator("[aria-invalid=true]")).to_be_visible()
        faults += faults_of(page, axe)
        page.locator(f"[name={name}]").fill("Renamed")
        page.locator(".verb-foot button").click()
        expect(page.get_by_role("main").get_by_role("status")).to_be_visible()
        faults += faults_of(page, axe)
    page = visit()
    page.goto("/auth/login/")
    page.get_by_role("button", name="Sign in", exact=True).click()
    faults += faults_of(page, axe)
    assert not faults, "\n".join(faults)


def test_the_dialogs_of_a_merchant(busy, visit, axe):
    """Every question of the list in its dialog, and the token that is shown once, over the page it is made on."""
    page, faults = visit(busy.administrator), []
    page.goto(busy.merchant.get_absolute_url())
    for link, title in [
        ("Edit Checkout backend", "Edit API token"),
        ("Deactivate Checkout backend", "Deactivate “Checkout backend”?"),
        ("Reactivate The inactive", "Reactivate “The inactive”?"),
        ("Remove The revoked", "Remove “The revoked” for good?"),
        ("Edit entity", "Edit entity"),
    ]:
        page.get_by_role("link", name=link).click()
        dialog_of(page, title)
        faults += faults_of(page, axe)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Add API token").click()
    expect(page.get_by_role("heading", name="Add API token", level=1)).to_be_visible()
    faults += faults_of(page, axe)
    page.get_by_label("Alias").fill(LONG)
    page.get_by_role("button", name="Create API token").click()
    dialog_of(page, "New API token created")
    faults += faults_of(page, axe)
    assert not faults, "\n".join(faults)


def test_dialogs_with_errors_refusals_and_suggestions(busy, visit, axe):
    page, faults = visit(busy.administrator), []
    page.goto(busy.merchant.get_absolute_url())
    page.get_by_role("link", name="Deactivate Checkout backend").click()
    page.get_by_label("Type the alias to confirm").fill("Something else")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is not the alias of the token.")).to_be_visible()
    faults += faults_of(page, axe)
    lifecycle.deactivate(busy.token, by=SETUP)
    page.get_by_label("Type the alias to confirm").fill("Checkout backend")
    page.keyboard.press("Enter")
    dialog_of(page, "Not now")
    faults += faults_of(page, axe)
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_role("link", name="Reactivate Checkout backend")).to_be_visible()
    page.locator("summary[aria-label^='More actions']").click()
    faults += faults_of(page, axe)
    page.get_by_role("link", name="Move…").click()
    page.get_by_label("New parent").fill("group")
    expect(page.get_by_role("option")).to_have_count(1)
    faults += faults_of(page, axe)
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("summary[aria-label^='More actions']")).to_be_focused()  # only then is the dialog done
    page.keyboard.press("/")
    page.keyboard.type("o")
    expect(page.get_by_role("option").first).to_be_visible()
    faults += faults_of(page, axe)
    page.set_viewport_size(PHONE)
    page.reload()
    page.get_by_role("button", name="Account tree").click()
    faults += faults_of(page, axe)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("kind", ODD_NAMES)
def test_names_that_are_long_or_run_the_other_way(live_server, visit, axe, kind):
    """S0-15: eighty characters without a space, right-to-left names, emoji: whole, readable, inside the screen."""
    name = ODD_NAMES[kind][:80]
    partner = make_entity("partner", name)
    merchant = make_merchant(name, under=make_entity("company", name, under=partner))
    for _ in range(2):
        make_entity("channel", name, under=merchant)
    token, _ = make_token(merchant, alias=name)
    usage.count(token.pk, caller="192.0.2.7", outcome=GOOD)
    usage.flush()
    user = make_administrator(partner)
    paths = [merchant.get_absolute_url(), token.get_absolute_url(), reverse("tokens:deactivate", args=[token.key_id])]
    paths += ["/", "/merchants/", reverse("accounts:move", args=[merchant.entity_id])]
    page = visit(user)
    check(page, axe, paths, schemes=("light",))
    page.goto(merchant.get_absolute_url())
    page.get_by_role("link", name="Deactivate").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    faults = list(faults_of(page, axe, schemes=("light",)))
    assert not faults, "\n".join(faults)
