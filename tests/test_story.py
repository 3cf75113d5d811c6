"""The whole of it: a person, a browser, the portal, a gateway and a payment core, each the real one.

A merchant's administrator signs in, finds the merchant in the account tree, creates an API token and stores it. nginx,
with the recipe of `deploy/nginx`, lets a request through because of it; deactivated, the token is refused at once, and
reactivated let through again, and the page shows what was asked with it. Nobody fakes an identity on the way.
"""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import Entity
from tests import processes
from tests.factories import PASSWORD, make_administrator, make_entity, make_gateway, make_merchant
from tests.tokens.clients import Edge, Reply
from tokens.formats import parse

PAY = "/v1/payments/"
SPOOFED = ["X-Keyhouse-Entity: mer_spoofed", "X_Keyhouse_Entity: mer_spoofed", "X.Keyhouse.Entity: mer_spoofed"]
SPOOFED += ["x-keyhouse-mode: spoofed", "X-KEYHOUSE-SCOPE: spoofed", "X-Keyhouse_Key-Id: spoofed"]
SEEN_WITHIN = 2.0
"""Seconds until the page shows a request: a second until it is written, and the page's own time."""


@dataclass
class Stage:
    """The portal's address, the merchant, and the way to pay with a token."""

    portal: str
    merchant: Entity
    email: str
    edge: Edge

    def pay(self, secret: str) -> Reply:
        """Send a payment through the gateway, with every claim to be somebody else that there is."""
        return self.edge.ask(PAY, secret, *SPOOFED, method="POST", body="amount=1")


@pytest.fixture
def stage(transactional_db, nginx: str, chromium: str, tmp_path: Path) -> Iterator[Stage]:
    company = make_entity(Entity.Kind.COMPANY, "Coffee Group")
    merchant = make_merchant("Aurora Coffee", under=company)
    make_merchant("Borealis Books", under=company)
    make_entity(Entity.Kind.CHANNEL, "Webshop", under=merchant)
    administrator = make_administrator(company)
    _, credential = make_gateway()
    with ExitStack() as stack:
        portal = stack.enter_context(processes.portal(tmp_path, pages=True))
        core = stack.enter_context(processes.payment_core())
        recipe = {"keyhouse": portal.port, "core": core.port, "credential": credential}
        server = stack.enter_context(processes.gateway(nginx, tmp_path / "nginx", **recipe))
        yield Stage(portal.url, merchant, administrator.email, Edge(server.port))


def sign_in(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.portal}/auth/login/")
    page.get_by_role("textbox", name="E-mail").or_(page.get_by_role("textbox", name="Email")).fill(stage.email)
    page.get_by_label("Password", exact=False).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def find_merchant(page: Page, stage: Stage) -> None:
    """S0-2 ... S0-5: Admin, Account, the merchant's node in the account tree, its ENTITY tab."""
    page.get_by_role("navigation").get_by_role("link", name="Account", exact=True).click()
    page.get_by_role("treeitem", name=re.compile("Aurora Coffee")).click()
    expect(page.get_by_role("heading", name="Aurora Coffee")).to_be_visible()
    expect(page.get_by_role("heading", name="API Tokens")).to_be_visible()


def create_token(page: Page, alias: str) -> str:
    """S0-21 ... S0-29, S1-13: create one that may pay, see once, copy, download, confirm; return the token."""
    page.get_by_role("link", name="Add API token").first.click()
    page.get_by_label("Alias (optional)").fill(alias)
    page.get_by_role("group", name="Presets").get_by_role("button", name="Write").click()
    page.get_by_role("button", name="Create API token").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Important")).to_be_visible()
    secret = dialog.get_by_role("textbox", name="The new API token").inner_text().strip()
    assert parse(secret) is not None
    dialog.get_by_role("button", name="Copy token").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    with page.expect_download() as downloading:
        dialog.get_by_role("button", name="Download").click()
    download = downloading.value
    assert re.fullmatch(r"api-token-mer_\w+-\w{16}\.txt", download.suggested_filename)
    assert Path(download.path()).read_text(encoding="utf-8").strip() == secret
    page.keyboard.press("Escape")
    done = dialog.get_by_role("button", name="Done")
    expect(done).to_be_disabled()
    dialog.get_by_role("switch", name="I have stored this token").check()
    done.click()
    expect(dialog).to_be_hidden()
    return secret


def row_of(page: Page, alias: str) -> Locator:
    return page.get_by_role("table", name="API tokens").get_by_role("row").filter(has_text=alias)


def answer(page: Page, alias: str, *, asked: str, confirm: str, type_alias: bool) -> None:
    """Take the action `asked` in the token's row and confirm it in the dialog."""
    row_of(page, alias).get_by_role("link", name=f"{asked} {alias}").first.click()
    dialog = page.get_by_role("dialog")
    if type_alias:
        dialog.get_by_label("Type the alias to confirm").fill(alias)
    dialog.get_by_role("button", name=confirm).click()
    expect(dialog).to_be_hidden()


def remove(page: Page, alias: str) -> None:
    """S0-35 ... S0-37: the last entry of the row's menu."""
    row_of(page, alias).get_by_label(f"More about {alias}").click()
    page.get_by_role("link", name="Remove…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type the alias to confirm").fill(alias)
    dialog.get_by_role("button", name="Remove").click()
    expect(dialog).to_be_hidden()


def shown_after_two_seconds(page: Page, alias: str, since: float) -> Locator:
    """Return the token's row on the page as it is two seconds after the request at `since`."""
    page.wait_for_timeout(max(0.0, SEEN_WITHIN - (time.monotonic() - since)) * 1000)
    page.reload()
    return row_of(page, alias)


def test_from_signing_in_to_a_payment_and_back(stage: Stage, page: Page):
    """S0-1 ... S0-34, and S0-35 ... S0-39 at the end."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stage.portal)
    sign_in(page, stage)
    find_merchant(page, stage)
    secret = create_token(page, "Till 7")
    row = row_of(page, "Till 7")
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text("no requests")
    expect(row).to_contain_text("Never")
    assert secret[20:] not in page.content(), "it was shown once"

    since = time.monotonic()
    paid = stage.pay(secret)
    assert paid.status == HTTPStatus.OK
    assert paid.told("X-Keyhouse-Entity") == [stage.merchant.entity_id]
    assert paid.told("X-Keyhouse-Mode") == ["live"]
    assert "spoofed" not in repr(paid.sent)
    assert secret not in repr(paid.sent)
    row = shown_after_two_seconds(page, "Till 7", since)
    expect(row).to_contain_text("1 ok")
    expect(row).not_to_contain_text("Never")

    answer(page, "Till 7", asked="Deactivate", confirm="Deactivate token", type_alias=True)
    since = time.monotonic()
    refused = stage.pay(secret)
    assert refused.status == HTTPStatus.UNAUTHORIZED
    assert refused.headers["www-authenticate"] == "Bearer"
    row = shown_after_two_seconds(page, "Till 7", since)
    expect(row).to_contain_text("Inactive")
    expect(row).to_contain_text("1 ok")
    expect(row).to_contain_text("1 failed")

    answer(page, "Till 7", asked="Reactivate", confirm="Reactivate token", type_alias=False)
    assert stage.pay(secret).status == HTTPStatus.OK

    answer(page, "Till 7", asked="Deactivate", confirm="Deactivate token", type_alias=True)
    remove(page, "Till 7")
    expect(row_of(page, "Till 7")).to_have_count(0)
    assert stage.pay(secret).status == HTTPStatus.UNAUTHORIZED
