"""Mails about one's own sign-in: in our words, without links, and without telling a stranger who there is.

OWASP ASVS 5.0: 6.3.5, 6.3.7, 6.4.1, 6.4.3; PCI DSS 4.0: 8.3.8.
"""

import re
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.signin import factors, notices
from tests.accounts.signin.device import Device, make_passkey
from tests.accounts.signin.typing import code_of, give_app, is_signed_in, type_code, type_password
from tests.factories import PASSWORD, make_user
from tests.reading import client_of

FIREFOX = {"HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
RESET = reverse("account_reset_password")


@pytest.fixture
def user(db) -> User:
    return make_user(email="dana@test.example")


def subjects() -> list[str]:
    return [message.subject.removeprefix("Keyhouse: ") for message in mail.outbox]


def test_a_browser_that_is_not_known_is_told(user):
    """ASVS 6.3.5: not the first sign-in ever, not the same browser again, but another one."""
    first, second = Client(), Client()
    type_password(first, user)
    assert subjects() == []
    first.post(reverse("account_logout"))
    type_password(first, user)
    assert subjects() == []
    type_password(second, user, REMOTE_ADDR="198.51.100.9", **FIREFOX)
    assert subjects() == ["New sign-in"]
    assert "From: 198.51.100.9" in mail.outbox[0].body
    assert "With: Firefox, Linux" in mail.outbox[0].body
    assert mail.outbox[0].to == [user.email]


def test_a_browser_knows_several_people_and_a_forged_cookie_none(user):
    client, other = Client(), make_user()
    for person in (user, other, user, other):
        type_password(client, person)
        client.post(reverse("account_logout"))
    assert subjects() == []
    client.cookies["keyhouse-known"] = "W10:forged"
    type_password(client, user)
    assert subjects() == ["New sign-in"]


def test_the_cookie_tells_nobody_who_it_is_and_lets_nobody_in(user):
    client = Client()
    type_password(client, user)
    cookie = client.cookies["keyhouse-known"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert user.email not in cookie.value
    assert user.person_id not in cookie.value
    thief = Client()
    thief.cookies["keyhouse-known"] = cookie.value
    assert not is_signed_in(thief)


def test_what_changes_a_sign_in_is_told(user):
    """ASVS 6.3.7: second factors, recovery codes, the password."""
    client = client_of(user)
    make_passkey(client, Device())
    client.post(reverse("account_recovery_codes"))
    client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD} | dict.fromkeys(["password1", "password2"], "another long password"),
    )
    client.post(reverse("account_remove_factor", args=[factors.passkeys_of(user).get().pk]))
    assert subjects() == [
        "New second factor",
        "New recovery codes",
        "Your password was changed",
        "Second factor removed",
    ]


def test_a_used_recovery_code_is_told(user):
    secret, fresh = give_app(user)
    client = Client()
    for code in (code_of(secret), fresh[0]):
        type_password(client, user)
        type_code(client, code)
        client.post(reverse("account_logout"))
    assert subjects() == ["Recovery code used"]


def test_many_failures_are_told_once_a_day_however_many_addresses_try(user, time_machine):
    """ASVS 6.3.5; and nobody's mailbox is filled."""

    def fail_everywhere() -> None:
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            for _ in range(12):
                cache.clear()
                type_password(Client(), user, "not the password", REMOTE_ADDR=address)

    fail_everywhere()
    assert subjects() == ["Many failed sign-ins"]
    time_machine.move_to(timezone.now() + timedelta(hours=25))
    fail_everywhere()
    assert subjects() == ["Many failed sign-ins"] * 2


def test_nobody_is_told_about_tries_at_nobody(db):
    for _ in range(12):
        type_password(Client(), "nobody@test.example", "not the password")
    assert mail.outbox == []


def test_no_notice_holds_a_link_or_a_secret(user):
    for notice in notices.Notice:
        notices.send(notice, user, None)
    assert len(mail.outbox) == len(notices.Notice)
    for message in mail.outbox:
        assert not re.search(r"https?:|www\.|//|<", message.body)
        assert PASSWORD not in message.body
        assert message.content_subtype == "plain"


def test_the_link_to_a_new_password_is_in_our_words_works_once_and_for_an_hour(user, time_machine):
    """ASVS 6.4.1, 6.4.3: and a second factor is asked for as before."""
    give_app(user)
    began = timezone.now()
    time_machine.move_to(began)
    for _ in range(2):
        Client().post(RESET, {"email": user.email})
    early, late = (re.search(r"http://testserver(\S+)", message.body)[1] for message in mail.outbox)
    assert mail.outbox[0].subject == "Keyhouse: choose a new password"
    assert "somebody, probably you" in mail.outbox[0].body
    fresh = dict.fromkeys(["password1", "password2"], "another long password")
    client = Client()
    assert client.post(client.get(early).headers["Location"], fresh).status_code == 302
    assert not is_signed_in(client)
    assert "does not work" in Client().get(early, follow=True).content.decode()
    assert "does not work" in Client().get(late, follow=True).content.decode()
    assert type_password(client, user, "another long password").headers["Location"] == reverse("mfa_authenticate")
    Client().post(RESET, {"email": user.email})
    too_late = re.search(r"http://testserver(\S+)", mail.outbox[-1].body)[1]
    time_machine.move_to(began + timedelta(minutes=61))
    assert "does not work" in Client().get(too_late, follow=True).content.decode()


def test_asking_for_a_new_password_tells_nothing_about_who_there_is(user):
    """ASVS 6.3.8: the same answer, and a mail to nobody."""
    answers = [Client().post(RESET, {"email": email}) for email in (user.email, "nobody@test.example")]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert [message.to for message in mail.outbox] == [[user.email]]


def test_nobody_who_is_switched_off_gets_a_link(user):
    User.objects.update(is_active=False)
    Client().post(RESET, {"email": user.email})
    assert mail.outbox == []


def test_a_mail_server_that_is_slow_or_away_holds_nobody_up(user, settings, monkeypatch, caplog):
    """The answer does not wait, and a fault says nothing of what the mail says."""
    settings.MAIL_AT_ONCE = False
    may_go_on, tried = threading.Event(), threading.Event()

    def send(_message: EmailMessage, **_options: object) -> int:
        may_go_on.wait(20)
        tried.set()
        raise ConnectionRefusedError("to dana@test.example: no")

    monkeypatch.setattr(EmailMessage, "send", send)
    assert Client().post(RESET, {"email": user.email}).status_code == 302
    assert not tried.is_set()
    may_go_on.set()
    assert tried.wait(20)
    notices._post.submit(lambda: None).result(timeout=20)
    assert "was not sent: ConnectionRefusedError" in caplog.text
    assert "dana@" not in caplog.text
