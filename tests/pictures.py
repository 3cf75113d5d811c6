"""The README's pictures, taken by the test browser of the demo that runs: python -m tests.pictures http://127.0.0.1:8000"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"


def sign_in(page: Page, base: str) -> None:
    page.goto(f"{base}/auth/login/")
    page.get_by_label("Email").fill("partner@demo.keyhouse.test")
    page.get_by_label("Password").fill("keyhouse-demo-password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Dashboard").wait_for()


def take(page: Page, base: str) -> None:
    """Walk through what the README shows and write a picture of each."""
    sign_in(page, base)
    page.screenshot(path=FOLDER / "dashboard.png")
    page.goto(f"{base}/account/")
    page.get_by_label("Find an entity by name or ID").fill("Aurora")
    page.get_by_role("option", name="Aurora Coffee").first.click()
    page.get_by_role("heading", name="API Tokens").wait_for()
    page.screenshot(path=FOLDER / "account.png")
    page.get_by_role("row", name="Checkout backend").get_by_role("link", name="Deactivate").first.click()
    page.get_by_role("dialog").wait_for()
    page.wait_for_timeout(400)
    page.screenshot(path=FOLDER / "deactivate.png")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Add API token").click()
    page.get_by_label("Alias").fill("Picture for the manual")
    page.screenshot(path=FOLDER / "add-token.png")
    page.get_by_role("button", name="Create").click()
    page.get_by_label("I have stored this token").wait_for()
    page.wait_for_timeout(400)
    page.screenshot(path=FOLDER / "show-once.png")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        take(browser.new_page(viewport={"width": 1440, "height": 900}), sys.argv[1].rstrip("/"))
        browser.close()
