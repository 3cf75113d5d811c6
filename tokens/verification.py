"""The decision: whether a presented credential is good for a request (DESIGN 6). The hot path.

One statement reads all there is to know (`tokens.rows`); nothing is cached, so the answer is never older than the last
committed change.
"""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from tokens import digests
from tokens.formats import TOKEN_LENGTH, Presented, parse
from tokens.rows import Asking, Row, read, read_alone

GOOD = "good"
"""The one reason that lets a request through."""

NOT_GOOD = frozenset(
    {"malformed", "unknown", "digest", "inactive", "revoked", "removed", "expired", "suspended", "person"}
)
"""Reasons answered 401, all alike: this credential is not good for anything. A revoked or removed token has no digest
left to compare with, so that is the reason whatever secret came with its key ID."""

_NOBODYS = frozenset({"unknown", "digest"})
"""Reasons that are no use of the token whose row was read: who presented it is not its holder. Nor is it where the
digest is destroyed: nobody can tell then."""

API_ALONE = frozenset({"api"})
"""The kinds of token that a question accepts where it does not say."""

NOT_ALLOWED = frozenset({"kind", "mode", "entity", "network", "permission"})
"""Reasons answered 403, all alike: a good credential that may not do this."""


class Decision(NamedTuple):
    """What was decided on a request, and why. `reason` is for the portal alone and never told outside."""

    reason: str
    token: int | None = None
    gateway: int | None = None
    key_id: str = ""
    mode: str = ""
    entity: str = ""
    scope: str = ""
    expires_at: datetime | None = None
    kind: str = ""
    terminal: str = ""
    person: str = ""

    @property
    def allowed(self) -> bool:
        return self.reason == GOOD


MALFORMED = Decision("malformed")
"""The one decision that nothing has to be looked up for, and so the same each time."""


def authenticate_gateway(
    gateway: str, client: Presented | None = None, *, entity: str = ""
) -> tuple[Asking | None, Row | None]:
    """Return the gateway's row where its credential is good, and the row that answers to `client`.

    Each is None where there is none; the second may be that of another key ID, which the caller has to compare. At most
    one statement is run, and none unless the gateway's own credential has the right form.
    """
    asked = _read_gateway(gateway) if len(gateway) == TOKEN_LENGTH else None  # nothing long is worth remembering
    if asked is None:
        return None, None
    if client is None:
        row, other = read(asked.key_id, "")
    else:
        row, other = read(asked.key_id, client.key_id, is_sdk=client.kind == "sdk", entity=entity)
    if not _matches(asked, row, digests.gateways_digest) or row is None or _is_over(row):
        return None, None
    return row, other


@lru_cache(maxsize=64)
def _read_gateway(text: str) -> Presented | None:
    """Return a gateway's credential taken apart. Remembered, as its digest is; whether it is good is not."""
    asked = parse(text)
    return asked if asked and asked.kind == "gtw" else None


def decide(
    client: str,
    *,
    gateway: str,
    permission: str = "",
    mode: str = "",
    entity: str = "",
    caller: str = "",
    kinds: frozenset[str] = API_ALONE,
) -> Decision | None:
    """Decide whether the credential `client` is good for a request; None where `gateway` itself is not good.

    `permission` (such as `payment_transaction.edit`), `mode` (live or test; if empty, the gateway's own) and `entity`
    (the ID of the merchant, or of a channel or terminal below it) bind the decision. `kinds` are the kinds of token
    that may do this (S2-3, S2-4); a terminal's own counts for that terminal alone. `caller` is the client's address,
    for tokens that may be used from some networks only. A malformed `client` is refused without a look at the
    database, whoever asks. Raises Unreachable where the database does not answer.
    """
    presented = parse(client)
    if presented is None:
        return MALFORMED
    asking, row = authenticate_gateway(gateway, presented, entity=entity)
    if asking is None:
        return None
    mode = mode or asking.mode
    reason = _judge(presented, row, permission=permission, mode=mode, entity=entity, caller=caller, kinds=kinds)
    if reason == GOOD and asking.mode == "test" != presented.mode:
        reason = "mode"  # a gateway of the test environment lets nothing live through
    if row is None or reason in _NOBODYS or not row.digest:
        return Decision(reason, None, asking.pk)
    if reason != GOOD:
        return Decision(reason, row.pk, asking.pk)
    return _let_through(row, asking.pk)


def _let_through(row: Row, gateway: int) -> Decision:
    expires_at = _moment(row.expires_at) if row.expires_at else None
    merchant, terminal, person = row.subject.split(" ") if row.kind == "sdk" else (row.subject, "", "")
    about = (row.key_id, row.mode, merchant, row.scope, expires_at, row.kind, terminal, person)
    return Decision(GOOD, row.pk, gateway, *about)


def reason_for(
    client: str,
    *,
    permission: str = "",
    mode: str = "",
    entity: str = "",
    caller: str = "",
    kinds: frozenset[str] = API_ALONE,
) -> str:
    """Return what `decide` would find about `client`, for an operator, who asks without a gateway."""
    presented = parse(client)
    if presented is None:
        return "malformed"
    row = read_alone(presented.key_id, is_sdk=presented.kind == "sdk", entity=entity)
    return _judge(presented, row, permission=permission, mode=mode, entity=entity, caller=caller, kinds=kinds)


def _judge(
    presented: Presented,
    row: Row | None,
    *,
    permission: str,
    mode: str,
    entity: str,
    caller: str,
    kinds: frozenset[str],
) -> str:
    is_same = _matches(presented, row)  # compared for an unknown key ID too, so that it takes as long
    if row is None or row.key_id != presented.key_id:
        return "unknown"
    if not is_same:
        return "digest" if row.digest else row.status
    if row.status != "active":
        return row.status
    if _is_over(row):
        return "expired"
    if row.hindrance and row.hindrance != "entity":
        return row.hindrance
    if row.kind not in kinds:
        return "kind"
    return _overstepped(row, permission=permission, mode=mode, caller=caller) or GOOD


def _overstepped(row: Row, *, permission: str, mode: str, caller: str) -> str:
    """Return what the request asks for that the good credential in `row` may not do; empty where it may."""
    if mode and mode != row.mode:
        return "mode"
    if row.hindrance:
        return row.hindrance
    if row.networks and not _is_inside(caller, row.networks):
        return "network"
    held = _permissions(row.scope)
    if not held or (permission and permission not in held):  # a token without permissions may do nothing at all
        return "permission"
    return ""


@lru_cache(maxsize=256)
def _permissions(scope: str) -> frozenset[str]:
    return frozenset(scope.split())


@lru_cache(maxsize=4096)
def _is_inside(caller: str, networks: str) -> bool:
    """Whether the address `caller` lies in one of `networks`; an unknown one lies in none."""
    try:
        address = ip_address(caller)
    except ValueError:
        return False
    if mapped := getattr(address, "ipv4_mapped", None):  # ::ffff:192.0.2.1 is the IPv4 address it was written from
        address = mapped
    return any(address in ip_network(network) for network in networks.split())


def _matches(
    presented: Presented, row: Asking | Row | None, digest: Callable[[Presented, int], bytes] | None = None
) -> bool:
    """Whether `presented` is the credential in `row`, in the same time for a known and an unknown key ID.

    Looked at before the status: whoever lacks the secret learns nothing of a token, not even from the clock.
    """
    pepper_id = row.pepper_id if row else digests.newest_pepper()
    stored = (row.digest if row else None) or digests.UNKNOWN
    same = hmac.compare_digest((digest or digests.digest)(presented, pepper_id), stored)
    return same and row is not None and row.kind == presented.kind and row.mode == presented.mode


def _is_over(row: Asking | Row) -> bool:
    return row.expires_at is not None and _moment(row.expires_at) <= datetime.now(UTC)


def _moment(stored: datetime | str) -> datetime:
    """Return a time as it is stored: PostgreSQL gives an aware datetime, SQLite text in UTC."""
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
