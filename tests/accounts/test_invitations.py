"""Invitations: a link that works once and for 72 hours, for one address, and that is known to its reader alone."""

import logging
import re
from datetime import timedelta
from http import HTTPStatus
from smtplib import SMTPException

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.core import mail
from django.core.signals import got_request_exception
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import invitations, lifecycle, members, people
from accounts.models import AuditEvent, Entity, Invitation, Membership, User
from accounts.permissions import Role
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.canary import database_files, tables
from tests.commands import last_event
from tests.factories import (
    PASSWORD,
    SETUP,
    give_role,
    make_administrator,
    make_entity,
    make_invitation,
    make_merchant,
    make_user,
)
from tests.reading import HTMX, client_of, main_of, read

ACCEPT = reverse("accept_invitation")
LINK = re.compile(r"http://testserver(/auth/invitation/(inv_[0-9A-Za-z]{16})/([0-9A-Za-z]{43}))\n")
NEW = {"name": "Nora New", "password": "four green herons sing", "again": "four green herons sing"}
OVER = "This link does not work any more"


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def administrator(merchant) -> User:
    return make_user(Role.ADMINISTRATOR, on=merchant, email="ada@test.example", name="Ada")


def invite(by: User, entity: Entity | None, email: str, role: str = "developer", **headers):
    address = reverse("accounts:invite", args=[entity.entity_id]) if entity else reverse("accounts:invite_to_platform")
    return client_of(by).post(address, {"email": email, "role": role}, **headers)


def link_in_mail() -> str:
    """Return the address in the last mail, as a reader would open it."""
    found = LINK.search(mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def opened(link: str, client: Client | None = None) -> Client:
    """Return a browser in which the link was opened; it always leads to the same page."""
    client = client or Client()
    response = client.get(link)
    assert (response.status_code, response.headers["Location"]) == (HTTPStatus.FOUND, ACCEPT)
    return client


def is_over(client: Client) -> bool:
    response = client.get(ACCEPT)
    return response.status_code == HTTPStatus.NOT_FOUND and OVER in main_of(response).text


# A new person


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


# Somebody who is here already


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


# Links that do not work


def _age(invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


ENDS = {
    "expired": lambda invitation, by: _age(invitation),
    "withdrawn": lambda invitation, by: invitations.withdraw(invitation, by=by),
    "sent again": lambda invitation, by: invitations.resend(invitation, by=by),
    "sender removed": lambda invitation, by: by.memberships.all().delete(),
    "sender demoted": lambda invitation, by: by.memberships.update(role="developer"),
    "sender disabled": lambda invitation, by: people.disable(by, by=SETUP),
    "altered in the database": lambda invitation, by: Invitation.objects.filter(pk=invitation.pk).update(
        email="other@shop.example"
    ),
    "a greater role in the database": lambda invitation, by: Invitation.objects.filter(pk=invitation.pk).update(
        role="administrator"
    ),
}


@pytest.mark.parametrize("end", sorted(ENDS))
def test_every_link_that_is_over_says_the_same(merchant, administrator, end):
    """Expired, used, withdrawn, sent again, no longer backed, never given: the same page to the byte."""
    make_administrator(merchant)
    invitation, secret = make_invitation(merchant, "nora@shop.example", role="developer", by=administrator)
    link = reverse("invitation", args=[invitation.invitation_id, secret])
    assert not is_over(opened(link))
    ENDS[end](invitation, administrator)
    never = reverse("invitation", args=["inv_0000000000000000", "x" * 43])
    answers = [opened(address).get(ACCEPT) for address in (link, never)]
    assert answers[0].status_code == answers[1].status_code == HTTPStatus.NOT_FOUND
    assert answers[0].content == answers[1].content


def test_a_link_works_for_72_hours_and_not_a_second_longer(merchant, administrator, monkeypatch):
    invitation, secret = make_invitation(merchant, by=administrator)
    now = invitation.expires_at
    for moment, works in ((now - timedelta(seconds=1), True), (now, False)):
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        assert bool(invitations.find(invitation.invitation_id, secret)) == works
    assert now - invitation.sent_at == timedelta(hours=72, minutes=2)


def test_a_link_works_once(merchant, administrator):
    invite(administrator, merchant, "nora@shop.example")
    link = link_in_mail()
    first, second = opened(link), opened(link)
    assert first.post(ACCEPT, NEW).status_code == HTTPStatus.FOUND
    assert is_over(second)
    assert second.post(ACCEPT, NEW).status_code == HTTPStatus.NOT_FOUND
    assert is_over(opened(link))
    assert User.objects.filter(email="nora@shop.example").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_link_opened_in_two_browsers_at_once_creates_one_person():
    merchant = make_merchant()
    invitation, _secret = make_invitation(merchant, "nora@shop.example", by=make_administrator(merchant))
    with Elsewhere(2) as elsewhere:
        told = {"name": "Nora", "password": NEW["password"]}
        outcomes = [elsewhere.start(invitations.accept_as_new, invitation, **told) for _ in range(2)]
        refusals = [outcome.exception(timeout=30) for outcome in outcomes]
    assert sorted(type(refusal).__name__ for refusal in refusals) == ["NoneType", "Refused"]
    assert Membership.objects.filter(user__email="nora@shop.example").count() == 1


def test_an_account_made_meanwhile_is_not_taken_over(merchant, administrator):
    """Two entities invite the same new person: the second link asks them to sign in."""
    other = make_merchant("Cedar Cycles")
    second, _secret = make_invitation(other, "nora@shop.example", by=make_administrator(other))
    make_user(email="nora@shop.example")
    with pytest.raises(Refused, match="Sign in to accept"):
        invitations.accept_as_new(second, name="Somebody", password="another password of 30 signs")
    assert authenticate(email="nora@shop.example", password=PASSWORD)
    assert Invitation.objects.get(pk=second.pk).ended_at is None


def test_a_move_to_another_partner_ends_what_the_old_one_has_offered(merchant):
    """S2-18: nobody comes in at the new partner's because the old one's administrator had invited them."""
    partner = merchant.get_root()
    invitation, secret = make_invitation(merchant, by=make_administrator(partner))
    assert invitations.find(invitation.invitation_id, secret)
    lifecycle.move(merchant, under=make_entity("partner", "Southgate Acquiring"), by=SETUP)
    assert invitations.find(invitation.invitation_id, secret) is None
    page = main_of(client_of(make_administrator(merchant)).get(reverse("accounts:users", args=[merchant.entity_id])))
    assert {row["Link"] for row in page.rows if "Link" in row} == {"To be sent again"}


def test_a_page_left_open_ends_with_the_link(merchant, administrator):
    """The browser keeps which sending was opened: one that is sent again ends it, as a withdrawal does."""
    invitation, secret = make_invitation(merchant, "nora@shop.example", by=administrator)
    browser = opened(reverse("invitation", args=[invitation.invitation_id, secret]))
    invitations.resend(invitation, by=administrator)
    assert browser.post(ACCEPT, NEW).status_code == HTTPStatus.NOT_FOUND
    assert not User.objects.filter(email="nora@shop.example").exists()


# Send again, withdraw


def test_a_new_link_takes_the_place_of_the_old_one(merchant, administrator):
    """Whoever sends it again answers for it: the first sender may have left."""
    invitation, old = make_invitation(merchant, "nora@shop.example", by=make_administrator(merchant))
    url = reverse("accounts:resend", args=[invitation.invitation_id])
    assert "good for 72 hours" in main_of(client_of(administrator).get(url)).text
    client_of(administrator).post(url)
    link = link_in_mail()
    assert old not in link
    assert "Ada invites you" in mail.outbox[-1].body
    assert is_over(opened(reverse("invitation", args=[invitation.invitation_id, old])))
    assert opened(link).post(ACCEPT, NEW).status_code == HTTPStatus.FOUND
    assert [event.type for event in AuditEvent.objects.filter(target=invitation.invitation_id).order_by("number")] == [
        "invitation.sent",
        "invitation.resent",
    ]


def test_a_withdrawn_invitation_leaves_the_list(merchant, administrator):
    invitation, _secret = make_invitation(merchant, "nora@shop.example", by=administrator)
    client, page = client_of(administrator), reverse("accounts:users", args=[merchant.entity_id])
    assert "nora@shop.example" in main_of(client.get(page)).text
    client.post(reverse("accounts:withdraw", args=[invitation.invitation_id]))
    text = main_of(client.get(page)).text
    assert "The invitation to nora@shop.example was withdrawn." in text
    assert "Pending invitations" not in text
    assert last_event().type == "invitation.withdrawn"
    for verb in ("resend", "withdraw"):
        response = client.post(reverse(f"accounts:{verb}", args=[invitation.invitation_id]))
        assert response.status_code == HTTPStatus.CONFLICT
        assert "answered or withdrawn" in main_of(response).text


@pytest.mark.django_db(transaction=True)
def test_an_invitation_answered_while_it_is_withdrawn_ends_in_one_way():
    merchant = make_merchant()
    by = make_administrator(merchant)
    invitation, _secret = make_invitation(merchant, "nora@shop.example", by=by)
    with Elsewhere(2) as elsewhere:
        joining = elsewhere.start(invitations.accept_as_new, invitation, name="Nora", password=NEW["password"])
        ending = elsewhere.start(invitations.withdraw, invitation, by=by)
        joined, ended = (outcome.exception(timeout=30) is None for outcome in (joining, ending))
    assert joined != ended
    assert User.objects.filter(email="nora@shop.example").exists() == joined


def test_nobody_is_written_to_again_within_a_minute_nor_very_often(merchant, administrator, monkeypatch):
    invite(administrator, merchant, "nora@shop.example")
    with pytest.raises(Refused, match="Wait a minute"):
        invitations.resend(Invitation.objects.get(), by=administrator)
    monkeypatch.setattr(invitations, "MOST_IN_AN_HOUR", 2)
    invite(administrator, merchant, "second@shop.example")
    response = invite(administrator, merchant, "third@shop.example")
    assert response.status_code == HTTPStatus.CONFLICT
    assert "very many invitations" in main_of(response).text
    assert len(mail.outbox) == 2


def test_a_mail_that_is_not_taken_leaves_an_invitation_to_be_sent_again(merchant, administrator, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise SMTPException(link_in_logs)

    link_in_logs = "the server repeats the mail"
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fail)
    response = invite(administrator, merchant, "nora@shop.example")
    page = main_of(client_of(administrator).get(response.headers["Location"]))
    assert "nora@shop.example" in page.text
    assert Invitation.objects.get().ended_at is None
    assert "SMTPException" in caplog.text
    assert link_in_logs not in caplog.text


# The form


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"email": ""}, "Enter the e-mail address of the person."),
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"email": "a@b.example\0"}, "Null characters"),
        ({"email": "x" * 250 + "@b.example"}, "at most 254 characters"),
        ({"email": "nora@müller.example"}, "ASCII form"),
        ({"email": "vera@test.example"}, "has a role here already"),
        ({"email": "VERA@test.example"}, "has a role here already"),
        ({"email": "pending@test.example"}, "pending already"),
        ({"role": ""}, "Choose a role."),
        ({"role": "support"}, "not one of the available choices"),
        ({"role": "platform_administrator"}, "not one of the available choices"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_what_cannot_be_sent_is_told_at_the_field(merchant, administrator, typed, sentence, headers):
    """S2-17: nobody gives more than they hold; the platform's roles are not for a merchant's administrator."""
    make_user(Role.VIEWER, on=merchant, email="vera@test.example")
    make_invitation(merchant, "pending@test.example", by=administrator)
    before = AuditEvent.objects.count()
    fields = {"email": "nora@shop.example", "role": "viewer"} | typed
    response = invite(administrator, merchant, fields["email"], fields["role"], **headers)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert sentence in read(response).text
    assert AuditEvent.objects.count() == before
    assert not mail.outbox


def test_somebody_who_has_a_role_elsewhere_is_invited_as_if_unknown(merchant, administrator):
    """What hangs on other entities is not told: not of one beside, not of one above."""
    for where in (make_merchant("Cedar Cycles"), merchant.get_root()):
        email = make_user(Role.ADMINISTRATOR, on=where).email
        assert invite(administrator, merchant, email).status_code == HTTPStatus.FOUND


# The secret


@pytest.mark.django_db(transaction=True)
def test_the_secret_of_a_link_is_in_the_mail_and_nowhere_else(caplog, capfd):
    """TRAPS: the database and its files, sessions, logs and every page are searched, also after faults."""
    caplog.set_level(logging.DEBUG)
    merchant = make_merchant("Aurora Coffee")
    administrator = make_administrator(merchant)
    answers = [invite(administrator, merchant, "nora@shop.example")]
    link, invitation_id, secret = LINK.search(mail.outbox[-1].body).groups()
    browser = Client(raise_request_exception=False)
    for path in (link + ">", link[:-1], link + "/x", link):
        answers += [browser.get(path), browser.post(path), browser.get(ACCEPT)]
    tabs = [reverse(name, args=[merchant.entity_id]) for name in ("accounts:users", "accounts:activity")]
    answers += [client_of(administrator).get(path) for path in tabs]
    sinks: dict[str, str | bytes] = tables()
    sinks |= {f"file {path.suffix}": path.read_bytes() for path in database_files()}
    sinks |= {"log": caplog.text, "output": "".join(capfd.readouterr())}
    for number, answer in enumerate(answers):
        sinks[f"answer {number}"] = answer.content
        sinks[f"headers {number}"] = f"{answer.headers} {answer.cookies}"
    for shape in (secret, secret[:21], secret[22:], secret.encode().hex()):
        for name, sink in sinks.items():
            assert (shape.encode() if isinstance(sink, bytes) else shape) not in sink, name
    assert invitation_id in sinks["accounts_invitation"], "the search does see"
    digest = bytes(Invitation.objects.get().digest)
    assert digest.hex() in sinks["accounts_invitation"]
    assert len(digest) == 32


def test_a_fault_while_a_link_is_opened_does_not_log_it(merchant, administrator, monkeypatch, caplog):
    invitation, secret = make_invitation(merchant, by=administrator)

    def fail(*_: object, **__: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(invitations, "pending", fail)
    seen: list[str] = []
    got_request_exception.connect(
        lambda request, **_: seen.append(request.get_full_path()), weak=False, dispatch_uid="x"
    )
    response = Client(raise_request_exception=False).get(reverse("invitation", args=[invitation.invitation_id, secret]))
    got_request_exception.disconnect(dispatch_uid="x")
    assert response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert seen == [ACCEPT]
    assert secret not in caplog.text
    assert ACCEPT in caplog.text


def test_the_link_is_stored_nowhere_and_told_to_nobody(merchant, administrator):
    """Its answer is kept by no cache and named to no other page; the page behind it has no secret in its address."""
    invitation, secret = make_invitation(merchant, by=administrator)
    browser = Client()
    response = browser.get(reverse("invitation", args=[invitation.invitation_id, secret]))
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]
    assert browser.session["invitation"] == [invitation.invitation_id, 1]
    page = browser.get(ACCEPT)
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert secret not in page.content.decode()


def test_a_pepper_that_is_gone_ends_the_links_made_with_it(merchant, administrator, settings):
    invitation, secret = make_invitation(merchant, by=administrator)
    settings.TOKEN_PEPPERS = {2: b"another pepper, and the first one is gone"}
    assert invitations.find(invitation.invitation_id, secret) is None


@pytest.mark.parametrize("secret", ["", "x", "\N{SNOWMAN}" * 43, "\x00", "\udcff", "x" * 10_000])
def test_a_secret_of_any_shape_is_just_a_wrong_one(merchant, administrator, secret):
    invitation, _secret = make_invitation(merchant, by=administrator)
    assert invitations.find(invitation.invitation_id, secret) is None


def test_an_ended_invitation_has_no_digest_left(merchant, administrator):
    invitation, _secret = make_invitation(merchant, by=administrator)
    invitations.withdraw(invitation, by=administrator)
    assert Invitation.objects.get().digest is None
    with pytest.raises(DatabaseError, match="invitation_ended_means_destroyed"):
        Invitation.objects.update(digest=bytes(32))


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
    assert settings.EMAIL_BACKEND.endswith("locmem.EmailBackend"), "the tests mail nobody"
