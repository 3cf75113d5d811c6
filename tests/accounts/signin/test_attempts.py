"""Ten tries, then half an hour of silence: for one person from one address, and for nobody else.

PCI DSS 4.0: 8.3.4; OWASP ASVS 5.0: 6.1.1, 6.3.1, 6.3.8; TRAPS: a locked-out account must not block another one, and
lockout must not trust a spoofed X-Forwarded-For.
"""

import statistics
from collections.abc import Callable
from datetime import timedelta
from time import thread_time

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import origin
from accounts.models import AuditEvent, User
from accounts.signin import attempts, factors
from accounts.signin.models import Tries
from tests.accounts.elsewhere import Elsewhere
from tests.accounts.signin.typing import code_of, give_app, is_signed_in, type_code, type_password
from tests.factories import PASSWORD, make_user
from tests.reading import main_of

WRONG = "not the password of anybody"
HOME, CAFE = {"REMOTE_ADDR": "192.0.2.7"}, {"REMOTE_ADDR": "198.51.100.9"}


@pytest.fixture
def user(db) -> User:
    return make_user(email="dana@test.example")


def lets_in(user: User, password: str = PASSWORD, **headers: str) -> bool:
    client = Client()
    type_password(client, user, password, **headers)
    return is_signed_in(client)


def fail(user: User | str, times: int = attempts.MOST, **headers: str) -> None:
    for _ in range(times):
        cache.clear()  # the limit of a minute for everything from one address is not what is tried here
        type_password(Client(), user, WRONG, **headers)


@pytest.fixture
def evaluated(monkeypatch) -> list[str]:
    """Return, as it grows, whose password was compared with what was typed."""
    found: list[str] = []
    check = User.check_password

    def check_and_tell(user: User, password: str) -> bool:
        found.append(user.email)
        return check(user, password)

    monkeypatch.setattr(User, "check_password", check_and_tell)
    return found


@pytest.fixture
def argon2(monkeypatch) -> list[str]:
    """Return, as it grows, how often Argon2 was at work."""
    found: list[str] = []
    for name in ("encode", "verify"):
        work = getattr(Argon2PasswordHasher, name)

        def work_and_tell(self, *args, name: str = name, work: Callable = work):
            found.append(name)
            return work(self, *args)

        monkeypatch.setattr(Argon2PasswordHasher, name, work_and_tell)
    return found


def test_the_tenth_try_may_still_be_right(user):
    fail(user, 9, **HOME)
    assert lets_in(user, **HOME)


def test_after_ten_wrong_ones_the_right_one_does_not_let_in(user, evaluated):
    fail(user, **HOME)
    assert len(evaluated) == 10
    assert not lets_in(user, **HOME)
    assert len(evaluated) == 10


def test_a_right_one_begins_anew(user):
    fail(user, 9, **HOME)
    assert lets_in(user, **HOME)
    fail(user, 9, **HOME)
    assert lets_in(user, **HOME)


def test_the_same_person_elsewhere_is_not_locked(user):
    fail(user, **CAFE)
    assert lets_in(user, **HOME)


def test_somebody_else_at_the_same_address_is_not_locked(user):
    fail(user, **HOME)
    cache.clear()
    assert lets_in(make_user(), **HOME)


def test_it_lasts_half_an_hour_and_trying_on_does_not_make_it_longer(user, time_machine):
    began = timezone.now()
    time_machine.move_to(began, tick=False)
    fail(user, **HOME)
    time_machine.move_to(began + timedelta(minutes=29, seconds=59), tick=False)
    assert not lets_in(user, **HOME)
    time_machine.move_to(began + timedelta(minutes=30), tick=False)
    assert lets_in(user, **HOME)


def test_a_try_now_and_then_counts_too(user, time_machine):
    """PCI DSS 8.3.4: ten tries, however slowly; a pause of half an hour forgets them."""
    began = timezone.now()
    for number in range(10):
        time_machine.move_to(began + timedelta(minutes=29 * number), tick=False)
        fail(user, 1, **HOME)
    assert not lets_in(user, **HOME)


def test_a_forged_x_forwarded_for_changes_nothing(user):
    for number in range(10):
        fail(user, 1, **HOME, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert not lets_in(user, **HOME, HTTP_X_FORWARDED_FOR="203.0.113.99")


def test_behind_our_proxy_what_it_appended_counts(user, settings):
    settings.BEHIND_PROXY, settings.ALLAUTH_TRUSTED_PROXY_COUNT = True, 1
    for number in range(10):
        fail(user, 1, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}, 192.0.2.7")
    assert not lets_in(user, HTTP_X_FORWARDED_FOR="203.0.113.99, 192.0.2.7")
    assert lets_in(user, HTTP_X_FORWARDED_FOR="192.0.2.7, 198.51.100.9")


def test_a_network_of_ipv6_is_one_address(user):
    for number in range(10):
        fail(user, 1, REMOTE_ADDR=f"2001:db8:1:2::{number:x}")
    assert not lets_in(user, REMOTE_ADDR="2001:db8:1:2:ffff::1")
    assert lets_in(user, REMOTE_ADDR="2001:db8:1:3::1")


def test_however_the_address_is_spelt_it_is_one_person(user):
    for spelling in ("dana@test.example", "DANA@test.example", " dana@test.example ") * 4:
        fail(spelling, 1, **HOME)
    assert not lets_in(user, **HOME)


def test_unknown_wrong_and_locked_are_told_in_the_same_words(user):
    """ASVS 6.3.8."""
    fail(user, **CAFE)
    pages = [
        type_password(Client(), "nobody@test.example", WRONG, **HOME),
        type_password(Client(), user, WRONG, **HOME),
        type_password(Client(), user, WRONG, **CAFE),
        type_password(Client(), user, PASSWORD, **CAFE),
    ]
    assert {page.status_code for page in pages} == {200}
    assert len({main_of(page).text for page in pages}) == 1


def test_each_of_them_costs_one_argon2(user, argon2):
    """ASVS 6.3.8: the expensive part is done once, whoever was asked for."""
    fail(user, **CAFE)
    for email, headers in (("nobody@test.example", HOME), (user, HOME), (user, CAFE)):
        argon2.clear()
        type_password(Client(), email, WRONG, **headers)
        assert len(argon2) == 1, email


def test_unknown_wrong_and_locked_take_the_same_time(user):
    """ASVS 6.3.8: medians of tries in turns are within five milliseconds of work, whatever else the machine does."""
    fail(user, **CAFE)
    tries = {"unknown": ("nobody@test.example", HOME), "wrong": (user, HOME), "locked": (user, CAFE)}
    took: dict[str, list[float]] = {name: [] for name in tries}
    client = Client()
    for turn in range(30):
        cache.clear()
        attempts.forget(attempts.Kind.PASSWORD, user.email, HOME["REMOTE_ADDR"])
        for name in sorted(tries, key=lambda name: hash((turn, name))):
            email, headers = tries[name]
            began = thread_time()
            type_password(client, email, WRONG, **headers)
            took[name].append(thread_time() - began)
    medians = {name: statistics.median(times) for name, times in took.items()}
    assert max(medians.values()) - min(medians.values()) < 0.005, medians


@pytest.mark.django_db(transaction=True)
def test_of_fifty_tries_at_once_ten_are_evaluated(evaluated):
    """PCI DSS 8.3.4: counted before they are looked at."""
    user = make_user()

    def try_once() -> int:
        return type_password(Client(), user, WRONG, **HOME).status_code

    with Elsewhere(threads=16) as elsewhere:
        answers = [each.result(timeout=120) for each in [elsewhere.start(try_once) for _ in range(50)]]
    assert set(answers) == {200}
    assert len(evaluated) == 10
    assert not lets_in(user, **HOME)


def test_codes_are_counted_too_and_a_right_password_does_not_make_up_for_them(user):
    secret, _ = give_app(user)
    client = Client()
    for _ in range(10):
        cache.clear()
        type_password(client, user, **HOME)
        type_code(client, "000000", **HOME)
    assert "not right" in main_of(type_code(client, code_of(secret), **HOME)).text
    elsewhere = Client()
    type_password(elsewhere, user, **CAFE)
    type_code(elsewhere, code_of(secret), **CAFE)
    assert is_signed_in(elsewhere)


def test_codes_of_one_person_have_a_limit_for_the_whole_world_that_lasts_a_day(user, time_machine):
    """PCI DSS 8.3.4, NIST SP 800-63B 3.2.2: twenty tries, from however many addresses."""
    began = timezone.now()
    time_machine.move_to(began, tick=False)
    for number in range(20):
        assert attempts.admit(attempts.Kind.CODE, user.email, f"192.0.2.{number}")
    for later in (timedelta(0), timedelta(hours=23, minutes=59)):
        time_machine.move_to(began + later, tick=False)
        assert not attempts.admit(attempts.Kind.CODE, user.email, "198.51.100.1")
        assert attempts.admit(attempts.Kind.PASSWORD, user.email, "198.51.100.1")
    time_machine.move_to(began + timedelta(days=1), tick=False)
    assert attempts.admit(attempts.Kind.CODE, user.email, "198.51.100.1")


def test_its_owner_is_told_once_that_somebody_knows_the_password(user):
    """ASVS 6.3.5: also where no address tries ten times; and after a reset of the factors the count begins anew."""
    give_app(user)
    for number in range(attempts.MOST_OF_CODES + 2):
        cache.clear()
        client = Client()
        type_password(client, user, REMOTE_ADDR=f"192.0.2.{number}")
        type_code(client, "000000", REMOTE_ADDR=f"192.0.2.{number}")
    assert [message.subject for message in mail.outbox] == ["Keyhouse: Many failed sign-ins"]
    assert AuditEvent.objects.filter(type="session.locked").count() == 1
    assert not attempts.admit(attempts.Kind.CODE, user.email, "198.51.100.1")
    factors.reset(user, by=user)
    assert attempts.admit(attempts.Kind.CODE, user.email, "198.51.100.1")


def test_every_refusal_is_an_event_that_names_the_person_and_nothing_that_was_typed(user):
    """PCI DSS 4.0, 10.2.1.4, 10.2.2."""
    fail(user, **HOME)
    fail("my-secret-pass-phrase@oops.test", 1, **HOME)
    events = list(AuditEvent.objects.order_by("number"))
    assert {event.target for event in events[:11]} == {user.person_id}
    assert events[-1].target == ""
    assert {event.origin for event in events} == {"192.0.2.7"}
    assert "pass-phrase" not in str(list(AuditEvent.objects.values()) + list(Tries.objects.values()))


def test_what_is_over_is_cleared_away(user, time_machine):
    fail("nobody@test.example", 1, **CAFE)
    time_machine.move_to(timezone.now() + timedelta(hours=1))
    assert lets_in(user, **HOME)
    assert not Tries.objects.exists()


def test_too_much_from_one_address_is_told_as_a_page(user):
    """A minute's limit for everything from one address, whoever is tried."""
    pages = [type_password(Client(), f"somebody{number}@test.example", WRONG, **HOME) for number in range(61)]
    assert pages[-1].status_code == 429
    assert "Slow down" in main_of(pages[-1]).text
    assert reverse("account_login") not in main_of(pages[-1]).text


@pytest.mark.parametrize("written", ["::ffff:1.2.3.{}", "64:ff9b::1.2.3.{}"])
def test_ipv4_behind_a_listener_for_both_is_not_one_network(user, written):
    """PCI DSS 8.3.4: ten tries lock one client of IPv4 however its address is written, and not all of them."""
    fail(user, REMOTE_ADDR=written.format(4))
    assert not lets_in(user, REMOTE_ADDR=written.format(4))
    assert not lets_in(user, REMOTE_ADDR="1.2.3.4")
    assert lets_in(user, REMOTE_ADDR=written.format(5))
    assert AuditEvent.objects.filter(origin="1.2.3.4").count() >= 10


def test_an_address_that_a_translator_never_writes_is_no_address_of_ipv4():
    """RFC 6052, 3.1: nobody becomes the machine itself by writing 127.0.0.1 into IPv6."""
    assert str(origin.parse("64:ff9b::127.0.0.1")) == "64:ff9b::7f00:1"
    assert str(origin.parse("::ffff:127.0.0.1")) == "127.0.0.1"


def test_behind_our_proxy_a_mapped_address_is_unwrapped_too(user, settings):
    """PCI DSS 8.3.4, ASVS 15.3.4."""
    settings.BEHIND_PROXY, settings.ALLAUTH_TRUSTED_PROXY_COUNT = True, 1
    fail(user, HTTP_X_FORWARDED_FOR="::ffff:192.0.2.7")
    assert not lets_in(user, HTTP_X_FORWARDED_FOR="192.0.2.7")
    assert lets_in(user, HTTP_X_FORWARDED_FOR="::ffff:192.0.2.8")
