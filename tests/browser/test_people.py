"""People by keyboard alone: invited, let in, changed, removed, switched off; in dialogs and without JavaScript."""

import re

import pytest
from django.core import mail
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import Entity, Invitation, Membership, User
from accounts.permissions import Role
from tests.browser.conftest import House, Visit
from tests.browser.keys import choose, fill, tab_to
from tests.factories import make_administrator, make_entity, make_user

both_ways = pytest.mark.parametrize("js", [True, False], ids=["dialog", "page"])
PASSWORD = "four green herons sing"


def users_page(entity: Entity) -> str:
    return reverse("accounts:users", args=[entity.entity_id])


def expect_done(page: Page, sentence: str) -> None:
    """The page below says what was done, and no dialog is left."""
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text(sentence)
    expect(page.get_by_role("dialog")).to_have_count(0)


def pick(page: Page, role: str) -> None:
    """Choose a role with the arrow keys."""
    tab_to(page.get_by_role("radio").first) if not page.get_by_role("radio", checked=True).count() else tab_to(
        page.get_by_role("radio", checked=True)
    )
    wanted = page.get_by_role("radio", name=re.compile(f"^{role}"))
    page.keyboard.press("Space")
    while not wanted.is_checked():
        page.keyboard.press("ArrowDown")


def comes_in(visit: Visit, js: bool) -> Page:
    """Accept the invitation in the last message as Nora, sign in, and return her page."""
    nora = visit(java_script_enabled=js)
    nora.goto(re.search(r"http\S+/auth/invitation/inv_\S+", mail.outbox[-1].body)[0])
    expect(nora).to_have_url(re.compile("/auth/invitation/$"))
    expect(nora.get_by_role("heading", name="You are invited")).to_be_visible()
    fill(nora.get_by_label("Your name"), "Nora New")
    fill(nora.get_by_label("Password*", exact=True), PASSWORD)
    fill(nora.get_by_label("Password, once more"), "something else")
    nora.keyboard.press("Enter")
    expect(nora.get_by_text("These are two different passwords.")).to_be_visible()
    for field in ("Password*", "Password, once more*"):
        fill(nora.get_by_label(field, exact=True), PASSWORD)
    nora.keyboard.press("Enter")
    expect(nora.get_by_text("Welcome. Sign in")).to_be_visible()
    fill(nora.get_by_label("Email"), "nora@shop.example")
    fill(nora.get_by_label("Password"), PASSWORD)
    nora.keyboard.press("Enter")
    expect(nora.get_by_role("heading", name="Dashboard")).to_be_visible()
    return nora


@both_ways
def test_somebody_is_invited_comes_in_and_is_removed(house: House, visit: Visit, js: bool):
    """S2-17, S2-18: from the invitation to the end of the role, each step as its person does it."""
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(users_page(house.merchant))
    choose(page.get_by_role("link", name="Invite").first)
    expect(page.get_by_role("heading", name="Invite somebody to “Aurora Coffee”")).to_be_visible()
    fill(page.get_by_label("E-mail address"), "nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_label("E-mail address")).to_have_attribute("aria-invalid", "true")
    fill(page.get_by_label("E-mail address"), "nora@shop.example")
    pick(page, "Developer")
    choose(page.get_by_role("button", name="Send invitation"))
    expect_done(page, "An invitation is on its way to nora@shop.example. It is good for 72 hours.")
    expect(page.get_by_role("row").filter(has_text="nora@shop.example")).to_contain_text("Developer")

    nora = comes_in(visit, js)
    page.reload()
    row = page.get_by_role("row").filter(has_text="Nora New")
    choose(row.get_by_role("link", name="Change role"))
    expect(page.get_by_role("heading", name="Change the role of Nora New")).to_be_visible()
    pick(page, "Viewer")
    choose(page.get_by_role("button", name="Change role"))
    expect_done(page, "The role of Nora New was changed.")
    expect(row).to_contain_text("Viewer")
    choose(row.get_by_role("link", name="Remove"))
    expect(page.get_by_role("heading", name="Remove Nora New?")).to_be_visible()
    choose(page.get_by_role("button", name="Remove person"))
    expect_done(page, "Nora New was removed.")
    expect(row).to_have_count(0)
    nora.goto(house.merchant.get_absolute_url())
    expect(nora.get_by_text("404")).to_be_visible()


@both_ways
def test_an_invitation_is_sent_again_and_withdrawn(house: House, visit: Visit, js: bool):
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(reverse("accounts:invite", args=[house.till.entity_id]))
    fill(page.get_by_label("E-mail address"), "tom@shop.example")
    pick(page, "Terminal operator")
    choose(page.get_by_role("button", name="Send invitation"))
    expect_done(page, "on its way")
    choose(page.get_by_role("link", name="Send again"))
    choose(page.get_by_role("button", name="Send invitation"))
    expect(page.get_by_text("Wait a minute before you send it again.")).to_be_visible()
    page.goto(users_page(house.till))
    choose(page.get_by_role("link", name="Withdraw"))
    choose(page.get_by_role("button", name="Withdraw invitation"))
    expect_done(page, "The invitation to tom@shop.example was withdrawn.")
    expect(page.get_by_role("heading", name="Pending invitations")).to_have_count(0)
    assert Invitation.objects.get().ended_at


def test_the_only_administrator_has_no_buttons_and_a_late_click_is_told(house: House, visit: Visit):
    """C9: the list was drawn while there were two; the dialog tells what has changed, and the list follows."""
    first, second = (make_administrator(house.merchant) for _ in range(2))
    page = visit(house.administrator)
    page.goto(users_page(house.merchant))
    row = page.get_by_role("row").filter(has_text=first.email)
    Membership.objects.filter(user=second).delete()
    row.get_by_role("link", name="Remove").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{first} is the last administrator of “Aurora Coffee”.")
    dialog.get_by_role("link", name="Close").click()
    expect(row).to_contain_text("The only administrator")
    expect(row.get_by_role("link", name="Remove")).to_have_count(0)


@both_ways
def test_who_is_switched_off_is_out_with_the_next_click(house: House, platform: User, visit: Visit, js: bool):
    """S2-19: support finds the person by name, and what they had open leads to the sign-in page."""
    dana = make_user(Role.DEVELOPER, on=house.merchant, name="Dana Developer")
    own = visit(dana, java_script_enabled=js)
    own.goto(house.merchant.get_absolute_url())
    page = visit(platform, java_script_enabled=js)
    page.goto("/")
    choose(page.get_by_role("navigation", name="Main").get_by_role("link", name="People"))
    fill(page.get_by_role("searchbox", name="Find a person"), "dana")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    choose(page.get_by_role("link", name="Dana Developer"))
    choose(page.get_by_role("link", name="Switch off sign-in"))
    fill(page.get_by_label("Reason"), "Laptop stolen")
    page.keyboard.press("Enter")
    expect_done(page, "Dana Developer is signed out and may not sign in any more.")
    expect(page.get_by_text("Signed in now").locator("..")).to_contain_text("Nowhere")
    own.get_by_role("link", name="Merchants").first.click()
    expect(own.get_by_role("heading", name="Sign in")).to_be_visible()
    choose(page.get_by_role("link", name="Switch on sign-in"))
    choose(page.get_by_role("button", name="Switch on sign-in"))
    expect_done(page, "Dana Developer may sign in again.")


@both_ways
def test_a_file_is_checked_looked_at_and_imported(house: House, visit: Visit, js: bool):
    """S1-2: a wrong file is told row by row; a right one is shown and then added."""
    make_entity("company", "Empty", under=house.partner)
    page = visit(house.administrator, java_script_enabled=js)
    page.goto(reverse("accounts:import_below", args=[house.merchant.entity_id]))
    for text, heading in (
        ("name,kind\nPop-up,channel\nTill,till", "1 thing is not right"),
        ("name,kind,parent\nPop-up,channel,\nTill 7,terminal,2", "2 entities would be added"),
    ):
        field = page.get_by_label("CSV file")
        field.set_input_files({"name": "shops.csv", "mimeType": "text/csv", "buffer": text.encode()})
        choose(page.get_by_role("button", name="Check the file"))
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Till 7")).to_contain_text("Pop-up")
    choose(page.get_by_role("button", name="Add 2 entities"))
    expect_done(page, "2 entities were added.")
    assert Entity.objects.get(name="Till 7").parent.parent == house.merchant
