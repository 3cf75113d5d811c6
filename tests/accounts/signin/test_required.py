"""A second factor for everybody: without one, only its set-up can be reached (PCI DSS 4.0, 8.4.2; ASVS 6.3.3)."""

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.permissions import Role
from accounts.refusals import Refused
from accounts.signin import factors
from tests.accounts.signin.typing import code_of, give_app, is_signed_in, sealed_in, type_code, type_password
from tests.factories import make_user
from tests.reading import HTMX, client_of, main_of

START = reverse("account_enrol")


@pytest.fixture(autouse=True)
def _required(settings):
    settings.REQUIRE_MFA = True


@pytest.fixture
def user(db) -> User:
    return make_user(Role.PLATFORM_ADMINISTRATOR)


def test_it_is_required_unless_somebody_says_otherwise(monkeypatch):
    """Neither the demo nor the tests need one: they say so."""
    source = (django_settings.BASE_DIR / "portal" / "settings.py").read_text(encoding="utf-8")
    assert 'REQUIRE_MFA = env.bool("KEYHOUSE_REQUIRE_MFA", not DEMO)' in source


def test_the_first_sign_in_leads_to_the_set_up_and_from_there_into_the_portal(user):
    client = Client()
    type_password(client, user)
    assert client.get("/").headers["Location"] == START
    page = client.get(START)
    assert "One more step" in main_of(page).text
    assert not [link for link in main_of(page).links if not link.startswith("/auth/")]
    secret, sealed = sealed_in(client.get(reverse("account_add_app")))
    answer = client.post(reverse("account_add_app"), {"sealed": sealed, "code": code_of(secret)})
    assert "Your recovery codes" in main_of(answer).text
    assert client.get("/").status_code == 200


def test_a_dialog_leads_there_as_a_whole_page(user):
    assert client_of(user).get("/", **HTMX).headers["HX-Redirect"] == START


def test_a_second_factor_is_enough_the_first_time_and_ever_after(user):
    secret, _ = give_app(user)
    client = Client()
    type_password(client, user)
    type_code(client, code_of(secret))
    assert is_signed_in(client)
    assert client.get(START).headers["Location"] == reverse("account_factors")


def test_the_last_one_cannot_be_removed(user):
    give_app(user)
    factor = factors.second_factors_of(user).get()
    with pytest.raises(Refused, match="your only second factor"):
        factors.remove(factor, by=user)
    factors.add_passkey(user, name="Laptop", credential={})
    factors.remove(factor, by=user)
    assert factors.second_factors_of(user).count() == 1


def test_somebody_whose_factors_were_taken_away_sets_up_a_new_one(user):
    _, fresh = give_app(user)
    factors.reset(user, by=user, reason="lost phone")
    assert factors.use_code(user, fresh[0]) is None
    client = Client()
    type_password(client, user)
    assert client.get("/").headers["Location"] == START


def test_nobody_signed_in_is_led_to_the_sign_in_page(db):
    assert Client().get("/").headers["Location"].startswith(reverse("account_login"))
