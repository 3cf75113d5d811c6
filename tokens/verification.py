"""The decision: whether a presented credential is good for a request (DESIGN 6). The hot path.

One statement reads the gateway's row, the client's row and every suspension that touches them; nothing is cached, so
the answer is never older than the last committed change. No ORM: building a queryset costs ten times the decision.
"""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from tokens import digests, readers
from tokens.formats import TOKEN_LENGTH, Presented, parse

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

SUSPENDED = """
EXISTS (SELECT 1 FROM accounts_entity a
         WHERE a.status = 'suspended' AND a.tree_id = {0}.tree_id AND a.lft <= {0}.lft AND a.rght >= {0}.rght)
"""
_MERCHANT = """
CASE WHEN t.kind = 'sdk' THEN
  (SELECT m.entity_id FROM accounts_entity m
    WHERE m.kind = 'merchant' AND m.tree_id = e.tree_id AND m.lft <= e.lft AND m.rght >= e.rght LIMIT 1)
ELSE e.entity_id END
"""
"""The merchant that the token is one of: its own entity, or, for a terminal's, the one above it."""

_ORPHANED = """
CASE WHEN t.user_id IS NULL THEN FALSE ELSE NOT EXISTS
  (SELECT 1 FROM accounts_user u JOIN accounts_membership m ON m.user_id = u.id
     LEFT JOIN accounts_entity c ON c.id = m.entity_id
    WHERE u.id = t.user_id AND u.is_active
      AND (m.entity_id IS NULL OR (c.tree_id = e.tree_id AND c.lft <= e.lft AND c.rght >= e.rght)))
END
"""
"""Whether the person whose own token it is may not sign in any more, or has no access to its entity any more."""

_COVERS = f"""
EXISTS (SELECT 1 FROM accounts_entity x
         WHERE x.entity_id = %s AND x.tree_id = e.tree_id AND x.lft BETWEEN e.lft AND e.rght
           AND NOT {SUSPENDED.format("x")})
"""  # noqa: S608  put together from literals
_READ = f"""
SELECT g.id, g.kind, g.mode, g.status, g.digest, g.pepper_id, g.expires_at,
       t.id, t.kind, t.mode, t.status, t.digest, t.pepper_id, t.expires_at, t.key_id, t.scope, t.networks, {_MERCHANT},
       {SUSPENDED.format("e")}, {{covers}}, {_ORPHANED}
  FROM tokens_token g
  LEFT JOIN tokens_token t ON t.id = (SELECT n.id FROM tokens_token n WHERE n.key_id >= %s ORDER BY n.key_id LIMIT 1)
  LEFT JOIN accounts_entity e ON e.id = t.entity_id
 WHERE g.key_id = %s
"""  # noqa: S608  likewise
# For a key ID that nobody has, the next one's row is read and then not used: who measures how long an answer takes
# does not learn which key IDs exist.
_READ_UNBOUND = _READ.format(covers="1")
_READ_FOR_ENTITY = _READ.format(covers=_COVERS)


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

    @property
    def allowed(self) -> bool:
        return self.reason == GOOD


class Asking(NamedTuple):
    """A gateway's credential as the database holds it at this moment: a tuple, which costs a third of a dataclass."""

    pk: int
    kind: str
    mode: str
    status: str
    digest: bytes | None
    pepper_id: int
    expires_at: datetime | str | None

    def __repr__(self) -> str:
        return f"<Asking {self.pk}>"


class Row(NamedTuple):
    """A client's credential, likewise."""

    pk: int
    kind: str
    mode: str
    status: str
    digest: bytes | None
    pepper_id: int
    expires_at: datetime | str | None
    key_id: str
    scope: str
    networks: str
    entity: str | None
    is_suspended: bool
    covers_entity: bool
    is_orphaned: bool = False

    def __repr__(self) -> str:
        return f"<Row {self.key_id}>"


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
    row, other = _read(asked.key_id, client.key_id if client else "", entity=entity)
    if not _matches(asked, row, digests.gateways_digest) or row is None or _ended(row):
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

    `permission` (such as `payment_transaction.edit`), `mode` (live or test) and `entity` (the ID of the merchant, or
    of a channel or terminal below it) bind the decision; an empty one binds nothing. `kinds` are the kinds of token
    that may do this (S2-3, S2-4); a terminal's own counts for that terminal alone. `caller` is the client's address,
    for tokens that may be used from some networks only. A malformed `client` is refused without a look at the
    database, whoever asks. Raises Unreachable where the database does not answer.
    """
    presented = parse(client)
    if presented is None:
        return Decision("malformed")
    asking, row = authenticate_gateway(gateway, presented, entity=entity)
    if asking is None:
        return None
    reason = _judge(presented, row, permission=permission, mode=mode, entity=entity, caller=caller, kinds=kinds)
    if reason == GOOD and asking.mode == "test" != presented.mode:
        reason = "mode"  # a gateway of the test environment lets nothing live through
    if row is None or reason in _NOBODYS or not row.digest:
        return Decision(reason, None, asking.pk)
    if reason != GOOD:
        return Decision(reason, row.pk, asking.pk)
    expires_at = _moment(row.expires_at) if row.expires_at else None
    return Decision(GOOD, row.pk, asking.pk, row.key_id, row.mode, row.entity or "", row.scope, expires_at, row.kind)


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
    _same, row = _read(presented.key_id, presented.key_id, entity=entity)
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
    if ended := _ended(row) or ("suspended" if row.is_suspended else "person" if row.is_orphaned else ""):
        return ended
    if row.kind not in kinds:
        return "kind"
    return _overstepped(row, permission=permission, mode=mode, entity=entity, caller=caller) or GOOD


def _overstepped(row: Row, *, permission: str, mode: str, entity: str, caller: str) -> str:
    """Return what the request asks for that the good credential in `row` may not do; empty where it may."""
    if mode and mode != row.mode:
        return "mode"
    if entity and not row.covers_entity:
        return "entity"
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


def _ended(row: Asking | Row) -> str:
    if row.status != "active":
        return row.status
    return "expired" if row.expires_at is not None and _moment(row.expires_at) <= datetime.now(UTC) else ""


def _moment(stored: datetime | str) -> datetime:
    """Return a time as it is stored: PostgreSQL gives an aware datetime, SQLite text in UTC."""
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read(gateway: str, client: str, *, entity: str) -> tuple[Asking | None, Row | None]:
    """Return the rows with the key IDs `gateway` and `client`; for the latter, if nobody has it, the one after it."""
    if entity:
        found = readers.fetch(_READ_FOR_ENTITY, entity, client, gateway)
    else:
        found = readers.fetch(_READ_UNBOUND, client, gateway)
    if not found:
        return None, None
    both = found[0]
    return Asking._make(both[:7]), None if both[7] is None else Row._make(both[7:])
