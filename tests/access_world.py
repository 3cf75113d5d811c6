"""The world in which every URL is asked for: what is there, who is signed in, what an address names, what is typed."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import Entity
from accounts.permissions import Role
from accounts.signin import factors, sessions
from tests.access_matrix import PERSONAS
from tests.accounts.signin.device import Device, make_passkey
from tests.factories import SETUP, make_entity, make_invitation, make_merchant, make_token, make_user, put_into
from tests.reading import client_of
from tokens import rotation
from tokens.keys import lifecycle as keys
from tokens.keys.slots import SLOTS
from tokens.models import Token

MISSING_ENTITY, MISSING_KEY = "mer_0000000000000000", "0000000000000000"


def make_world() -> dict:
    """Return the entities, tokens and signed-in clients of two partners who know nothing of each other."""
    northwind, southgate = make_entity("partner", "Northwind Payments"), make_entity("partner", "Southgate Acquiring")
    harbour = make_entity("company", "Harbour Group", under=northwind)
    aurora, borealis = make_merchant("Aurora Coffee", under=harbour), make_merchant("Borealis Books", under=southgate)
    stores = make_entity("channel", "Stores", under=aurora)
    till = make_entity("terminal", "Till 1", under=stores)
    make_entity("terminal", "Till 2", under=stores)
    tills = {aurora: till, borealis: make_entity("terminal", "Front desk", under=borealis)}
    people = {
        "platform": make_user(Role.PLATFORM_ADMINISTRATOR),
        "support": make_user(Role.SUPPORT),
        "partner": make_user(Role.ADMINISTRATOR, on=northwind),
        "merchant": make_user(Role.ADMINISTRATOR, on=aurora),
        "developer": make_user(Role.DEVELOPER, on=aurora),
        "viewer": make_user(Role.VIEWER, on=aurora),
        "terminal": make_user(Role.TERMINAL_OPERATOR, on=till),
        "sdk_user": make_user(Role.SDK_USER, on=aurora),
        "rival": make_user(Role.ADMINISTRATOR, on=borealis),
    }
    clients = {name: client_of(people.get(name), raise_request_exception=False) for name in PERSONAS}
    tokens = {
        (merchant, status): put_into(make_token(merchant, alias=f"{merchant.name} {status}")[0], status)
        for merchant in (aurora, borealis)
        for status in ("active", "inactive")
    }
    for merchant in (aurora, borealis):
        tokens[merchant, "retiring"] = fill(merchant, tills[merchant])
    make_passkey(clients["merchant"], Device())
    colleagues = {merchant: make_user(Role.VIEWER, on=merchant) for merchant in (aurora, borealis)}
    invited = {merchant: make_invitation(merchant, by=people["platform"])[0] for merchant in (aurora, borealis)}
    return {"aurora": aurora, "borealis": borealis, "harbour": harbour, "people": people, "clients": clients} | {
        "tokens": tokens,
        "colleagues": colleagues,
        "invited": invited,
        "tills": tills,
        "keys": keys.keys_of(aurora, "live"),
    }


def fill(merchant: Entity, till: Entity) -> Token:
    """Give a merchant integration keys, a token that retires, which is returned, and its terminal an SDK token."""
    for slot in ("encryption", "hmac_primary", "hmac_secondary"):
        keys.create(merchant, SLOTS[slot], mode="live", by=SETUP)
    retiring, _secret = make_token(merchant, alias=f"{merchant.name} retiring")
    rotation.rotate(retiring, overlap=None, by=SETUP)
    make_token(till, kind="sdk", alias=f"{merchant.name} till")
    return retiring


def urls(resolver: URLResolver, namespace: str = "") -> set[str]:
    found = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            found |= urls(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
        elif isinstance(pattern, URLPattern) and pattern.name:
            found.add(namespace + pattern.name)
    return found


STATUS_FOR = {"reactivate": "inactive", "revoke": "inactive", "remove": "inactive"}
STATUS_FOR |= {"extend": "retiring", "end": "retiring", "cancel": "retiring"}
"""Verb of a token -> the state in which it can be done, where that is not active."""


OF_MERCHANT = {
    "account_rename_passkey": lambda person: factors.passkeys_of(person).get().pk,
    "account_remove_factor": lambda person: factors.passkeys_of(person).get().pk,
    "account_end_session": lambda person: sessions.sessions_of(person).last().pk,
}
"""What belongs to the persona *merchant* alone, and how an address names it."""


def address(name: str, world: dict, merchant: Entity | None) -> str:
    """Return the URL `name` for an object of `merchant`, or for one that does not exist."""
    if name in {"portal:entity", "tokens:developers", "tokens:add", "tokens:export"} or name in BY_ENTITY:
        entity = world["tills"][merchant] if merchant and name == "tokens:lost_device" else merchant
        return reverse(name, args=[entity.entity_id if entity else MISSING_ENTITY]) + ASKED.get(name, "")
    if name in BY_SLOT:
        return reverse(name, args=[merchant.entity_id if merchant else MISSING_ENTITY, BY_SLOT[name]])
    if name.startswith("tokens:") and name in OF_SOMEBODY:
        status = STATUS_FOR.get(name.split(":")[1], "active")
        return reverse(name, args=[world["tokens"][merchant, status].key_id if merchant else MISSING_KEY])
    if name in OF_MERCHANT:
        return reverse(name, args=[OF_MERCHANT[name](world["people"]["merchant"])])
    if name in BY_MEMBERSHIP:
        member = world["colleagues"][merchant].memberships.get() if merchant else None
        return reverse(name, args=[member.membership_id if member else "mem_0000000000000000"])
    if name in BY_INVITATION:
        invitation = world["invited"][merchant].invitation_id if merchant else "inv_0000000000000000"
        return reverse(name, args=[invitation, *(["x" * 43] if name == "invitation" else [])])
    if name in BY_PERSON:
        return reverse(name, args=[world["colleagues"][merchant].person_id if merchant else "usr_0000000000000000"])
    if name == "account_reset_password_from_key":
        return reverse(name, args=["1", "set-password"])
    if name.startswith("admin:"):
        return admin_address(name, world, merchant)
    return reverse(name)


def admin_address(name: str, world: dict, merchant: Entity | None) -> str:
    if name == "admin:app_list":
        return reverse(name, args=["tokens"])
    if name == "admin:view_on_site":
        return reverse(name, args=[ContentType.objects.get_for_model(Entity).pk, merchant.pk])
    if name.rsplit("_", 1)[-1] in {"history", "delete", "change"} and name != "admin:password_change":
        row = {
            "accounts_entity": lambda: merchant,
            "accounts_user": lambda: world["people"]["merchant"],
            "accounts_membership": world["people"]["merchant"].memberships.get,
            "accounts_auditevent": lambda: type("First", (), {"pk": 1}),
            "tokens_token": lambda: world["tokens"][merchant, "active"],
        }[name.split(":")[1].rsplit("_", 1)[0]]()
        return reverse(name, args=[row.pk])
    return reverse(name)


ABOUT_AN_ENTITY = "branch users activity activity_export add edit move suspend reactivate invite import_below"
BY_ENTITY = {f"accounts:{verb}" for verb in ABOUT_AN_ENTITY.split()}
BY_ENTITY |= {f"tokens:{name}" for name in ("key_promote", "key_signature", "add_sdk", "fleet", "fleet_issue")}
BY_ENTITY |= {"tokens:lost_device", "tokens:fleet_recall"}
ASKED = {"tokens:fleet_issue": "?all=1"}
"""URL -> what its address says besides, where there is nothing to ask about otherwise."""
BY_SLOT = {
    "tokens:key_create": "rest_primary",
    "tokens:key_renew": "encryption",
    "tokens:key_revoke": "hmac_secondary",
    "tokens:key_reveal": "hmac_primary",
}
"""URL of a verb of a slot -> a slot in which it can be done."""

BY_MEMBERSHIP = {"accounts:change_role", "accounts:remove"}
BY_INVITATION = {"accounts:resend", "accounts:withdraw", "invitation"}
BY_PERSON = {"portal:person", "disable_person", "enable_person"}
HAS_OBJECT = (
    BY_ENTITY
    | BY_MEMBERSHIP
    | BY_PERSON
    | BY_INVITATION - {"invitation"}
    | {"portal:entity", "tokens:developers", "tokens:add", "tokens:export"}
)


OF_SOMEBODY = HAS_OBJECT | {n for n in urls(get_resolver()) if n.startswith("tokens:")} - {"tokens:my_sdk_tokens"}


def typed(name: str, world: dict) -> dict[str, str]:
    """Return what somebody who may do it would send in the form of the URL `name`."""
    wanted = {"mode": "live", "alias": "New", "permissions": ["customer.view"]}
    wanted["form_key"] = "7b1a3e0e-5d6e-4b6e-9f9a-0a4c0f3b1c2d"
    confirmed = {"confirmed": "yes", "form_key": wanted["form_key"]}
    return {
        "accounts:add": {"kind": "channel", "name": "Pop-up shop"},
        "accounts:add_top": {"kind": "partner", "name": "Westfield Payments"},
        "accounts:import_below": {"content": "name,kind\nPop-up shop,channel"} | confirmed,
        "accounts:import_at_top": {"content": "name,kind\nWestfield,partner"} | confirmed,
        "accounts:edit": {"name": "Aurora Coffee Roasters"},
        "accounts:move": {"destination": "Northwind Payments"},
        "accounts:invite": {"email": "new@test.example", "role": "viewer"},
        "accounts:invite_to_platform": {"email": "new@test.example", "role": "support"},
        "accounts:change_role": {"role": "developer"},
        "add_merchant": {"name": "Delta Flowers", "parent": "Harbour Group"},
        "tokens:add": wanted,
        "tokens:duplicate": wanted,
        "tokens:add_sdk": wanted | {"subject": "entity"},
        "tokens:fleet_issue": wanted | {"all": "1"},
        "tokens:edit": {"alias": "Renamed"},
        "account_rename_passkey": {"name": "Renamed"},
        "tokens:rotate": {"overlap": "3600", "form_key": wanted["form_key"]},
        "tokens:extend": {"overlap": "3600"},
        "tokens:key_renew": {"key_id": world["keys"]["encryption"].key_id},
        "tokens:key_promote": {"keys": keys.written(world["keys"])},
        "tokens:key_revoke": {"key_id": world["keys"]["hmac_secondary"].key_id},
        "tokens:key_signature": {"signature": "v1,AAAA"},
    }.get(name, {})


def send(client: Client, method: str, url: str, data: dict[str, str]):
    """Send one request and undo whatever it did."""
    with undone(client):
        response = client.get(url) if method == "GET" else client.post(url, data)
        if response.streaming:
            response = HttpResponse(response.getvalue(), status=response.status_code, headers=response.headers)
    return response


@contextmanager
def undone(client: Client) -> Iterator[None]:
    """Undo what is done in the block: what the database has of it, and what `client` remembers."""
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    client.cookies = cookies
