"""The form that invites, and the secret that it mails: it is in the mail and nowhere else."""

import logging
from http import HTTPStatus

import pytest
from django.core import mail
from django.core.signals import got_request_exception
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from accounts import invitations
from accounts.models import AuditEvent, Entity, Invitation, User
from accounts.permissions import Role
from tests.accounts.invited import ACCEPT, LINK, invite
from tests.canary import database_files, tables
from tests.factories import (
    make_administrator,
    make_entity,
    make_invitation,
    make_merchant,
    make_user,
)
from tests.reading import HTMX, client_of, read


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def administrator(merchant) -> User:
    return make_user(Role.ADMINISTRATOR, on=merchant, email="ada@test.example", name="Ada")


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
