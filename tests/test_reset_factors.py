"""`manage.py reset_factors`: how somebody who has lost phone, key and recovery codes gets in again.

OWASP ASVS 5.0, 6.4.4, 6.5.6; PCI DSS 4.0, 8.3.3.
"""

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from tests.accounts.signin.typing import code_of, give_app, is_signed_in, type_code, type_password
from tests.commands import run
from tests.factories import make_user
from tests.reading import client_of

REASON = "--reason=Seen in person, passport checked"


@pytest.fixture
def user(db, settings) -> User:
    settings.REQUIRE_MFA = True
    return make_user(email="dana@test.example")


def test_a_lost_phone_opens_nothing_any_more_and_its_owner_sets_up_another(user):
    """ASVS 6.4.4, 6.5.6: the operator makes sure who asks, says how, and the owner hears of it."""
    secret, fresh = give_app(user)
    other, _ = give_app(somebody := make_user())
    before = client_of(user)
    code, out, _ = run("reset_factors", "Dana@test.example", REASON)
    assert (code, "sets up a new second factor" in out) == (0, True)
    assert not is_signed_in(before)
    client = Client()
    assert type_password(client, user).status_code == 302
    assert client.get("/").headers["Location"] == reverse("account_enrol")
    for used in (code_of(secret), fresh[0]):
        assert not is_signed_in(client)
        type_code(client, used)
    assert Authenticator.objects.filter(user=somebody).exists()
    assert other
    event = AuditEvent.objects.get(type="factor.reset")
    assert event.actor_label.startswith("manage.py reset_factors, run by ")
    assert (event.target, event.details["reason"]) == (user.person_id, "Seen in person, passport checked")
    assert [message.subject for message in mail.outbox] == ["Keyhouse: Second factor removed"]


def test_where_nothing_is_lost_nothing_is_taken(user):
    for words, sentence in [
        (("nobody@test.example", REASON), "Nobody signs in as nobody@test.example."),
        ((user.email, REASON), "dana@test.example has no second factor."),
        ((user.email, "--reason=\u202e"), "--reason: Leave out the invisible"),
    ]:
        code, _out, err = run("reset_factors", *words)
        assert code
        assert sentence in err
    assert not AuditEvent.objects.exists()


def test_without_a_reason_it_does_nothing(user):
    give_app(user)
    assert run("reset_factors", user.email)[0] == 1
    assert Authenticator.objects.filter(user=user).exists()
