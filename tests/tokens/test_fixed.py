"""What is fixed about a token stays so, and what has ended stays ended, whichever way somebody tries.

Every address of the portal is asked with every method and with fields that name every column of a token, for a token in
every state; every command is run, every verb is called, and the database is told itself.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.core.management import get_commands
from django.db import IntegrityError, models, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.permissions import Role
from accounts.refusals import Refused
from tests import access_world, commands
from tests.factories import SETUP, make_entity, make_merchant, make_token, make_user, put_into
from tests.reading import client_of
from tests.tokens.conftest import stored
from tokens import lifecycle, rotation
from tokens.models import Token
from tokens.permissions import VIEW

NOW = datetime(2026, 11, 20, tzinfo=UTC)
STATES = ("active", "inactive", "expired", "retiring", "revoked", "removed")
ENDED = {"revoked", "removed"}
NEVER = {"id", "kind", "mode", "entity_id", "scope", "networks", "key_id", "pepper_id", "last4"}
NEVER |= {"user_id", "created_at", "created_by_id", "replaces_id"}
"""Columns of a token that nothing changes once it is there."""

STATUS, END = {"status"}, {"status", "digest", "ended_at"}
OVERLAP = {"alias", "expires_at", "retiring_since", "expiry_before"}
CHANGES = {
    "tokens:edit": {"alias", "description"},
    "tokens:deactivate": STATUS,
    "tokens:reactivate": STATUS,
    "tokens:condemn": END,
    "tokens:revoke": END,
    "tokens:remove": END,
    "tokens:rotate": OVERLAP,
    "tokens:extend": OVERLAP,
    "tokens:end": OVERLAP,
    "tokens:cancel": OVERLAP | STATUS,
}
"""URL -> what a POST to it may change about a token that was there before; every other one changes nothing."""

KNOWN = {"slot": "rest_primary", "app_label": "tokens", "content_type_id": 1, "uidb36": "1", "key": "set-password"}
KNOWN |= {"url": "admin/", "number": 1, "secret": "x" * 43}
"""What stands in an address for what is no token and no entity; anything else that one wants is missing, or a 1."""

VALID = {
    "tokens:edit": {"alias": "Renamed"},
    "tokens:rotate": {"overlap": "3600"},
    "tokens:extend": {"overlap": "604800"},
    "tokens:add": {"mode": "live", "alias": "New", "permissions": ["customer.view"]},
    "tokens:duplicate": {"mode": "live", "alias": "New", "permissions": ["customer.view"]},
}
"""URL -> what makes its form hold, so that what is forged comes with something that is done."""


class Ground:
    """A merchant with a token in every state, another merchant, and somebody who may do everything."""

    def __init__(self) -> None:
        partner = make_entity("partner", "Northwind Payments")
        self.merchant, self.other = make_merchant("Aurora Coffee", under=partner), make_merchant(under=partner)
        self.tokens = {state: self._make(state) for state in STATES}
        self.client = client_of(make_user(Role.PLATFORM_ADMINISTRATOR))
        self.client.raise_request_exception = False

    def _make(self, state: str) -> Token:
        over = timezone.now() - timedelta(hours=1) if state == "expired" else None
        token, _secret = make_token(self.merchant, alias=state, permissions=VIEW, expires_at=over)
        if state == "retiring":
            rotation.rotate(token, overlap=None, by=SETUP)
        return put_into(token, state if state in {"inactive", "revoked", "removed"} else "active")

    def forged(self) -> dict[str, object]:
        """Return a value that changes it for every column of a token, under every name that it could go by."""
        found: dict[str, object] = {}
        for field in Token._meta.concrete_fields:
            if isinstance(field, models.ForeignKey):
                value: object = self.other.pk
            elif isinstance(field, models.DateTimeField):
                value = NOW.isoformat()
            else:
                value = {"mode": "test", "kind": "sdk", "status": "active", "scope": "customer.edit"}.get(field.name, 7)
            found |= {field.name: value, field.attname: value}
        more = {"permissions": ["customer.edit"], "entity_id": self.other.entity_id, "key_id": "0" * 16}
        more |= {"action": "reactivate", "_method": "PUT", "state": "active", "is_active": "on", "form_key": uuid4()}
        return found | more | {"_selected_action": [token.pk for token in self.tokens.values()], "confirmed": "yes"}


@pytest.fixture(scope="module")
def kept_ground(kept_database) -> Ground:
    return Ground()


@pytest.fixture
def ground(kept_ground, undone) -> Ground:
    return kept_ground


def addresses(resolver: URLResolver, names: tuple[str, ...] = (), space: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yield (name, what its address wants) of every URL there is."""
    for each in resolver.url_patterns:
        wants = (*names, *each.pattern.converters, *getattr(each.pattern.regex, "groupindex", ()))
        if isinstance(each, URLResolver):
            yield from addresses(each, wants, f"{space}{each.namespace}:" if each.namespace else space)
        elif isinstance(each, URLPattern) and each.name:
            yield f"{space}{each.name}", set(wants)


EVERYWHERE = sorted({(name, tuple(sorted(wants))) for name, wants in addresses(get_resolver())})


def address(name: str, wants: tuple[str, ...], ground: Ground, token: Token) -> str:
    own = {"key_id": token.key_id, "entity_id": ground.merchant.entity_id, "object_id": token.pk}
    missing = {want: "any_0000000000000000" for want in wants if want.endswith("_id")}
    return reverse(name, kwargs={want: (missing | KNOWN | own).get(want, 1) for want in wants})


def rows() -> dict[int, dict]:
    return {token.pk: stored(token) for token in Token.objects.only("pk")}


def check(before: dict[int, dict], ground: Ground, may: set[str], *, removes: bool = False) -> None:
    """Fail where a token that was there has changed in what is fixed, in what `may` does not hold, or after its end."""
    after = rows()
    for pk, old in before.items():
        changed = {column for column in old if after[pk][column] != old[column]}
        assert not changed & NEVER
        assert changed <= may | ({"changed_at", "changed_by_id"} if may else set()), (old["alias"], changed)
        if old["status"] in ENDED:
            assert not changed or (removes and old["status"] == "revoked" and after[pk]["status"] == "removed")
            assert after[pk]["digest"] is None
    for pk in after.keys() - before.keys():
        made_here = after[pk]["entity_id"] == ground.merchant.pk or after[pk]["kind"] == "gtw"
        assert made_here, "nor is one made for somebody else"


def attempt(client: Client, method: str, url: str, data: dict, look: Callable[[], None]) -> None:
    """Send one request, look at what it did, and undo it."""
    with access_world.undone(client):
        if method == "GET":
            client.get(url, data)
        elif method == "POST":
            client.post(url, data, HTTP_X_HTTP_METHOD_OVERRIDE="PUT")
        else:
            client.generic(method, url, "status=active&mode=test", "application/x-www-form-urlencoded")
        look()


@pytest.mark.parametrize(("name", "wants"), EVERYWHERE, ids=[name for name, _wants in EVERYWHERE])
def test_no_address_changes_what_is_fixed_or_brings_back_what_has_ended(ground: Ground, name: str, wants: tuple):
    """S1-22, S1-27, S3-10, S3-17, S3-20, S0-37, C2, C3, C7, C8: every URL, every method, every column, every state."""
    before, forged = rows(), ground.forged()
    states = STATES if {"key_id", "object_id"} & set(wants) else ("revoked",)
    for token in (ground.tokens[state] for state in states):
        url = address(name, wants, ground, token)
        valid = VALID.get(name, {"alias": token.alias})
        for method in ("POST", "GET", "PUT", "PATCH", "DELETE"):
            may = CHANGES.get(name, set()) if method == "POST" else set()
            removes = name == "tokens:remove" and method == "POST"
            attempt(ground.client, method, url, forged | valid, lambda: check(before, ground, may, removes=removes))  # noqa: B023
    assert rows() == before


@pytest.mark.parametrize("action", ["", "reactivate", "deactivate_tokens", "delete_selected", "__str__"])
def test_no_action_of_the_support_desk_does(ground: Ground, action: str):
    """S3-20, S1-22: chosen are tokens in every state; what is active may be stopped there, and nothing else."""
    before = rows()
    data = ground.forged() | {"action": action, "_save": "Save", "post": "yes", "form-TOTAL_FORMS": "1"}
    may = STATUS if action == "deactivate_tokens" else set()
    attempt(ground.client, "POST", reverse("admin:tokens_token_changelist"), data, lambda: check(before, ground, may))


COMMANDS: dict[str, Callable[[Ground], list[tuple[str, ...]]]] = {
    "issue_token": lambda ground: [(ground.merchant.entity_id,), (ground.merchant.entity_id, "--mode", "test")],
    "deactivate_token": lambda ground: [(token.key_id,) for token in ground.tokens.values()],
    "verify_token": lambda _ground: [()],
    "create_gateway": lambda _ground: [("Edge 1",)],
    "check_tree": lambda _ground: [(), ("--rebuild",)],
    "check_audit": lambda _ground: [()],
    "check_people": lambda _ground: [(), ("--disable",)],
    "rotate_keys": lambda _ground: [()],
    "replay_journal": lambda _ground: [()],
    "import_entities": lambda _ground: [("/dev/null",)],
    "create_administrator": lambda _ground: [("new@test.example", "--noinput")],
    "reset_factors": lambda _ground: [(User.objects.latest("pk").email, "--reason=Seen in person")],
}
"""Command -> what it is run with."""

NOT_RUN = {"demo": "only in an empty database of its own", "serve": "runs until stopped", "test": "runs this"}


def test_every_command_is_tried():
    assert {name for name, app in get_commands().items() if app == "portal"} == set(COMMANDS) | set(NOT_RUN)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_does(ground: Ground, name: str, monkeypatch):
    """S1-22, S3-20: an operator's tools go through the same verbs."""
    before = rows()
    for words in COMMANDS[name](ground):
        with transaction.atomic():
            commands.run(name, *words, monkeypatch=monkeypatch)
            check(before, ground, STATUS if name == "deactivate_token" else set())
            transaction.set_rollback(True)


@pytest.mark.parametrize("status", sorted(ENDED))
@pytest.mark.parametrize("verb", [*lifecycle.NEEDS, *rotation.VERBS])
def test_no_verb_does(ground: Ground, verb: str, status: str):
    """S3-20, S0-37, C2: not even in the hands of somebody who loaded the token while it was active."""
    token = ground.tokens[status]
    stale = Token.objects.get(pk=token.pk)
    stale.status, stale.retiring_since = "inactive" if verb in {"reactivate", "revoke"} else "active", None
    before, events = rows(), AuditEvent.objects.count()
    options = {"edit": {"alias": "Renamed"}, "rotate": {"overlap": None}, "extend": {"overlap": None}}.get(verb, {})
    if (verb, status) == ("remove", "revoked"):
        return
    with pytest.raises(Refused):
        getattr(rotation if verb in rotation.VERBS else lifecycle, verb)(stale, by=SETUP, **options)
    assert (rows(), AuditEvent.objects.count()) == (before, events)


@pytest.mark.parametrize("status", ["active", "inactive"])
def test_not_even_the_database_takes_an_ended_token_back(ground: Ground, status: str):
    """C3: there is nothing left that a secret could be compared with."""
    for ended in sorted(ENDED):
        with pytest.raises(IntegrityError), transaction.atomic():
            Token.objects.filter(pk=ground.tokens[ended].pk).update(status=status)
