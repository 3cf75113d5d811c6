"""SDK tokens in a real browser: one is shown once, many become a CSV made there, and a lost device is stopped."""

import csv
import re
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Role
from tests.browser.conftest import House, Visit, turn
from tests.browser.keys import choose, fill
from tests.browser.test_show_once import STORAGE, leave
from tests.factories import make_entity, make_token, make_user
from tokens import formats
from tokens.models import Token


@pytest.fixture
def seller(house: House) -> User:
    return make_user(Role.SDK_USER, on=house.merchant, name="Noor van Dijk")


@pytest.fixture
def fleet(house: House) -> list[Entity]:
    """Return the terminals of the house, one of which is called like a formula."""
    return [house.till, *(make_entity("terminal", name, under=house.stores) for name in ("=1+1", 'Stall "2"'))]


def shown_in(page: Page) -> str:
    expect(page.get_by_role("heading", name="New SDK token created")).to_be_visible()
    secret = page.get_by_role("textbox", name="The new SDK token").inner_text()
    assert formats.parse(secret)
    return secret


def confirm_stored(page: Page, what: str, js: bool) -> None:
    """Say that it is stored, and leave for where it came from."""
    if not js:
        page.get_by_role("link", name=f"I have stored {what}").click()
        return
    expect(page.get_by_role("button", name="Done")).to_be_disabled()
    page.get_by_role("switch", name=f"I have stored {what}").check()
    page.get_by_role("button", name="Done").click()


@pytest.mark.parametrize("js", [True, False], ids=["dialog", "page"])
def test_somebodys_own_token_is_shown_once_and_gone_afterwards(house: House, seller: User, visit: Visit, js: bool):
    """S2-4, S2-7, S2-14, S2-15, S0-27: from Settings > SDK tokens, by keyboard; not by Back, reload or in any store."""
    page = visit(seller, java_script_enabled=js)
    page.goto(reverse("tokens:my_sdk_tokens"))
    choose(page.get_by_role("link", name=re.compile("^Generate")))
    expect(page.get_by_role("heading", name="Generate SDK token", level=1)).to_be_visible()
    fill(page.get_by_label("Alias"), "Phone of Noor")
    page.keyboard.press("Enter")
    secret = shown_in(page)
    assert Token.objects.get(alias="Phone of Noor").user == seller
    confirm_stored(page, "this token", js)
    row = page.get_by_role("row").filter(has_text="Phone of Noor")
    expect(row).to_contain_text(formats.mask("sdk", "live", formats.parse(secret).key_id, secret[-4:]))
    if js:
        assert secret[-30:] not in page.evaluate(STORAGE)
        turn(page, "back")
    page.reload()
    assert secret[-30:] not in page.content()


def test_tokens_for_a_fleet_become_a_csv_made_in_the_browser(house: House, fleet, visit: Visit, tmp_path: Path):
    """S2-15, S0-22 ... S0-28: ticked in the list, shown in one answer, saved from it, and nowhere afterwards."""
    page = visit(house.administrator)
    page.goto(reverse("tokens:fleet", args=[house.merchant.entity_id]))
    page.get_by_label("All on this page").check()
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.get_by_role("button", name="Issue tokens for the chosen").click()
    expect(page.get_by_role("heading", name="Issue SDK tokens for 3 terminals")).to_be_visible()
    sent: list[str] = []
    page.get_by_role("button", name="Issue 3 tokens").click()
    expect(page.get_by_role("heading", name="3 SDK tokens issued")).to_be_visible()
    page.on("request", lambda request: sent.append(request.url))
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    assert download.value.suggested_filename == f"sdk-tokens-{house.merchant.entity_id}.csv"
    rows = list(csv.reader(Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["Terminal", "Terminal ID", "Token"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", 'Stall "2"', "Till 1"], (
        "a formula is defused, the rest is as it is"
    )
    made = {token.entity.entity_id: token for token in Token.objects.sdk().select_related("entity")}
    assert {row[1] for row in rows[1:]} == {each.entity_id for each in fleet}
    assert all(formats.parse(row[2]).key_id == made[row[1]].key_id for row in rows[1:])
    assert (
        AuditEvent.objects.filter(type="token.created", target__in=[each.key_id for each in made.values()]).count() == 3
    )
    assert leave(page, "location.assign('/')") == "beforeunload", "the list is not lost by a stray click"
    confirm_stored(page, "these tokens", js=True)
    expect(page.get_by_role("heading", name="Terminals", exact=True)).to_be_visible()
    assert not [url for url in sent if url.startswith("http") and "terminals" not in url and "/static/" not in url]
    left = page.evaluate(STORAGE)
    turn(page, "back")
    for row in rows[1:]:
        assert row[2][-30:] not in left + page.content()


def test_without_javascript_the_list_itself_is_what_one_keeps(house: House, fleet, visit: Visit):
    """S0-22 ... S0-28: the page shows every token and one way on; sent again, it shows none."""
    page = visit(house.administrator, java_script_enabled=False)
    page.goto(reverse("tokens:fleet", args=[house.merchant.entity_id]))
    page.get_by_role("link", name="Issue for all 3 without a token").click()
    page.get_by_role("button", name="Issue 3 tokens").click()
    expect(page.get_by_role("heading", name="3 SDK tokens issued")).to_be_visible()
    secrets = page.locator("[data-secret]").all_inner_texts()
    assert len({formats.parse(secret).key_id for secret in secrets}) == 3
    expect(page.get_by_role("button", name="Save as CSV")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="These tokens were issued already")).to_be_visible()
    assert not [secret for secret in secrets if secret[-30:] in page.content()]
    assert Token.objects.sdk().count() == 3


@pytest.mark.parametrize("js", [True, False], ids=["dialog", "page"])
def test_a_lost_device_is_stopped_in_one_step(house: House, visit: Visit, js: bool):
    """S2-9, S2-22: from the terminal's page, by keyboard; then the page says what to do next."""
    for alias in ("Till 1", "Spare"):
        make_token(house.till, kind="sdk", alias=alias)
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(house.till.get_absolute_url())
    choose(page.get_by_role("link", name="Lost device").first)
    expect(page.get_by_role("heading", name=re.compile("Is the device of “Till 1” lost"))).to_be_visible()
    fill(page.get_by_label("What happened"), "Left in a taxi")
    choose(page.get_by_role("button", name="Deactivate its 2 tokens"))
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("2 tokens are inactive now.")
    expect(page.get_by_text("No SDK token of this terminal works.")).to_be_visible()
    expect(page.get_by_role("link", name="Lost device")).to_have_count(0)
    assert set(Token.objects.of(house.till).values_list("status", flat=True)) == {"inactive"}
    assert AuditEvent.objects.filter(details__reason="Lost device: Left in a taxi").count() == 2
