"""Recovery codes: ten, shown once, each good once, in the place of a lost second factor (ASVS 6.5.1, 6.5.2, 6.5.3)."""

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from accounts.refusals import Refused
from accounts.signin import codes, factors
from tests.accounts.elsewhere import Elsewhere
from tests.accounts.signin.typing import give_app, is_signed_in, type_code, type_password
from tests.factories import make_user
from tests.reading import client_of, main_of

RENEW = reverse("account_recovery_codes")


@pytest.fixture
def user(db) -> User:
    return make_user()


def test_a_recovery_code_lets_in_once(user):
    _, fresh = give_app(user)
    for expected in (True, False):
        client = Client()
        type_password(client, user)
        type_code(client, fresh[3])
        assert is_signed_in(client) == expected
    assert factors.recovery_codes_left(user) == 9
    assert AuditEvent.objects.filter(type="factor.code_used").count() == 1


@pytest.mark.parametrize("spelling", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_however_it_is_typed(user, spelling):
    _, fresh = give_app(user)
    assert factors.use_code(user, spelling(fresh[0]))


def test_they_are_random_and_long_enough_for_a_plain_hash():
    """ASVS 6.5.2, 6.5.3: 120 bits each, from the system's generator."""
    fresh = codes.new_recovery_codes(200)
    assert len(set(fresh)) == 200
    assert all(len(code.replace("-", "")) == 24 for code in fresh)
    assert len(set("".join(fresh))) == len(codes.LETTERS) + 1
    assert len(codes.LETTERS) == 32


def test_nothing_of_them_is_stored_but_hashes(user):
    _, fresh = give_app(user)
    stored = str(Authenticator.objects.get(type="recovery_codes").data)
    for code in fresh:
        assert code not in stored
        assert code.replace("-", "") not in stored


def test_a_hash_of_somebody_else_is_no_use(user):
    """The same code gives another hash for another person: a row copied to an accomplice opens nothing."""
    _, fresh = give_app(user)
    other = make_user()
    Authenticator.objects.filter(type="recovery_codes").update(user=other)
    assert factors.use_code(other, fresh[0]) is None


def test_new_ones_end_the_old_ones_and_are_shown_in_the_answer_alone(user):
    _, old = give_app(user)
    client = client_of(user)
    assert "10 codes that are left will not work" in main_of(client.get(RENEW)).text
    page = client.post(RENEW)
    fresh = main_of(page).one("pre", id="secret").text.split()
    assert "no-store" in page.headers["Cache-Control"]
    assert len(set(fresh)) == 10
    assert not set(fresh) & set(old)
    assert factors.use_code(user, old[0]) is None
    assert factors.use_code(user, fresh[0])
    for url in (RENEW, reverse("account_factors")):
        assert fresh[1] not in client.get(url).content.decode()
    assert fresh[1] not in str(dict(client.session.items()))


def test_without_a_second_factor_there_are_none(user):
    with pytest.raises(Refused, match="Add one first"):
        factors.renew_recovery_codes(user)
    assert client_of(user).post(RENEW).status_code == 409


@pytest.mark.django_db(transaction=True)
def test_two_who_use_the_same_code_at_the_same_moment_are_one_too_many():
    user = make_user()
    _, fresh = give_app(user)
    with Elsewhere(threads=8) as elsewhere:
        tries = [elsewhere.start(factors.use_code, user, fresh[0]) for _ in range(8)]
        used = [each.result(timeout=60) for each in tries]
    assert sum(each is not None for each in used) == 1
    assert factors.recovery_codes_left(user) == 9
