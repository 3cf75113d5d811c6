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
(SELECT m.entity_id FROM accounts_entity m
  WHERE m.kind = 'merchant' AND m.tree_id = e.tree_id AND m.lft <= e.lft AND m.rght >= e.rght LIMIT 1)
"""
_TERMINAL = "CASE WHEN e.kind = 'terminal' THEN e.entity_id END"
_PERSON = "(SELECT p.person_id FROM accounts_user p WHERE p.id = t.user_id)"
_SUBJECT = f"""
COALESCE({_MERCHANT}, '') || ' ' || COALESCE({_TERMINAL}, '') || ' ' || COALESCE({_PERSON}, '')
"""
"""The merchant that an SDK token is one of, which for a terminal's is above it, and the terminal or the person whose it
is. One column, because each costs sqlite3 a fortieth of the whole statement."""

_OWNERS = ", ".join(f"'{role}'" for role in sorted(roles_with(Capability.SDK_OWN)))
_ORPHANED = f"""
t.user_id IS NOT NULL AND NOT EXISTS
  (SELECT 1 FROM accounts_user u JOIN accounts_membership m ON m.user_id = u.id
     LEFT JOIN accounts_entity c ON c.id = m.entity_id
    WHERE u.id = t.user_id AND u.is_active AND m.role IN ({_OWNERS})
      AND (m.entity_id IS NULL OR (c.tree_id = e.tree_id AND c.lft <= e.lft AND c.rght >= e.rght)))
"""  # noqa: S608  put together from literals
"""Whether the person whose own token it is may not sign in any more, or has no role any more that allows it."""

_COVERS = f"""
EXISTS (SELECT 1 FROM accounts_entity x
         WHERE x.entity_id = %s AND x.tree_id = e.tree_id AND x.lft BETWEEN e.lft AND e.rght
           AND NOT {SUSPENDED.format("x")})
"""  # noqa: S608  likewise
_CLIENT = f"""
t.id, t.kind, t.mode, t.status, t.digest, t.pepper_id, t.expires_at, t.key_id, t.scope, t.networks, {{subject}},
CASE WHEN {SUSPENDED.format("e")} THEN 'suspended' {{more}} ELSE '' END
"""
_READ = f"""
SELECT g.id, g.mode, g.digest, g.pepper_id, g.expires_at, {_CLIENT}
  FROM tokens_token g
  LEFT JOIN tokens_token t ON t.id = (SELECT n.id FROM tokens_token n WHERE n.key_id >= %s ORDER BY n.key_id LIMIT 1)
  LEFT JOIN accounts_entity e ON e.id = t.entity_id
 WHERE g.key_id = %s AND g.kind = 'gtw' AND g.status = 'active'
"""  # noqa: S608  likewise
# For a key ID that nobody has, the next one's row is read and then not used: who measures how long an answer takes
# does not learn which key IDs exist.
_READ_ALONE = f"""
SELECT {_CLIENT} FROM tokens_token t LEFT JOIN accounts_entity e ON e.id = t.entity_id WHERE t.key_id = %s
"""  # noqa: S608  likewise


def _variants(statement: str) -> dict[tuple[bool, bool], str]:
    """Return the statement for what is no SDK token and for what is one, each without and with an entity that binds it.

    What concerns SDK tokens alone is left out elsewhere: PostgreSQL prepares each of its parts for every execution.
    """
    found = {}
    for is_sdk in (False, True):
        subject, more = (_SUBJECT, f"WHEN {_ORPHANED} THEN 'person'") if is_sdk else ("e.entity_id", "")
        for is_bound in (False, True):
            covers = f"WHEN NOT {_COVERS} THEN 'entity'" if is_bound else ""
            found[is_sdk, is_bound] = statement.format(subject=subject, more=f"{more} {covers}")
    return found


_FOR_GATEWAY, _ALONE = _variants(_READ), _variants(_READ_ALONE)


class Asking(NamedTuple):
    """An active gateway's credential as the database holds it now: a tuple, which costs a third of a dataclass."""

    pk: int
    mode: str
    digest: bytes | None
    pepper_id: int
    expires_at: datetime | str | None

    kind = "gtw"

    def __repr__(self) -> str:
        return f"<Asking {self.pk}>"


class Row(NamedTuple):
    """A client's credential, likewise, whatever its status."""

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
    subject: str
    hindrance: str
    """Why even a good credential lets nobody through: `suspended`, `person` (who has left), or `entity` (another one
    than the question is about); empty where nothing does."""

    def __repr__(self) -> str:
        return f"<Row {self.key_id}>"


def read(gateway: str, client: str, *, is_sdk: bool = False, entity: str = "") -> tuple[Asking | None, Row | None]:
    """Return the rows with the key IDs `gateway` and `client`; for the latter, if nobody has it, the one after it.

    `is_sdk` tells what `client` was presented as. A row of another kind has no usable `subject`.
    """
    values = (entity, client, gateway) if entity else (client, gateway)
    found = readers.fetch(_FOR_GATEWAY[is_sdk, entity != ""], *values)
    if not found:
        return None, None
    both = found[0]
    return Asking._make(both[:5]), None if both[5] is None else Row._make(both[5:])


def read_alone(client: str, *, is_sdk: bool, entity: str = "") -> Row | None:
    """Return the row with the key ID `client`, whoever asks: for an operator."""
    found = readers.fetch(_ALONE[is_sdk, entity != ""], *((entity, client) if entity else (client,)))
    return Row._make(found[0]) if found else None
