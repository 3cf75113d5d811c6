"""What the decision reads: one statement for the gateway's row, the client's, and every suspension above either.

No ORM: building a queryset costs ten times the decision.
"""

from datetime import datetime
from typing import NamedTuple

from accounts.permissions import Capability, roles_with
from tokens import readers

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

_TERMINAL = "CASE WHEN t.kind = 'sdk' AND e.kind = 'terminal' THEN e.entity_id END"
_PERSON = "CASE WHEN t.user_id IS NOT NULL THEN (SELECT p.person_id FROM accounts_user p WHERE p.id = t.user_id) END"
"""Whose SDK token it is, where it is not its merchant's: that of a terminal, or of a person."""

_OWNERS = ", ".join(f"'{role}'" for role in sorted(roles_with(Capability.SDK_OWN)))
_ORPHANED = f"""
CASE WHEN t.user_id IS NULL THEN FALSE ELSE NOT EXISTS
  (SELECT 1 FROM accounts_user u JOIN accounts_membership m ON m.user_id = u.id
     LEFT JOIN accounts_entity c ON c.id = m.entity_id
    WHERE u.id = t.user_id AND u.is_active AND m.role IN ({_OWNERS})
      AND (m.entity_id IS NULL OR (c.tree_id = e.tree_id AND c.lft <= e.lft AND c.rght >= e.rght)))
END
"""  # noqa: S608  put together from literals
"""Whether the person whose own token it is may not sign in any more, or has no role any more that allows it."""

_COVERS = f"""
EXISTS (SELECT 1 FROM accounts_entity x
         WHERE x.entity_id = %s AND x.tree_id = e.tree_id AND x.lft BETWEEN e.lft AND e.rght
           AND NOT {SUSPENDED.format("x")})
"""  # noqa: S608  likewise
_READ = f"""
SELECT g.id, g.kind, g.mode, g.status, g.digest, g.pepper_id, g.expires_at,
       t.id, t.kind, t.mode, t.status, t.digest, t.pepper_id, t.expires_at, t.key_id, t.scope, t.networks, {_MERCHANT},
       {SUSPENDED.format("e")}, {{covers}}, {_ORPHANED}, {_TERMINAL}, {_PERSON}
  FROM tokens_token g
  LEFT JOIN tokens_token t ON t.id = (SELECT n.id FROM tokens_token n WHERE n.key_id >= %s ORDER BY n.key_id LIMIT 1)
  LEFT JOIN accounts_entity e ON e.id = t.entity_id
 WHERE g.key_id = %s
"""  # noqa: S608  likewise
# For a key ID that nobody has, the next one's row is read and then not used: who measures how long an answer takes
# does not learn which key IDs exist.
_READ_UNBOUND = _READ.format(covers="1")
_READ_FOR_ENTITY = _READ.format(covers=_COVERS)


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
    is_orphaned: bool
    terminal: str | None
    person: str | None

    def __repr__(self) -> str:
        return f"<Row {self.key_id}>"


def read(gateway: str, client: str, *, entity: str) -> tuple[Asking | None, Row | None]:
    """Return the rows with the key IDs `gateway` and `client`; for the latter, if nobody has it, the one after it."""
    if entity:
        found = readers.fetch(_READ_FOR_ENTITY, entity, client, gateway)
    else:
        found = readers.fetch(_READ_UNBOUND, client, gateway)
    if not found:
        return None, None
    both = found[0]
    return Asking._make(both[:7]), None if both[7] is None else Row._make(both[7:])
