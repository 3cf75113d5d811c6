"""The pages about people and imports: axe finds nothing, in light and in dark, and 390 pixels are enough."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import expect

from accounts import invitations, people
from accounts.models import Entity, User
from accounts.permissions import Role
from tests.browser.conftest import House, Visit
from tests.browser.test_looks import LONG, check, faults_of
from tests.factories import SETUP, give_role, make_administrator, make_invitation, make_merchant, make_token, make_user

pytestmark = pytest.mark.any_database

ARABIC = "ليلى حداد من مقهى الياسمين"


@pytest.fixture
def crowd(house: House) -> list[User]:
    """Fill the merchant's Users tab with long and right-to-left names, and every state there is."""
    first = make_user(Role.ADMINISTRATOR, on=house.merchant, name=LONG)
    off = make_user(Role.DEVELOPER, on=house.merchant, name=ARABIC)
    people.disable(off, by=SETUP)
    mail = f"{'very.long.address.' * 4}of@{'a-department.' * 5}shop.example"
    nameless = make_user(Role.SDK_USER, on=house.merchant, email=mail)
    for number in range(30):
        make_user(Role.VIEWER, on=house.partner, name=f"Person {number}")
    invited = [make_invitation(house.merchant, f"invited.{mail}", by=house.administrator)[0]]
    leaving = make_administrator(house.merchant)
    invited.append(make_invitation(house.merchant, by=leaving)[0])
    people.disable(leaving, by=SETUP)
    make_invitation(None, by=make_user(Role.PLATFORM_ADMINISTRATOR, name=ARABIC))
    return [first, off, nameless]


def test_the_users_tab_and_its_questions(house: House, crowd: list[User], visit: Visit, axe: Axe):
    users = reverse("accounts:users", args=[house.merchant.entity_id])
    member = crowd[2].memberships.get().membership_id
    invitation = house.merchant.invitations.earliest("pk").invitation_id
    paths = [users, f"{users}?q=nobody", f"{users}?page=2", reverse("accounts:invite", args=[house.merchant.entity_id])]
    paths += [reverse(f"accounts:{verb}", args=[member]) for verb in ("change_role", "remove")]
    paths += [reverse(f"accounts:{verb}", args=[invitation]) for verb in ("resend", "withdraw")]
    paths += [reverse("accounts:remove", args=[crowd[0].memberships.get().membership_id])]  # it says no
    check(visit(house.administrator), axe, paths)


def test_the_dialogs_of_the_users_tab(house: House, crowd: list[User], visit: Visit, axe: Axe):
    page, faults = visit(house.administrator), []
    page.goto(reverse("accounts:users", args=[house.merchant.entity_id]))
    for link in ("Invite", f"Change role {ARABIC}", f"Remove {ARABIC}", "Send again", "Withdraw"):
        page.get_by_role("link", name=link).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        faults += faults_of(page, axe)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert not faults, "\n".join(faults)


def test_the_pages_of_platform_staff(house: House, crowd: list[User], platform: User, visit: Visit, axe: Axe):
    person = crowd[0]
    make_token(house.merchant, alias=LONG)[0].__class__.objects.update(created_by=person)
    Entity.objects.update(created_by=person)
    give_role(person, Role.ADMINISTRATOR, on=make_merchant(ARABIC))
    paths = [reverse("portal:people"), f"{reverse('portal:people')}?q=nobody", reverse("accounts:platform_users")]
    paths += [reverse("accounts:invite_to_platform"), person.get_absolute_url(), make_user().get_absolute_url()]
    paths += [reverse("disable_person", args=[person.person_id]), reverse("enable_person", args=[crowd[1].person_id])]
    check(visit(platform), axe, paths)


def test_the_pages_of_whoever_is_invited(house: House, visit: Visit, axe: Axe):
    faults = []
    known = make_user(email="known@shop.example", name=LONG)
    Entity.objects.filter(pk=house.merchant.pk).update(name=LONG)
    for email, reader in (
        ("new@shop.example", None),
        ("known@shop.example", None),
        ("known@shop.example", known),
        ("other@shop.example", known),
    ):
        invitation, secret = make_invitation(house.merchant, email, by=house.administrator)
        page = visit(reader)
        page.goto(reverse("invitation", args=[invitation.invitation_id, secret]))
        faults += faults_of(page, axe)
        if email.startswith("new"):
            page.get_by_role("button", name="Join").click()
            expect(page.locator("[aria-invalid=true]").first).to_be_visible()
            faults += faults_of(page, axe)
        invitations.withdraw(invitation, by=house.administrator)
        page.reload()
        expect(page.get_by_text("This link does not work any more")).to_be_visible()
    faults += faults_of(page, axe)
    assert not faults, "\n".join(faults)


def test_the_page_of_an_import(house: House, platform: User, visit: Visit, axe: Axe):
    page, faults = visit(platform), []
    texts = ("", f"name,kind\n{LONG}W,merchant\n{ARABIC},{LONG}", f"name,kind\n{LONG},merchant\n{ARABIC},partner")
    for text in texts:
        page.goto(reverse("accounts:import_at_top"))
        file = {"name": f"{LONG}.csv", "mimeType": "text/csv", "buffer": text.encode()}
        if text:
            page.get_by_label("CSV file").set_input_files(file)
            with page.expect_navigation():
                page.get_by_role("button", name="Check the file").click()
        faults += faults_of(page, axe)
    assert not faults, "\n".join(faults)
