"""Second factors in a real browser: a virtual security key, an app, and the pages on which they are looked after.

OWASP ASVS 5.0: 6.3.3, 6.5.1, 7.5.3; PCI DSS 4.0: 8.4.2.
"""

import pytest
from playwright.sync_api import CDPSession, Page, expect

from accounts.models import User
from accounts.signin import factors
from tests.accounts.signin.typing import code_of
from tests.browser.conftest import sign_in
from tests.browser.keys import choose, dialog_of, fill
from tests.browser.test_looks import faults_of
from tests.factories import PASSWORD, make_user
from tests.reading import client_of, let_the_proof_age

STORED = "I have stored these codes"


def plug_in_a_key(page: Page) -> CDPSession:
    """Give the browser a security key that verifies its user, as a phone or laptop has it built in."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable", {"enableUI": False})
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session


def type_password(page: Page, user: User) -> None:
    page.goto("/auth/login/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_the_first_sign_in_ends_with_a_passkey_and_the_next_begins_with_it(house, visit, settings, axe):
    """ASVS 6.3.3: set up by keyboard alone, signed out, signed in without a password, proved with it."""
    settings.REQUIRE_MFA = True
    page, faults = visit(), []
    plug_in_a_key(page)
    type_password(page, house.administrator)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    faults += faults_of(page, axe)
    choose(page.get_by_role("link", name="Use a passkey"))
    expect(page.get_by_role("heading", name="Make a passkey")).to_be_visible()
    faults += faults_of(page, axe)
    fill(page.get_by_label("Name"), "My laptop")
    choose(page.get_by_role("button", name="Make passkey"))
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    faults += faults_of(page, axe)
    page.get_by_label(STORED).check(force=True)
    choose(page.get_by_role("button", name="Done"))
    expect(page.get_by_role("strong").filter(has_text="My laptop")).to_be_visible()
    faults += faults_of(page, axe)
    assert not faults, "\n".join(faults)
    choose(page.locator("summary.who"))
    choose(page.get_by_role("button", name="Sign out"))
    choose(page.get_by_role("button", name="Sign in with a passkey"))
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_a_passkey_proves_in_the_dialog(house, visit, live_server):
    """ASVS 7.5.3: one press, and the question that was asked goes on."""
    page = visit(house.administrator)
    plug_in_a_key(page)
    page.goto("/auth/factors/passkey/")
    page.get_by_role("button", name="Make passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    client = client_of(house.administrator)
    let_the_proof_age(client)
    sign_in(page.context, client, live_server.url)
    page.on("dialog", lambda dialog: dialog.accept())  # codes that were not stored: yes, leave
    page.goto(house.merchant.get_absolute_url())
    page.get_by_role("row").filter(has_text=house.token.masked).locator("summary").click()
    page.get_by_role("link", name="Rotate…").click()
    dialog_of(page, "Confirm that it is you").get_by_role("button", name="Use passkey").click()
    expect(dialog_of(page, "Rotate “Checkout backend”")).to_be_visible()


@pytest.mark.parametrize("js", [True, False], ids=["script", "plain"])
def test_an_app_is_set_up_and_asked_for_at_the_next_sign_in(live_server, visit, axe, js):
    page, faults, user = visit(java_script_enabled=js), [], make_user()
    type_password(page, user)
    page.goto("/auth/factors/app/")
    secret = page.locator("code.breakable").inner_text().replace(" ", "")
    if js:
        faults += faults_of(page, axe)
    page.get_by_label("Code that the app shows").fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("This is not the code.")).to_be_visible()
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    codes = page.locator("#secret").inner_text().split()
    if js:
        page.get_by_label(STORED).check(force=True)
        page.get_by_role("button", name="Done").click()
    else:
        page.get_by_role("link", name=STORED).click()
    expect(page.get_by_role("heading", name="Sign-in")).to_be_visible()
    page.context.clear_cookies()
    type_password(page, user)
    expect(page.get_by_role("heading", name="Show that it is you")).to_be_visible()
    if js:
        faults += faults_of(page, axe)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    assert factors.recovery_codes_left(user) == 9
    assert not faults, "\n".join(faults)


def test_saying_no_to_the_browser_is_told_and_can_be_tried_again(live_server, visit):
    page = visit(make_user())
    session = plug_in_a_key(page)
    page.goto("/auth/factors/passkey/")
    session.send("WebAuthn.disable")
    no = "() => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    page.evaluate(f"() => {{ navigator.credentials.create = {no}; }}")
    page.get_by_role("button", name="Make passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used.")
    expect(page.get_by_role("button", name="Make passkey")).to_be_enabled()


def test_the_questions_about_a_passkey_open_in_the_dialog(live_server, visit, axe):
    user = make_user()
    factors.add_passkey(user, name="Laptop", credential={})
    page, faults = visit(user), []
    page.goto("/auth/factors/")
    faults += faults_of(page, axe)
    page.get_by_role("link", name="Rename Laptop").click()
    dialog_of(page, "Rename passkey").get_by_label("Name").fill("Old laptop")
    faults += faults_of(page, axe)
    page.keyboard.press("Enter")
    expect(page.get_by_role("strong").filter(has_text="Old laptop")).to_be_visible()
    page.get_by_role("link", name="Remove Old laptop").click()
    faults += faults_of(page, axe)
    dialog_of(page, "Remove “Old laptop”?").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No second factor yet")).to_be_visible()
    faults += faults_of(page, axe)
    assert not faults, "\n".join(faults)
