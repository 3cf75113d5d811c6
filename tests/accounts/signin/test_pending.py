"""A sign-in that waits at the second step ends with the password, the factors and the right to sign in it began with.

OWASP ASVS 5.0: 7.4.2, 7.4.3; PCI DSS 4.0: 8.2.5, 8.5.1.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import people
from accounts.adapter import SignInAdapter
from accounts.models import AuditEvent, User
from accounts.permissions import Role
from accounts.signin import factors
from accounts.signin.models import Tries
from tests.accounts.signin.typing import code_of, give_app, is_signed_in, type_code, type_password
from tests.commands import run
from tests.factories import PASSWORD, make_user
from tests.reading import client_of

ANOTHER = "another long password"


@pytest.fixture
def user(db, settings) -> User:
    settings.REQUIRE_MFA = True
    return make_user(email="dana@test.example")


def change(user: User) -> None:
    typed = {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER}
    client_of(user).post(reverse("account_change_password"), typed)


def set_anew(user: User) -> None:
    """As the link in the mail does."""
    SignInAdapter().set_password(user, ANOTHER)


def switch_off(user: User) -> None:
    people.disable(user, by=make_user(Role.PLATFORM_ADMINISTRATOR), reason="left the company")


def reset(_user: User) -> None:
    run("reset_factors", "dana@test.example", "--reason=Seen in person, passport checked")


def add_a_passkey(user: User) -> None:
    factors.add_passkey(user, name="Key", credential={})


def leads_back(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer.headers["Location"] == reverse("account_login")


def stands_at_the_second_step(user: User) -> Client:
    client = Client()
    assert type_password(client, user).headers["Location"] == reverse("mfa_authenticate")
    assert client.get(reverse("mfa_authenticate")).status_code == 200
    return client


@pytest.mark.parametrize("meanwhile", [change, set_anew, switch_off, reset, add_a_passkey])
def test_who_waits_at_the_second_step_begins_again(user, meanwhile: Callable[[User], None]):
    """ASVS 7.4.3: nothing is granted, told or used up, and no try is counted."""
    secret, fresh = give_app(user)
    client = stands_at_the_second_step(user)
    meanwhile(User.objects.get(pk=user.pk))
    mails = len(mail.outbox)
    assert leads_back(type_code(client, code_of(secret)))
    assert "Sign in once more." in client.get(reverse("account_login")).content.decode()
    for code in (code_of(secret), fresh[0]):
        assert leads_back(type_code(client, code))
    assert not is_signed_in(client)
    assert not AuditEvent.objects.filter(type__in=["session.started", "factor.code_used"]).exists()
    assert not Tries.objects.exists()
    assert len(mail.outbox) == mails


def test_asking_for_the_page_ends_it_as_well(user):
    """ASVS 7.4.3: it is over, and comes back with nothing."""
    give_app(user)
    client = stands_at_the_second_step(user)
    set_anew(User.objects.get(pk=user.pk))
    assert client.get(reverse("account_login")).headers["Location"] == reverse("mfa_authenticate")
    assert leads_back(client.get(reverse("mfa_authenticate")))
    assert client.get(reverse("account_login")).status_code == 200
    assert "account_login" not in client.session


def test_a_factor_set_up_meanwhile_does_not_finish_what_the_old_one_began(user):
    """ASVS 7.4.3, 6.4.4: after a reset, the password that was typed before it counts for nothing."""
    give_app(user)
    client = stands_at_the_second_step(user)
    reset(user)
    secret, _ = give_app(user)
    assert leads_back(type_code(client, code_of(secret)))
    assert not is_signed_in(client)


def test_it_waits_for_ten_minutes(user, time_machine):
    """ASVS 7.4.3, 7.1.1: also where nothing happens."""
    began = timezone.now()
    time_machine.move_to(began, tick=False)
    secret, _ = give_app(user)
    first, second = stands_at_the_second_step(user), stands_at_the_second_step(user)
    time_machine.move_to(began + timedelta(minutes=9, seconds=59), tick=False)
    type_code(first, code_of(secret))
    assert is_signed_in(first)
    time_machine.move_to(began + timedelta(minutes=10, seconds=1), tick=False)
    assert leads_back(type_code(second, code_of(secret, steps=1)))
    assert not is_signed_in(second)
