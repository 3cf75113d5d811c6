"""Everything people and machines do with secrets: signing in, inviting, making tokens and keys, asking, typing."""

import io
import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse

from accounts import public_ids
from accounts.models import Entity, Invitation
from accounts.signin import codes
from tests.accounts.invited import LINK, NEW
from tests.accounts.signin.typing import code_of as six_digits
from tests.accounts.signin.typing import give_app, sealed_in
from tests.accounts.test_stepup import answered
from tests.factories import (
    PASSWORD,
    make_administrator,
    make_entity,
    make_gateway,
    make_invitation,
    make_token,
    make_user,
)
from tests.faults import code_of
from tests.processes import ROOT
from tests.reading import client_of, let_the_proof_age
from tests.tokens.keys.conftest import House
from tests.tokens.keys.conftest import house as house  # noqa: PLC0414  a fixture here as well
from tests.tokens.keys.messages import SIGN, VERIFY, about, in_headers, post
from tests.tokens.keys.test_reading import PATH, READER
from tests.tokens.questions import ask
from tests.tokens.test_introspect import introspect
from tokens import formats, vault
from tokens.keys import lifecycle as keys
from tokens.keys.slots import SLOTS

Scenario = Iterator[list[str]]
"""Prepares what it needs, yields the secrets that are known by then, and goes on while it is watched, step by step."""

RAW = {"raise_request_exception": False}
FRESH = "another long password, quite new"

DRAWING = {
    code_of(formats.mint): lambda minted: [minted.secret],
    code_of(formats.write): lambda text: [text],
    code_of(keys._random_hmac_key): lambda key: [key],
    code_of(keys._random_password): lambda password: [password],
    code_of(codes.new_secret): lambda secret: [secret],
    code_of(codes.new_recovery_codes): lambda fresh: fresh,
    code_of(public_ids.random_text): lambda text: [text] if len(text) > 40 else [],
    code_of(PasswordResetTokenGenerator.make_token): lambda key: [key],
}


def last_link(pattern: str = r"http://testserver(\S+)") -> str:
    return re.search(pattern, mail.outbox[-1].body)[1]


def signing_in(house: House, told: list) -> Scenario:
    """By password, right and wrong, with a code from an app, with a recovery code, and with a proof in between."""
    user = house.developer
    secret, recovery = give_app(user)
    yield [PASSWORD, FRESH, secret, *recovery]
    for second in (six_digits(secret), recovery[0], FRESH):
        client = Client(**RAW)
        told.append(client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}))
        yield []
        told.append(client.post(reverse("mfa_authenticate"), {"code": second}))
        yield []
    told.append(Client(**RAW).post(reverse("account_login"), {"login": user.email, "password": FRESH}))
    yield []


def proving(house: House, told: list) -> Scenario:
    """The step-up: a password, and a recovery code, beside a form that waits."""
    people = [house.developer, make_administrator(house.merchant)]
    _secret, recovery = give_app(people[1])
    yield [PASSWORD, *recovery]
    url = reverse("tokens:key_reveal", args=[house.merchant.entity_id, "encryption"])
    for user, field, proof in [(people[0], "proof-password", PASSWORD), (people[1], "proof-code", recovery[0])]:
        client = client_of(user, **RAW)
        let_the_proof_age(client)
        told.append(client.post(url, answered(client.get(url)) | {field: [proof], "proof-password": [PASSWORD]}))
        yield []


def changing_passwords(house: House, told: list) -> Scenario:
    """Beside the present one, by a link from a mail, and one that is refused."""
    client, user = client_of(house.developer, **RAW), make_user(email="forgetful@test.example")
    yield [PASSWORD, FRESH]
    fields = {"oldpassword": PASSWORD, "password1": FRESH, "password2": FRESH}
    told.append(client.post(reverse("account_change_password"), fields | {"oldpassword": FRESH}))
    yield []
    told.append(client.post(reverse("account_change_password"), fields))
    yield []
    with override_settings(BREACHED_PASSWORDS=ROOT / "pyproject.toml"):
        told.append(client.post(reverse("account_change_password"), fields | {"oldpassword": FRESH}))
        yield []
    browser = Client(**RAW)
    told.append(browser.post(reverse("account_reset_password"), {"email": user.email}))
    yield []
    told.append(browser.get(last_link()))
    yield []
    told.append(browser.post(told[-1].headers["Location"], {"password1": FRESH, "password2": FRESH}))
    yield []


def setting_factors_up(house: House, told: list) -> Scenario:
    """An authenticator app, wrong code first, and new recovery codes."""
    client = client_of(house.developer, **RAW)
    yield []
    url = reverse("account_add_app")
    secret, sealed = sealed_in(client.get(url))
    for code in ("000000", six_digits(secret)):
        told.append(client.post(url, {"sealed": sealed, "code": code}))
        yield []
    del told[-2:]  # they show the secret, as they should
    client.post(reverse("account_recovery_codes"))
    yield []


def inviting(house: House, told: list) -> Scenario:
    """The form, the mail, the link, and who accepts with it."""
    by = make_administrator(house.merchant)
    invitation, secret = make_invitation(house.merchant, by=by)
    yield [secret, NEW["password"]]
    client, browser = client_of(by, **RAW), Client(**RAW)
    url = reverse("accounts:invite", args=[house.merchant.entity_id])
    told.append(client.post(url, {"email": "nora@shop.example", "role": "viewer"}))
    yield []
    told.append(browser.get(LINK.search(mail.outbox[-1].body)[1]))
    yield []
    told.append(browser.post(reverse("accept_invitation"), NEW))
    yield []
    told.append(client.post(reverse("accounts:resend", args=[invitation.invitation_id])))
    yield []
    assert Invitation.objects.count() == 2


def typed() -> dict:
    return {
        "mode": "live",
        "alias": "Canary",
        "permissions": ["customer.view"],
        "form_key": str(uuid4()),
        "overlap": "0",
    }


def making_tokens(house: House, told: list) -> Scenario:
    """On every page that shows one, and by the commands. Their answers hold the token, and are not looked at."""
    merchant, token = house.merchant, make_token(house.merchant)[0]
    terminal = make_entity("terminal", under=house.channel)
    client = client_of(make_administrator(merchant), **RAW)
    yield []
    client.post(reverse("tokens:add", args=[merchant.entity_id]), typed())
    yield []
    for verb in ("duplicate", "rotate"):
        client.post(reverse(f"tokens:{verb}", args=[token.key_id]), typed())
        yield []
    client.post(reverse("tokens:add_sdk", args=[merchant.entity_id]), typed() | {"subject": "entity"})
    yield []
    client.post(reverse("tokens:fleet_issue", args=[merchant.entity_id]), typed() | {"terminal": [terminal.entity_id]})
    yield []
    call_command("issue_token", merchant.entity_id, stdout=io.StringIO(), stderr=io.StringIO())
    yield []
    call_command("create_gateway", "Canary", stdout=io.StringIO(), stderr=io.StringIO())
    yield []


def using_keys(house: House, told: list) -> Scenario:
    """Every verb of the five slots, on its page where it has one; a signature that is looked into; a new vault key."""
    client, merchant = client_of(house.developer, **RAW), house.merchant
    signed = post(SIGN, about(merchant), b"{}", gateway=house.gateway_secret).told
    signed = {name.removeprefix("webhook-").replace("id", "message_id"): value for name, value in signed.items()}
    yield [*house.secrets.values(), *settings.VAULT_KEYS.values()]
    told.append(client.post(address("signature", merchant), signed | {"payload": "{}"}))
    yield []
    client.post(address("reveal", merchant, "encryption"))
    yield []
    for slot in ("encryption", "rest_secondary"):
        key = house.key(slot)
        for verb in ("renew", "revoke", "create"):
            form = {"key_id": key.key_id, "slot": str(SLOTS[slot].label), "note": "canary"}
            client.post(address(verb, merchant, slot), form)
            yield []
            key = house.key(slot) if verb == "renew" else key
    keys.promote(merchant, mode="live", by=house.developer)
    yield []
    with override_settings(VAULT_KEYS=settings.VAULT_KEYS | {9: bytes(range(32))}):
        list(vault.rotate(by=house.developer))


def address(verb: str, merchant: Entity, *slot: str) -> str:
    return reverse(f"tokens:key_{verb}", args=[merchant.entity_id, *slot])


def asking_as_gateways_do(house: House, told: list) -> Scenario:
    """The decision, the introspection, signatures and keys."""
    _token, secret = make_token(house.merchant)
    _gateway, core = make_gateway(permissions=READER)
    signed = in_headers(post(SIGN, about(house.merchant), b"{}", gateway=core).told)
    yield [secret, core, house.gateway_secret, *house.secrets.values()]
    query = "mode=live&permission=customer.view"
    told.append(ask(query, X_Keyhouse_Gateway=core, Authorization=f"Bearer {secret}"))
    yield []
    told.append(introspect(f"token={secret}", gateway=core))
    yield []
    told.append(post(SIGN, about(house.merchant), b"{}", gateway=core))
    yield []
    told.append(post(VERIFY, about(house.merchant), b"{}", gateway=core, **signed))
    yield []
    answer = post(PATH, about(house.merchant) + "&slot=encryption", gateway=core)
    told += [answer] if answer.status != HTTPStatus.OK else []


def typing_at_a_shell(house: House, told: list) -> Scenario:
    """What operators' commands read from standard input."""
    _token, secret = make_token(house.merchant)
    yield [secret, FRESH]
    for words, line in [(["verify_token"], secret), (["create_administrator", "ann@test.example"], FRESH)]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line.encode() + b"\n")))
            call_command(*words, stdout=io.StringIO(), stderr=io.StringIO())
            yield []


SCENARIOS = [
    signing_in,
    proving,
    changing_passwords,
    setting_factors_up,
    inviting,
    making_tokens,
    using_keys,
    asking_as_gateways_do,
    typing_at_a_shell,
]
