"""Passkeys: made and used with the user verified, bound to our own origin, each challenge good once.

OWASP ASVS 5.0: 6.3.3, 6.5.1, 6.5.6, 6.5.7, 6.7.2; PCI DSS 4.0: 8.3.11, 8.4.2, 8.5.1.
"""

import json
from http import HTTPStatus

import pytest
from allauth.mfa.models import Authenticator
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from accounts.refusals import Refused
from accounts.signin import factors
from tests.accounts.signin.device import Device, make_passkey, options_in
from tests.accounts.signin.typing import is_signed_in, type_password
from tests.factories import make_user
from tests.reading import client_of, let_the_proof_age, main_of, read

ADD, LOGIN = reverse("account_add_passkey"), reverse("mfa_login_webauthn")
AS_SCRIPT = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def user(db) -> User:
    return make_user(email="dana@test.example", name="Dana")


@pytest.fixture
def device(user) -> Device:
    """Return the security key of `user`."""
    device = Device()
    assert make_passkey(client_of(user), device).status_code == HTTPStatus.OK
    return device


def sign_in_alone(client: Client, device: Device) -> HttpResponse:
    """Press *Sign in with a passkey*."""
    options = client.get(LOGIN, **AS_SCRIPT).json()["request_options"]
    return client.post(LOGIN, {"credential": json.dumps(device.get(options))})


def test_a_passkey_is_made_and_listed(user, device):
    page = main_of(client_of(user).get(reverse("account_factors"))).text
    assert "Laptop" in page
    assert "10 codes are left" in page
    assert Authenticator.objects.filter(type="webauthn", user=user).count() == 1


def test_it_signs_in_without_a_password(user, device):
    """ASVS 6.3.3: the device and what unlocks it are two factors in one."""
    client = Client()
    assert sign_in_alone(client, device).headers["Location"] == reverse("portal:dashboard")
    assert is_signed_in(client)
    assert AuditEvent.objects.first().details == {"used": ["webauthn"]}


def test_it_is_the_second_step_after_the_password(user, device):
    client = Client()
    page = client.get(type_password(client, user).headers["Location"])
    assert not is_signed_in(client)
    client.post(reverse("mfa_authenticate"), {"credential": json.dumps(device.get(options_in(page)))})
    assert is_signed_in(client)


def test_it_proves_who_one_is(user, device):
    """ASVS 7.5.3: before something weighty."""
    client = client_of(user)
    let_the_proof_age(client)
    url = reverse("account_recovery_codes")
    question = client.get(url)
    assert "proof-password" not in question.content.decode()
    proof = {"proof-asked_on": "GET", "proof-credential": json.dumps(device.get(options_in(question)))}
    assert client.post(url, proof).headers["Location"] == url
    assert "Make new recovery codes?" in main_of(client.get(url)).text


def test_a_device_that_does_not_verify_its_user_is_refused(user):
    """ASVS 6.5.7: what lies on the table is no second factor."""
    assert make_passkey(client_of(user), Device(verifies=False)).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert not factors.has_second_factor(user)


def test_nor_does_it_sign_in_when_it_stops_to_verify(user, device):
    device.flags = Device(verifies=False).flags
    client = Client()
    sign_in_alone(client, device)
    assert not is_signed_in(client)


@pytest.mark.parametrize("origin", ["https://testserver.evil.example", "http://testserver", "https://evil.example"])
def test_another_origin_is_refused(user, device, origin):
    """PCI DSS 4.0, 8.5.1: a page that looks like ours gets nothing that works here."""
    assert make_passkey(client_of(user), Device(origin=origin)).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    device.origin = origin
    client = Client()
    sign_in_alone(client, device)
    assert not is_signed_in(client)


def test_an_answer_is_good_once(user, device):
    """ASVS 6.7.2: the challenge is fresh each time."""
    first = Client()
    options = first.get(LOGIN, **AS_SCRIPT).json()["request_options"]
    answer = {"credential": json.dumps(device.get(options))}
    first.post(LOGIN, answer)
    assert is_signed_in(first)
    second = Client()
    second.get(LOGIN, **AS_SCRIPT)
    second.post(LOGIN, answer)
    assert not is_signed_in(second)
    assert len(options["publicKey"]["challenge"]) >= 43  # 256 bits


def test_a_stranger_with_the_same_handle_is_refused(user, device):
    forged = Device()
    forged.owner, forged.id = device.owner, device.id
    client = Client()
    sign_in_alone(client, forged)
    assert not is_signed_in(client)


def test_nobody_who_is_switched_off_gets_in(user, device):
    User.objects.update(is_active=False)
    client = Client()
    assert sign_in_alone(client, device).headers["Location"] == reverse("account_inactive")
    assert not is_signed_in(client)


def test_a_passkey_gets_another_name(user, device):
    client = client_of(user)
    url = reverse("account_rename_passkey", args=[factors.passkeys_of(user).get().pk])
    client.post(url, {"name": "Old laptop"})
    assert str(factors.passkeys_of(user).get()) == "Old laptop"
    assert AuditEvent.objects.first().details == {"before": "Laptop", "after": "Old laptop"}
    assert sign_in_alone(Client(), device).headers["Location"] == reverse("portal:dashboard")


def test_a_removed_passkey_opens_nothing_and_takes_the_codes_with_it(user, device):
    client = client_of(user)
    client.post(reverse("account_remove_factor", args=[factors.passkeys_of(user).get().pk]))
    assert not Authenticator.objects.exists()
    stranger = Client()
    sign_in_alone(stranger, device)
    assert not is_signed_in(stranger)
    assert AuditEvent.objects.filter(type="factor.removed").get().details == {"factor": "webauthn", "name": "Laptop"}


def test_there_is_an_end_to_passkeys(user):
    for number in range(factors.MOST_PASSKEYS):
        factors.add_passkey(user, name=str(number), credential={})
    with pytest.raises(Refused, match="the most a person may have"):
        factors.add_passkey(user, name="Too many", credential={})


@pytest.mark.parametrize("verb", ["rename_passkey", "remove_factor"])
def test_nobody_touches_the_passkey_of_another(user, device, verb):
    other = client_of(make_user())
    url = reverse(f"account_{verb}", args=[factors.passkeys_of(user).get().pk])
    for method in (other.get, other.post):
        assert method(url, {"name": "Mine"}).status_code == HTTPStatus.NOT_FOUND
    assert str(factors.passkeys_of(user).get()) == "Laptop"


COMPLETE = '{"id": "a", "rawId": "a", "type": "public-key", "response": {"userHandle": "MQ", %s}}'
ODD = [
    "",
    "null",
    "0",
    "true",
    '"text"',
    "[]",
    "{}",
    "[" * 10_000,
    "{" * 50_000,
    "1" * 5_000,
    '{"response": null}',
    '{"response": []}',
    '{"response": {"userHandle": 5}}',
    '{"response": {"userHandle": "\\ud800"}}',
    '{"response": {"userHandle": "////"}}',
    COMPLETE % '"clientDataJSON": "e30", "attestationObject": "oA"',
    COMPLETE % '"clientDataJSON": "bnVsbA", "attestationObject": "_w"',
    COMPLETE % '"clientDataJSON": "bnVsbA", "authenticatorData": "AA", "signature": "AA"',
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_what_no_browser_sends_is_refused_in_words(user, device, odd):
    """TRAPS: one odd byte is no 500, at any of the four places where a passkey is taken."""
    client = client_of(user)
    client.get(ADD)
    assert client.post(ADD, {"name": "Odd", "credential": odd}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    proof = {"proof-asked_on": "GET", "proof-credential": odd}
    assert client.post(ADD, proof).status_code == HTTPStatus.CONFLICT
    stranger = Client()
    stranger.get(LOGIN, **AS_SCRIPT)
    assert stranger.post(LOGIN, {"credential": odd}).status_code == HTTPStatus.FOUND
    type_password(stranger, user)
    stranger.get(reverse("mfa_authenticate"))
    assert stranger.post(reverse("mfa_authenticate"), {"credential": odd}).status_code == HTTPStatus.OK
    assert not is_signed_in(stranger)


def test_the_sign_in_page_offers_it(db):
    (form,) = read(Client().get(reverse("account_login"))).all("form", data_passkey="get")
    assert form.attributes["data-options-url"] == LOGIN
