"""What a password has to be, and that old ones do not come back.

PCI DSS 4.0: 8.3.6, 8.3.7; OWASP ASVS 5.0: 6.2.1 ... 6.2.12, 11.4.2.
"""

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.adapter import SignInAdapter
from accounts.models import AuditEvent, User
from accounts.signin.models import FormerPassword
from tests.accounts.signin.typing import give_app, is_signed_in, type_password
from tests.factories import PASSWORD, make_user
from tests.reading import client_of, main_of

CHANGE = reverse("account_change_password")


@pytest.fixture
def user(db) -> User:
    return make_user(email="dana.developer@test.example", name="Dana Developer")


def faults_of(password: str, user: User | None = None) -> list[str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return sorted(each.code for each in error.error_list)
    return []


def change(client: Client, old: str, new: str):
    cache.clear()  # five changes a minute are allowed
    return client.post(CHANGE, {"oldpassword": old, "password1": new, "password2": new})


def test_alone_it_has_fifteen_characters(user):
    """PCI DSS 8.3.6, NIST SP 800-63B-4 3.1.1: twelve are the least, fifteen without a second factor."""
    assert faults_of("six blue goat", user) == ["password_too_short"]
    assert faults_of("six blue goats!", user) == []


def test_beside_a_second_factor_it_has_twelve(user):
    give_app(user)
    assert faults_of("six blue go", user) == ["password_too_short"]
    assert faults_of("six blue goa", user) == []


def test_where_everybody_has_a_second_factor_twelve_are_enough_from_the_start(settings, db):
    settings.REQUIRE_MFA = True
    assert faults_of("six blue goa", User(email="new@test.example")) == []
    assert "at least 12 characters" in password_validators_help_text_html()


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("aaaaaaaaaaaaaaaaaaaa", "password_repeats"),
        ("121212121212121212", "password_repeats"),
        ("KeyHouse is mine, all mine", "password_names_us"),
        ("dana.developer@test", "password_too_similar"),
        ("1q2w3e4r5t6y7u8i9o0p", "password_too_common"),
        ("Password1234567", "password_put_together"),
        ("qwertyuiopiloveyou", "password_put_together"),
        ("monkeydragon2000", "password_put_together"),
    ],
)
def test_what_everybody_tries_is_refused(user, password, fault):
    """ASVS 6.2.4, 6.2.11."""
    assert fault in faults_of(password, user)


@pytest.mark.parametrize(
    "password",
    ["only small letters here", "ÜBERALL ist es schön 12", "密码密码可以是任何语言的文字都行", " spaces around it "],
)
def test_any_characters_will_do_and_all_of_them_count(user, password):
    """ASVS 6.2.5, 6.2.8: no rules about kinds, nothing trimmed or cut off."""
    assert faults_of(password, user) == []
    assert change(client_of(user), PASSWORD, password).status_code == 302
    client = Client()
    type_password(client, user, password.strip() + "!")
    assert not is_signed_in(client)
    type_password(client, user, password)
    assert is_signed_in(client)


def test_a_very_long_one_is_taken_whole(user):
    """ASVS 6.2.9: 64 characters and more."""
    long = "horse battery " * 20
    change(client_of(user), PASSWORD, long)
    client = Client()
    type_password(client, user, long[:-1])
    assert not is_signed_in(client)
    type_password(client, user, long)
    assert is_signed_in(client)


def test_it_is_stored_as_argon2id(user):
    """ASVS 11.4.2."""
    assert identify_hasher(user.password).algorithm == "argon2"
    assert "$argon2id$" in user.password


def test_the_last_four_do_not_come_back_and_the_fifth_may(user):
    """PCI DSS 8.3.7."""
    client, used = client_of(user), [PASSWORD]
    for number in range(4):
        for before in used[-4:]:
            assert "used this password before" in main_of(change(client, used[-1], before)).text
        used.append(f"another long password, number {number}")
        assert change(client, used[-2], used[-1]).status_code == 302
    assert FormerPassword.objects.filter(user=user).count() == 3
    assert change(client, used[-1], PASSWORD).status_code == 302


def test_only_hashes_are_remembered(user):
    change(client_of(user), PASSWORD, "another long password")
    (former,) = FormerPassword.objects.all()
    assert former.encoded.startswith("argon2$")
    assert PASSWORD not in former.encoded


def test_the_present_password_is_asked_for_and_tries_at_it_are_counted(user):
    """ASVS 6.2.3, 6.3.1: a stolen session is not enough to lock its owner out."""
    client = client_of(user)
    for number in range(12):
        page = change(client, f"a guess at it {number}", "another long password")
        assert "not your password" in main_of(page).text
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert AuditEvent.objects.filter(type="session.proof_refused").exists()


def test_changing_it_signs_out_everywhere_else(user):
    """ASVS 7.4.3."""
    here, elsewhere = client_of(user), client_of(user)
    before = here.session.session_key
    change(here, PASSWORD, "another long password")
    assert is_signed_in(here)
    assert here.session.session_key != before
    assert not is_signed_in(elsewhere)
    types = list(AuditEvent.objects.values_list("type", flat=True)[:2])
    assert types == ["session.ended_elsewhere", "password.changed"]


def test_somebody_switched_off_meanwhile_stays_switched_off(user):
    """TRAPS: a full save would bring them back."""
    client = client_of(user)
    client.get(CHANGE)
    User.objects.filter(pk=user.pk).update(is_active=False)
    from_before = User.objects.get(pk=user.pk)
    from_before.is_active = True
    SignInAdapter().set_password(from_before, "another long password")
    assert not User.objects.get(pk=user.pk).is_active
