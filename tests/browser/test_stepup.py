"""Step-up in a real browser: asked for where one is, in the dialog or on the page, and back to it."""

from django.test import Client
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.keys import choose, dialog_of, fill
from tests.factories import PASSWORD
from tests.reading import client_of, let_the_proof_age
from tokens.models import Token

ASKED = "Confirm that it is you"


def signed_in_long_ago(user: User) -> Client:
    client = client_of(user)
    let_the_proof_age(client)
    return client


def test_a_rotation_asks_in_its_dialog_and_goes_on_there(house, visit):
    """S2-23, ASVS 7.5.3: by keyboard alone; the list below stays where it was."""
    page = visit(signed_in_long_ago(house.administrator))
    page.goto(f"{house.merchant.get_absolute_url()}?status=active")
    page.get_by_role("row").filter(has_text=house.token.masked).locator("summary").click()
    page.get_by_role("link", name="Rotate…").click()
    dialog = dialog_of(page, ASKED)
    expect(dialog.get_by_label("Password")).to_be_focused()
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("This is not your password.")).to_be_visible()
    fill(dialog.get_by_label("Password"), PASSWORD)
    choose(dialog.get_by_role("button", name="Confirm"))
    dialog = dialog_of(page, "Rotate “Checkout backend”")
    choose(dialog.get_by_role("button", name="Rotate"))
    expect(dialog_of(page, "API token rotated").locator("#secret")).to_be_visible()
    expect(page).to_have_url(f"{house.merchant.get_absolute_url()}?status=active")


def test_a_form_that_took_long_is_not_typed_twice(house, visit, axe):
    """The question opens over the form; the token is made as it was typed."""
    page = visit(signed_in_long_ago(house.administrator))
    page.goto(house.merchant.get_absolute_url())
    page.get_by_role("link", name="Add API token").first.click()
    page.get_by_label("Alias").fill("Typed once")
    page.get_by_role("button", name="Create API token").click()
    dialog = dialog_of(page, ASKED)
    assert axe.run(page).violations_count == 0
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Confirm").click()
    expect(dialog_of(page, "New API token created").get_by_text("Typed once")).to_be_visible()
    assert Token.objects.filter(alias="Typed once").count() == 1


def test_without_javascript_the_question_is_a_page(house, visit):
    page = visit(signed_in_long_ago(house.administrator), java_script_enabled=False)
    page.goto(f"/tokens/{house.token.key_id}/rotate/")
    expect(page.get_by_role("heading", name=ASKED, level=1)).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Rotate “Checkout backend”", level=1)).to_be_visible()
