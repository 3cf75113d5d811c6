"""Links of invitations: they work once, for 72 hours and one address, and as long as their sender may give the role."""

from datetime import timedelta
from http import HTTPStatus
from smtplib import SMTPException

import pytest
from django.contrib.auth import authenticate
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts import invitations, lifecycle, people
from accounts.models import AuditEvent, Entity, Invitation, Membership, User
from accounts.permissions import Role
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.accounts.invited import ACCEPT, NEW, invite, is_over, link_in_mail, opened
from tests.commands import last_event
from tests.factories import PASSWORD, SETUP, make_administrator, make_entity, make_invitation, make_merchant, make_user
from tests.reading import client_of, main_of


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def administrator(merchant) -> User:
    return make_user(Role.ADMINISTRATOR, on=merchant, email="ada@test.example", name="Ada")


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
