"""Bad input of the forms about people, devices and imports: never a 500, and a bad form changes nothing."""

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, Entity, Invitation, Membership, User
from accounts.permissions import Role
from tests import access_world
from tests.accounts.signin.device import Device, make_passkey
from tests.factories import PASSWORD, make_entity, make_invitation, make_merchant, make_token, make_user
from tests.reading import client_of, let_the_proof_age
from tokens.models import Token

FORM = "application/x-www-form-urlencoded"
KEY = "7b1a3e0e-5d6e-4b6e-9f9a-0a4c0f3b1c2d"

BYTES = {
    "NUL": b"a%00b",
    "control characters": b"%01%07%1b%7f",
    "lone surrogate": b"a%ED%A0%80b",
    "no UTF-8": b"%FF%FE%C3",
    "bidi and invisible": b"%E2%80%AEa%E2%80%8B",
    "digits": b"9" * 5000,
    "minus": b"-1",
    "exponent": b"1e309",
    "digits of other scripts": "١٢٣".encode(),
    "very long": b"x" * 100_000,
    "beyond the first plane": "🏪".encode() * 2000,
    "markup": b"%3Cscript%3E%22%27",
    "quotes and percent": b"%27%22%25s%7B%7B",
    "deep JSON": b"[" * 5000,
    "nothing": b"",
}
"""What may stand in any field, as the bytes of the request."""


@pytest.fixture
def shop(kept_shop, undone) -> Iterator[dict]:
    with access_world.undone(kept_shop["client"]):
        yield kept_shop


@pytest.fixture(scope="module")
def kept_shop(kept_database) -> dict:
    """Return a merchant with everything that the forms are about, and its administrator's client."""
    merchant = make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))
    till = make_entity("terminal", "Till 1", under=merchant)
    make_token(till, kind="sdk")
    administrator = make_user(Role.PLATFORM_ADMINISTRATOR)
    client = client_of(administrator)
    make_passkey(client, Device())
    return {
        "merchant": merchant.entity_id,
        "till": till.entity_id,
        "member": make_user(Role.VIEWER, on=merchant).memberships.get().membership_id,
        "invitation": make_invitation(merchant, by=administrator)[0].invitation_id,
        "person": make_user(Role.VIEWER, on=merchant).person_id,
        "passkey": administrator.authenticator_set.get(type="webauthn").pk,
        "client": client,
    }


def forms(shop: dict) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the address of each form and what a good one would send."""
    sdk = {"mode": "test", "form_key": KEY}
    yield reverse("accounts:invite", args=[shop["merchant"]]), {"email": "new@test.example", "role": "viewer"}
    yield reverse("accounts:invite_to_platform"), {"email": "new@test.example", "role": "support"}
    yield reverse("accounts:change_role", args=[shop["member"]]), {"role": "developer"}
    yield reverse("accounts:remove", args=[shop["member"]]), {"reason": "Left"}
    yield reverse("accounts:withdraw", args=[shop["invitation"]]), {"any": "thing"}
    yield reverse("disable_person", args=[shop["person"]]), {"reason": "Left"}
    yield reverse("accounts:import_below", args=[shop["merchant"]]), {"content": "name,kind\nShop,channel"}
    yield reverse("accounts:import_at_top"), {"content": "name,kind\nShop,partner", "confirmed": "yes", "form_key": KEY}
    yield (
        reverse("tokens:add_sdk", args=[shop["merchant"]]),
        sdk
        | {
            "subject": "member",
            "member": "a@b.example",
            "alias": "Phone",
            "lifetime": "custom",
            "expires_on": "2030-01-01",
            "description": "",
            "networks": "192.0.2.0/24",
        },
    )
    yield (
        reverse("tokens:fleet_issue", args=[shop["merchant"]]),
        sdk | {"all": "1", "q": "till", "terminal": shop["till"], "lifetime": "", "description": ""},
    )
    yield reverse("tokens:fleet_recall", args=[shop["merchant"]]), {"reason": "Lost", "q": "till"}
    yield reverse("tokens:lost_device", args=[shop["till"]]), {"reason": "Taxi"}
    passwords = {"oldpassword": PASSWORD, "password1": "four green herons sing", "password2": "four green herons sing"}
    yield reverse("account_change_password"), passwords
    yield reverse("account_reset_password"), {"email": "a@b.example"}
    yield reverse("account_add_app"), {"sealed": "x", "code": "123456"}
    yield reverse("account_add_passkey"), {"name": "Key", "credential": "{}"}
    yield reverse("account_rename_passkey", args=[shop["passkey"]]), {"name": "Key"}


def contents() -> tuple:
    """Return what a bad form must leave as it is."""
    return (
        list(Entity.objects.order_by("pk").values_list("name", "parent", "status")),
        list(Membership.objects.order_by("pk").values_list("user", "role")),
        list(Invitation.objects.order_by("pk").values_list("email", "role")),
        list(Token.objects.order_by("pk").values_list("alias", "status")),
        list(User.objects.order_by("pk").values_list("email", "name", "is_active", "password")),
    )


def post(client: Client, address: str, fields: dict[str, str], field: str, value: bytes):
    others = {name: typed for name, typed in fields.items() if name != field}
    body = urlencode(others).encode() + b"&" + field.encode() + b"=" + value
    return client.post(address, body, content_type=FORM)


ANSWERS = {
    HTTPStatus.OK,
    HTTPStatus.FOUND,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


@pytest.mark.parametrize("what", BYTES)
def test_any_bytes_in_any_field_are_answered(shop, what):
    """S2-19, TRAPS (one odd byte is a 500): with that in one field and the others good, each form has an answer.

    What the database would not take or people could not read is refused, so that nothing holds it afterwards.
    """
    for address, fields in forms(shop):
        for field in fields:
            response = post(shop["client"], address, fields, field, BYTES[what])
            assert response.status_code in ANSWERS, (address, field, response.status_code)
    stored = repr(contents()) + repr(list(AuditEvent.objects.values_list("details", flat=True)))
    for unreadable in ("\\x00", "\\x07", "\\u202e", "\\ufffd", "\\ud800", "9" * 300, "x" * 501):
        assert unreadable not in stored


@pytest.mark.parametrize("what", ["NUL", "no UTF-8", "digits", "deep JSON"])
def test_a_bad_key_role_or_subject_changes_nothing(shop, what):
    """C9, S2-17: what is chosen and not typed is one of the choices, or nothing happens."""
    before = contents()
    for address, fields in forms(shop):
        for field in fields.keys() & {"role", "subject", "mode", "form_key", "email", "expires_on"}:
            assert (
                post(shop["client"], address, fields, field, BYTES[what]).status_code
                != HTTPStatus.INTERNAL_SERVER_ERROR
            )
            assert contents() == before, (address, field)


@pytest.mark.parametrize("what", BYTES)
def test_a_proof_of_any_bytes_is_asked_for_again(shop, what):
    """S2-19, ASVS 7.5.3: the step-up question itself, on a page that asks for one."""
    client, before = shop["client"], contents()
    let_the_proof_age(client)
    fields = {"email": "new@test.example", "role": "viewer", "proof": "1", "proof-password": "", "proof-code": ""}
    fields |= {"proof-credential": ""}
    for field in ("proof", "proof-password", "proof-code", "proof-credential"):
        address = reverse("accounts:invite", args=[shop["merchant"]])
        response = post(client, address, fields, field, BYTES[what])
        assert response.status_code in ANSWERS - {HTTPStatus.FOUND}, field
    assert contents() == before


@pytest.mark.parametrize("what", BYTES)
def test_any_bytes_in_the_address_of_a_list_are_a_page(shop, what):
    """S0-14: people, members, invitations, fleet and one's own tokens, whatever is searched or paged for."""
    for address, names in {
        reverse("portal:people"): ("q", "page"),
        reverse("portal:person", args=[shop["person"]]): ("before",),
        reverse("accounts:users", args=[shop["merchant"]]): ("q", "page", "invitations"),
        reverse("accounts:platform_users"): ("q", "page", "invitations"),
        reverse("tokens:fleet", args=[shop["merchant"]]): ("q", "state", "page"),
        reverse("tokens:my_sdk_tokens"): ("page",),
        reverse("tokens:developers", args=[shop["merchant"]]): ("q", "status", "sort", "page", "mode"),
        reverse("tokens:add_sdk", args=[shop["merchant"]]): ("from",),
    }.items():
        for name in names:
            response = shop["client"].get(f"{address}?{name}={BYTES[what].decode('ascii', 'ignore')}")
            assert response.status_code == HTTPStatus.OK, (address, name)
