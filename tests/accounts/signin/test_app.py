"""Authenticator apps: set up with a secret that is stored sealed, and codes that are good once.

OWASP ASVS 5.0: 6.3.3, 6.5.1, 6.5.3, 6.5.5; PCI DSS 4.0: 8.3.2, 8.4.2, 8.5.1.
"""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.refusals import Refused
from accounts.signin import codes, factors
from tests.accounts.elsewhere import Elsewhere
from tests.accounts.signin.typing import code_of, give_app, is_signed_in, sealed_in, type_code, type_password
from tests.factories import make_user
from tests.reading import client_of, main_of

ADD = reverse("account_add_app")


@pytest.fixture
def user(db) -> User:
    return make_user(email="dana@test.example")


def set_up(client: Client) -> tuple[str, list[str]]:
    """Set up an app on the page; return its secret and the recovery codes that the answer shows."""
    secret, sealed = sealed_in(client.get(ADD))
    answer = client.post(ADD, {"sealed": sealed, "code": code_of(secret)})
    return secret, main_of(answer).one("pre", id="secret").text.split()


def test_an_app_is_set_up_by_its_secret_and_one_code(user):
    client = client_of(user)
    _secret, fresh = set_up(client)
    assert factors.has_app(user)
    assert len(fresh) == 10
    assert "Authenticator app" in main_of(client.get(reverse("account_factors"))).text
    assert "10 codes are left" in main_of(client.get(reverse("account_factors"))).text
    types = list(AuditEvent.objects.order_by("number").values_list("type", flat=True))
    assert types == ["factor.added", "factor.codes_made"]


def test_afterwards_the_password_alone_does_not_let_in(user):
    """PCI DSS 4.0, 8.4.2."""
    secret, _ = give_app(user)
    client = Client()
    assert type_password(client, user).headers["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(client)
    assert "not right" in main_of(type_code(client, "000000")).text
    assert not is_signed_in(client)
    assert type_code(client, code_of(secret)).headers["Location"] == reverse("portal:dashboard")
    assert is_signed_in(client)
    assert AuditEvent.objects.first().details == {"used": ["password", "totp"]}


def test_a_code_is_good_once(user):
    """ASVS 6.5.1, RFC 6238 5.2: whoever looked over the shoulder cannot type it again."""
    secret, _ = give_app(user)
    code = code_of(secret)
    first, second = Client(), Client()
    for client in (first, second):
        type_password(client, user)
        type_code(client, code)
    assert is_signed_in(first)
    assert not is_signed_in(second)


def test_an_earlier_code_is_not_good_after_a_later_one(user):
    secret, _ = give_app(user)
    assert factors.use_code(user, code_of(secret, steps=1))
    assert factors.use_code(user, code_of(secret)) is None


def test_the_code_that_set_up_the_app_does_not_sign_in(user):
    client = client_of(user)
    secret, sealed = sealed_in(client.get(ADD))
    code = code_of(secret)
    client.post(ADD, {"sealed": sealed, "code": code})
    assert factors.use_code(user, code) is None


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off(steps, good):
    """ASVS 6.5.5: a code lives for at most 30 seconds and one step of drift either way."""
    secret = codes.new_secret()
    assert (codes.step_of(secret, code_of(secret, steps=steps)) is not None) == good


@pytest.mark.parametrize(
    "odd", ["", " ", "12345", "1234567", "12345a", "١٢٣٤٥٦", "-12345", "1e5555", "\ud800", "\0" * 6]
)
def test_what_is_no_code_is_refused(odd):
    assert codes.step_of(codes.new_secret(), odd) is None


@pytest.mark.django_db(transaction=True)
def test_two_who_type_the_same_code_at_the_same_moment_are_one_too_many():
    user = make_user()
    secret, _ = give_app(user)
    code = code_of(secret)
    with Elsewhere(threads=8) as elsewhere:
        tries = [elsewhere.start(factors.use_code, user, code) for _ in range(8)]
        used = [each.result(timeout=60) for each in tries]
    assert sum(each is not None for each in used) == 1


def test_the_secret_is_stored_sealed_and_bound_to_its_person(user):
    """ASVS 11.3.3, 13.3.1, PCI DSS 8.3.2: neither the row nor the session can be read or moved to somebody else."""
    client = client_of(user)
    secret, _sealed = sealed_in(client.get(ADD))
    assert secret not in str(dict(client.session.items()))
    secret, _ = set_up(client)
    row = Authenticator.objects.get(type="totp")
    assert secret not in str(row.data)
    other = make_user()
    Authenticator.objects.filter(pk=row.pk).update(user=other)
    with pytest.raises(factors.sealing.Unreadable):
        factors.use_code(other, code_of(secret))


def test_a_wrong_code_sets_nothing_up_and_shows_the_same_picture(user):
    client = client_of(user)
    secret, sealed = sealed_in(client.get(ADD))
    page = client.post(ADD, {"sealed": sealed, "code": "000000"})
    assert page.status_code == 422
    assert sealed_in(page) == (secret, sealed)
    assert not factors.has_app(user)


@pytest.mark.parametrize("forged", ["", "1:AAAA", "x", "1:", "99999999:AAAA", "\uff11:AAAA"])
def test_a_secret_that_is_not_ours_is_not_believed(user, forged):
    client = client_of(user)
    page = client.post(ADD, {"sealed": forged, "code": "000000"})
    assert page.status_code == 422
    secret, sealed = sealed_in(page)
    assert client.post(ADD, {"sealed": sealed, "code": code_of(secret)}).status_code == 200


def test_a_secret_shown_to_somebody_else_or_long_ago_is_not_believed(user, time_machine):
    _, of_another = sealed_in(client_of(make_user()).get(ADD))
    client = client_of(user)
    secret, sealed = sealed_in(client.get(ADD))
    assert client.post(ADD, {"sealed": of_another, "code": "000000"}).status_code == 422
    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    client = client_of(user)
    page = client.post(ADD, {"sealed": sealed, "code": code_of(secret)})
    assert "too long" in main_of(page).text
    assert not factors.has_app(user)


def test_there_is_one_app(user):
    give_app(user)
    assert client_of(user).get(ADD).status_code == 409
    with pytest.raises(Refused, match="already"):
        give_app(user)
    assert Authenticator.objects.filter(type="totp").count() == 1


def test_the_secret_is_in_no_mail_event_or_table(user):
    client = client_of(user)
    secret, fresh = set_up(client)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        rows = repr(cursor.fetchall())
    told = rows + repr(list(AuditEvent.objects.values())) + repr([message.message() for message in mail.outbox])
    for text in (secret, *fresh):
        assert text not in told
        assert text.replace("-", "") not in told
