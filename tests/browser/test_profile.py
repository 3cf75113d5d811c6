"""What a browser leaves on the disk: a token is in none of its files."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import House, sign_in, turn
from tests.canary import files_under, traces


@pytest.fixture
def profile(tmp_path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def kept(
    browser_type, browser_type_launch_args, whole_chromium, live_server, house, profile, tmp_path
) -> BrowserContext:
    """Return a browser that keeps what it keeps for a person, with the administrator signed in."""
    options = {name: value for name, value in browser_type_launch_args.items() if name != "tracing"}
    context = browser_type.launch_persistent_context(
        str(profile),
        base_url=live_server.url,
        accept_downloads=True,
        downloads_path=str(tmp_path / "downloads"),
        permissions=["clipboard-read", "clipboard-write"],
        **(options | {"executable_path": whole_chromium}),
    )
    sign_in(context, house.administrator, live_server.url)
    yield context
    context.close()


def create(page: Page, house: House, *, in_dialog: bool) -> str:
    if in_dialog:
        page.goto(house.merchant.get_absolute_url())
        page.get_by_role("link", name="Add API token").click()
    else:
        page.goto(reverse("tokens:add", args=[house.merchant.entity_id]))
    page.get_by_role("button", name="Create API token").click()
    return page.get_by_role("textbox", name="The new API token").inner_text()


@pytest.mark.browser
def test_no_file_of_the_browser_holds_a_token(house, kept, profile):
    """S0-27: cache, history, session for the next start, storage: after Done, and with one still on the screen."""
    page = kept.new_page()
    secrets = []
    for in_dialog in (True, False):
        secrets.append(create(page, house, in_dialog=in_dialog))
        page.get_by_role("button", name="Copy token").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        assert download.value.path().read_text().strip() == secrets[-1]
        page.get_by_role("switch", name="I have stored this token").check()
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("heading", name="API Tokens")).to_be_visible()
    turn(page, "back")
    left_open = kept.new_page()
    secrets.append(create(left_open, house, in_dialog=True))
    page.goto(f"{house.merchant.get_absolute_url()}?status=active")
    kept.close()
    contents = {path: path.read_bytes() for path in files_under(profile)}
    found = {str(path.relative_to(profile)): traces(content, secrets) for path, content in contents.items()}
    assert {name: shapes for name, shapes in found.items() if shapes} == {}
    # The search does see: addresses are in the history, and in what the browser keeps for its next start.
    holding = [path.name for path, content in contents.items() if house.merchant.entity_id.encode() in content]
    assert "History" in holding
    assert any(name.startswith("Session_") for name in holding)
