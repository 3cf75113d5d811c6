"""Who comes in by an invitation, and as what."""

from http import HTTPStatus

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import invitations, members, people
from accounts.models import AuditEvent, Entity, Invitation, Membership, User
from accounts.permissions import Role
from tests.accounts.invited import ACCEPT, NEW, invite, is_over, link_in_mail, opened
from tests.factories import PASSWORD, SETUP, give_role, make_entity, make_invitation, make_merchant, make_user
from tests.reading import client_of, main_of


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def administrator(merchant) -> User:
    return make_user(Role.ADMINISTRATOR, on=merchant, email="ada@test.example", name="Ada")


def test_somebody_new_comes_in_by_the_link_in_the_mail(merchant, administrator):
    """S2-17, S2-18: invited by an administrator, name and password of their own, then the role and nothing more."""
    response = invite(administrator, merchant, "Nora@Shop.example")
    assert response.headers["Location"] == reverse("accounts:users", args=[merchant.entity_id])
    (letter,) = mail.outbox
    assert (letter.to, letter.subject) == (["nora@shop.example"], "You are invited to “Aurora Coffee”")
    assert "Ada invites you to “Aurora Coffee” on Keyhouse, as Developer." in letter.body
    browser = opened(link_in_mail())
    page = main_of(browser.get(ACCEPT))
    assert all(text in page.text for text in ("nora@shop.example", "Aurora Coffee", "Developer", "Ada"))
    answer = browser.post(ACCEPT, NEW)
    assert answer.headers["Location"] == reverse("account_login")
    assert "Welcome." in main_of(browser.get(answer.headers["Location"])).text
    nora = User.objects.get(email="nora@shop.example")
    assert (nora.name, nora.memberships.get().role, nora.memberships.get().entity) == (
        "Nora New",
        "developer",
        merchant,
    )
    browser.post(reverse("account_login"), {"login": "nora@shop.example", "password": NEW["password"]})
    assert browser.get(merchant.get_absolute_url()).status_code == HTTPStatus.OK
    assert browser.get(reverse("accounts:edit", args=[merchant.entity_id])).status_code == HTTPStatus.FORBIDDEN


def test_what_happened_is_in_the_log(merchant, administrator):
    invite(administrator, merchant, "nora@shop.example")
    invitation = Invitation.objects.get()
    browser = opened(link_in_mail())
    browser.post(ACCEPT, NEW)
    nora = User.objects.get(name="Nora New")
    events = list(AuditEvent.objects.filter(details__person="nora@shop.example").order_by("number"))
    assert [(event.type, event.actor, event.target) for event in events] == [
        ("invitation.sent", administrator, invitation.invitation_id),
        ("member.added", nora, nora.person_id),
    ]
    assert all(event.details == {"person": nora.email, "role": "developer"} for event in events)
    page = main_of(client_of(administrator).get(reverse("accounts:activity", args=[merchant.entity_id])))
    assert "Person invited · nora@shop.example as Developer" in page.text


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"name": " "}, "name", "Enter a name."),
        ({"name": "N\u202eora"}, "name", "U+202E"),
        ({"password": "short", "again": "short"}, "password", "at least 15 characters"),
        ({"password": "nora@shop.example", "again": "nora@shop.example"}, "password", "too similar"),
        ({"password": "", "again": ""}, "password", "Choose a password."),
        ({"again": "four green herons sink"}, "again", "two different passwords"),
    ],
)
def test_what_a_new_person_gets_wrong_is_told_at_the_field(merchant, administrator, change, field, sentence):
    """PCI DSS 8.3.6: a long password; nothing typed comes back, and nobody is created."""
    invite(administrator, merchant, "nora@shop.example")
    browser = opened(link_in_mail())
    response = browser.post(ACCEPT, NEW | change)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    page = main_of(response)
    assert page.one("input", name=field).attributes["aria-invalid"] == "true"
    assert sentence in page.text
    assert NEW["password"] not in response.content.decode()
    assert not User.objects.filter(email="nora@shop.example").exists()
    assert browser.post(ACCEPT, NEW).status_code == HTTPStatus.FOUND


def test_somebody_who_signs_in_here_already_joins_after_that(merchant, administrator):
    known = make_user(email="known@shop.example", name="Kim")
    invite(administrator, merchant, known.email)
    browser = opened(link_in_mail())
    page = main_of(browser.get(ACCEPT))
    login = f"{reverse('account_login')}?next={ACCEPT}"
    assert login in page.links
    assert not page.all("input", type="password")
    answer = browser.post(login, {"login": known.email, "password": PASSWORD, "next": ACCEPT})
    assert answer.headers["Location"] == ACCEPT
    assert not Membership.objects.filter(user=known).exists(), "signing in is not yet joining"
    answer = browser.post(ACCEPT)
    assert answer.headers["Location"] == merchant.get_absolute_url()
    assert "You have joined “Aurora Coffee”." in main_of(browser.get(answer.headers["Location"])).text
    assert Membership.objects.get(user=known).role == "developer"
    assert is_over(browser)


def test_the_invitation_of_another_address_is_not_taken(merchant, administrator):
    """Bound to the address: whoever is signed in with another one is told so, and gets nothing."""
    make_user(email="known@shop.example")
    stranger = make_user(email="stranger@shop.example")
    for email in ("known@shop.example", "new@shop.example"):
        invite(administrator, merchant, email)
        browser = opened(link_in_mail(), client_of(stranger))
        assert "It is for another address." in main_of(browser.get(ACCEPT)).text
        response = browser.post(ACCEPT, NEW)
        assert response.status_code == HTTPStatus.CONFLICT
        assert "was sent to another e-mail address than yours" in main_of(response).text
    assert not Membership.objects.filter(user=stranger).exists()
    assert Invitation.objects.filter(ended_at__isnull=True).count() == 2


def test_a_role_given_meanwhile_is_no_error(merchant, administrator):
    known = make_user(email="known@shop.example")
    invite(administrator, merchant, known.email)
    give_role(known, Role.DEVELOPER, on=merchant)
    assert opened(link_in_mail(), client_of(known)).post(ACCEPT).status_code == HTTPStatus.FOUND
    assert Membership.objects.filter(user=known).count() == 1


@pytest.mark.parametrize("entity_of", [lambda merchant: merchant, lambda merchant: None], ids=["merchant", "platform"])
def test_an_address_that_exists_is_invited_like_one_that_does_not(merchant, entity_of):
    """Nobody can ask us who signs in: the same answer, the same mail, the same work."""
    platform, entity = make_user(Role.PLATFORM_ADMINISTRATOR), entity_of(merchant)
    assert platform.is_staff  # read once, and so for none of the three
    make_user(email="known@shop.example")
    off = make_user(email="notin@shop.example")
    people.disable(off, by=SETUP)
    seen = []
    for email in ("known@shop.example", "nobody@shop.example", "notin@shop.example"):
        with CaptureQueriesContext(connection) as counted:
            response = invite(platform, entity, email, "viewer" if entity else "support")
        text = mail.outbox[-1].body.replace(link_in_mail(), "").replace(email, "")
        seen.append((response.status_code, response.headers["Location"], len(counted), text))
    assert seen[0] == seen[1] == seen[2]


def test_platform_roles_are_offered_by_platform_administrators_alone(db):
    platform = make_user(Role.PLATFORM_ADMINISTRATOR)
    invite(platform, None, "sven@support.example", "support")
    assert "“Keyhouse”" in mail.outbox[-1].subject
    opened(link_in_mail()).post(ACCEPT, NEW)
    membership = Membership.objects.get(user__email="sven@support.example")
    assert (membership.entity, membership.role) == (None, "support")
    make_user(Role.PLATFORM_ADMINISTRATOR)
    invitation, secret = make_invitation(None, by=platform)
    members.change_role(platform.memberships.get(), role=Role.SUPPORT, by=SETUP)
    assert invitations.find(invitation.invitation_id, secret) is None
