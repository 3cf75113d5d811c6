"""Sessions end by the server's clock, can be listed and ended, and are worth nothing to who reads the database.

OWASP ASVS 5.0: 7.2.1 ... 7.2.4, 7.3.1, 7.3.2, 7.4.1 ... 7.4.5, 7.5.2; PCI DSS 4.0: 8.2.5, 8.2.8.
"""

from datetime import timedelta

import pytest
from allauth.core.context import request_context
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts.adapter import SignInAdapter
from accounts.models import AuditEvent, Session, User
from accounts.signin import sessions
from accounts.signin.sessions import at_rest
from tests.accounts.signin.device import Device, make_passkey
from tests.accounts.signin.typing import give_app, is_signed_in, type_password
from tests.factories import PASSWORD, make_user
from tests.reading import client_of, let_the_proof_age, main_of

STATE, LIST = reverse("account_session"), reverse("account_factors")
FIREFOX = {"HTTP_USER_AGENT": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def user(db) -> User:
    return make_user()


@pytest.fixture
def clock(time_machine):
    """Return a function that lets so many minutes (and seconds) pass."""
    now = timezone.now()
    time_machine.move_to(now, tick=False)

    def passes(minutes: float = 0, seconds: float = 0) -> None:
        nonlocal now
        now += timedelta(minutes=minutes, seconds=seconds)
        time_machine.move_to(now, tick=False)

    return passes


def test_it_ends_after_fifteen_minutes_without_a_sign_of_life(user, clock):
    """PCI DSS 8.2.8, ASVS 7.3.1."""
    client = client_of(user)
    clock(minutes=14, seconds=59)
    assert is_signed_in(client)
    clock(minutes=14, seconds=59)
    assert is_signed_in(client)
    clock(minutes=15)
    assert not is_signed_in(client)
    assert client.get("/").headers["Location"].startswith(reverse("account_login"))


def test_what_a_script_asks_is_no_sign_of_life(user, clock):
    client = client_of(user)
    for _ in range(3):
        clock(minutes=4)
        assert client.get(STATE).status_code == 200
        assert client.get(reverse("accounts:roots"), HTTP_X_KEYHOUSE_UNATTENDED="1").status_code == 200
    clock(minutes=3)
    assert client.get(STATE).status_code == 302
    assert not is_signed_in(client)


def test_it_ends_after_twelve_hours_whatever_happens(user, clock):
    """ASVS 7.3.2."""
    client = client_of(user)
    for _ in range(12 * 6 - 1):
        clock(minutes=10)
        assert is_signed_in(client)
    assert client.get(STATE).json() == {"left": 600, "can_last": False}
    clock(minutes=9, seconds=59)
    assert is_signed_in(client)
    clock(seconds=1)
    assert not is_signed_in(client)


def test_the_state_tells_how_long_it_lasts_and_a_post_makes_it_last(user, clock):
    client = client_of(user)
    clock(minutes=14)
    assert client.get(STATE).json() == {"left": 60, "can_last": True}
    assert client.post(STATE).json() == {"left": 900, "can_last": False}
    clock(minutes=14)
    assert is_signed_in(client)


def test_presence_is_noted_every_half_minute_and_not_with_every_request(user, clock):
    client = client_of(user)
    clock(seconds=29)
    before = Session.objects.get().seen_at
    client.get(LIST)
    assert Session.objects.get().seen_at == before
    clock(seconds=1)
    client.get(LIST)
    assert Session.objects.get().seen_at == before + timedelta(seconds=30)


def test_whoever_reads_the_database_cannot_sign_in(user):
    """ASVS 7.2.1, 11.4.1: there is a hash of the key."""
    client = client_of(user)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    (row,) = Session.objects.all()
    assert key not in (row.session_key, row.session_data)
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = row.session_key
    assert not is_signed_in(thief)


def test_the_key_is_long_and_random(user):
    """ASVS 7.2.3: 32 characters of 36 are 165 bits."""
    keys = {client_of(user).cookies[settings.SESSION_COOKIE_NAME].value for _ in range(20)}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 20


def test_signing_in_gives_another_key(user):
    """ASVS 7.2.4: one that somebody planted before is worth nothing."""
    client = Client()
    client.get(reverse("account_login"))
    session = client.session
    session["planted"] = "yes"
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    type_password(client, user)
    assert is_signed_in(client)
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != session.session_key
    planted = Client()
    planted.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    assert not is_signed_in(planted)


def test_signing_out_ends_it_for_good(user):
    """ASVS 7.4.1."""
    client = client_of(user)
    stolen = Client()
    stolen.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post(reverse("account_logout"))
    assert not is_signed_in(stolen)
    assert not sessions.sessions_of(user).exists()


def test_somebody_switched_off_is_out_at_once(user):
    """ASVS 7.4.2, PCI DSS 8.2.5."""
    client = client_of(user)
    User.objects.update(is_active=False)
    assert not is_signed_in(client)


def test_one_sees_where_one_is_signed_in_and_ends_it_there(user):
    """ASVS 7.5.2."""
    here, there = client_of(user), Client()
    type_password(there, user, PASSWORD, REMOTE_ADDR="198.51.100.9", **FIREFOX)
    page = main_of(here.get(LIST))
    assert "Firefox, Windows" in page.text
    assert "198.51.100.9" in page.text
    (url,) = [link for link in page.links if link.endswith("/end/") and link != reverse("account_end_other_sessions")]
    assert "Firefox, Windows" in main_of(here.get(url)).text
    here.post(url)
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert AuditEvent.objects.first().type == "session.ended_elsewhere"


def test_one_ends_all_others_at_once(user):
    """ASVS 7.4.3, 7.5.2."""
    here, others = client_of(user), [client_of(user) for _ in range(3)]
    stranger = client_of(make_user())
    here.post(reverse("account_end_other_sessions"))
    assert [is_signed_in(each) for each in (here, *others, stranger)] == [True, False, False, False, True]
    assert AuditEvent.objects.first().details == {"count": 3}


def test_ending_sessions_needs_a_recent_proof(user):
    """ASVS 7.5.2: who found a browser open does not sign its owner out everywhere else."""
    here, there = client_of(user), client_of(user)
    let_the_proof_age(here)
    (other,) = sessions.sessions_of(user).exclude(pk=at_rest(here.session.session_key))
    for url in (reverse("account_end_session", args=[other.pk]), reverse("account_end_other_sessions")):
        for answer in (here.get(url), here.post(url)):
            assert "Confirm that it is you" in main_of(answer).text
    assert is_signed_in(there)


def test_a_session_that_is_over_is_forgotten_at_the_next_sign_in(user, clock):
    """ASVS 14.2.7: with it, from where and with which browser somebody was there."""
    client_of(user)
    still_there = client_of(make_user())
    clock(minutes=14)
    assert is_signed_in(still_there)
    clock(minutes=2)
    type_password(Client(), make_user())
    assert not Session.objects.filter(user=user).exists()
    assert is_signed_in(still_there)


def test_nobody_ends_the_session_of_another(user):
    client_of(user)
    (row,) = Session.objects.all()
    stranger = client_of(make_user())
    assert stranger.post(reverse("account_end_session", args=[row.pk])).status_code == 404
    assert sessions.sessions_of(user).exists()


def test_a_new_second_factor_signs_out_everywhere_else(user):
    """ASVS 7.4.3: whoever was in before it has to show it."""
    here, there = client_of(user), client_of(user)
    before = here.session.session_key
    make_passkey(here, Device())
    assert is_signed_in(here)
    assert here.session.session_key != before
    assert not is_signed_in(there)


def test_a_password_that_was_reset_signs_out_everywhere(user):
    client = client_of(user)
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with request_context(request):
        SignInAdapter().set_password(user, "another long password")
    assert not is_signed_in(client)
    assert not sessions.sessions_of(user).exists()


@pytest.mark.parametrize("began_at", [None, "", "long ago", [], -1])
def test_a_session_without_a_beginning_has_ended(user, began_at):
    client = client_of(user)
    session = client.session
    session["began_at"] = began_at
    session.save()
    assert not is_signed_in(client)


def test_one_that_nobody_has_signed_in_with_is_kept_for_an_hour(user, clock):
    client = Client()
    give_app(user)
    type_password(client, user)
    assert Session.objects.get().user is None
    clock(minutes=61)
    assert client.get(reverse("mfa_authenticate")).headers["Location"] == reverse("account_login")


def test_the_hash_has_160_bits():
    assert len(at_rest("a")) == 40
    assert at_rest("a") != at_rest("b")
