"""Who asks about whose integration keys: what the endpoints that use them have in common.

Two statements over the decision's own connection (`tokens.readers`): the gateway's credential, then the merchant with
its keys. Nothing is cached: a key that was revoked, renewed or promoted a moment ago is so for the next question.
"""

import logging
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl

from tokens import readers
from tokens.formats import parse
from tokens.gateway.authorize import bearer, is_news
from tokens.gateway.problems import CREDENTIAL, Problem
from tokens.rows import SUSPENDED
from tokens.vault import COLUMNS, StoredKey
from tokens.verification import authenticate_gateway

logger = logging.getLogger(__name__)

MOST_QUERY = 1_000
"""Characters of query string; a longer one is no question."""
MODES = ("live", "test")

_VALUE = re.compile(r"[!-~]+", re.ASCII)

_READ = f"""
SELECT g.scope, m.entity_id, {SUSPENDED.format("x")}, {COLUMNS}
  FROM tokens_token g
  LEFT JOIN accounts_entity x ON x.entity_id = %s
  LEFT JOIN accounts_entity p ON p.id = x.parent_id
  LEFT JOIN accounts_entity a ON a.id = p.parent_id
  LEFT JOIN accounts_entity m ON m.id = CASE 'merchant' WHEN x.kind THEN x.id WHEN p.kind THEN p.id
                                                        WHEN a.kind THEN a.id END
  LEFT JOIN tokens_sharedkey k ON k.entity_id = m.id AND k.mode = %s AND k.status = 'active' AND {{slot}}
 WHERE g.key_id = %s
"""  # noqa: S608  put together from literals
# A terminal stands at most two steps below its merchant: by its parents that is three rows, by positions in the tree
# it would be everything on the left of it.
_READ_HMAC = _READ.format(slot="k.slot IN ('hmac_primary', 'hmac_secondary')")
_READ_SLOT = _READ.format(slot="k.slot = %s")


class Gateway(NamedTuple):
    """A gateway whose credential is good."""

    pk: int
    key_id: str
    mode: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was put well by a gateway that may put it."""

    gateway: Gateway
    merchant: str
    """Entity ID of the merchant, whichever channel or terminal below it was named."""
    mode: str
    keys: tuple[StoredKey, ...]
    """The active keys that were asked for, the primary one first."""


def authenticated(environ: dict) -> Gateway:
    """Return the gateway that asks, by `X-Keyhouse-Gateway` or as bearer. Raises Problem (401) where none does."""
    header, authorization = environ.get("HTTP_X_KEYHOUSE_GATEWAY", ""), bearer(environ)
    presented = header or authorization
    named = parse(presented) if authorization in {"", presented} else None  # two different ones are none
    asking = authenticate_gateway(presented)[0] if named else None
    if named is None or asking is None:
        if is_news("gateway"):
            logger.warning("A gateway asked without a good credential of its own.")
        raise Problem(HTTPStatus.UNAUTHORIZED, "Present the credential of a gateway, one that is good.", CREDENTIAL)
    return Gateway(asking.pk, named.key_id, asking.mode)


def bindings(environ: dict, *names: str) -> dict[str, str]:
    """Return what the query string says for each of `names`. Raises Problem (400) unless it says just that."""
    query = environ.get("QUERY_STRING", "")
    wanted = "The query string says " + " and ".join(f"`{name}`" for name in names) + ", each once, and nothing else."
    try:
        if len(query) > MOST_QUERY:
            raise ValueError
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=8, errors="strict")
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, wanted) from None
    said = dict(pairs)
    if len(pairs) != len(names) or said.keys() != set(names) or not all(map(_VALUE.fullmatch, said.values())):
        raise Problem(HTTPStatus.BAD_REQUEST, wanted)
    if said["mode"] not in MODES:
        raise Problem(HTTPStatus.BAD_REQUEST, "`mode` is `live` or `test`.")
    return said


def asked(gateway: Gateway, *, entity: str, mode: str, slot: str = "", needs: str = "") -> Asked:
    """Return the merchant that `entity` is or belongs to, with its active keys: of `slot`, or its HMAC keys.

    `needs` is what the gateway's own credential must have in its scope. Raises Problem: 403 where the gateway may not
    ask this, or the merchant, or what is above it, is suspended; 404 where there is no merchant.
    """
    if gateway.mode == "test" != mode:
        raise Problem(HTTPStatus.FORBIDDEN, "A gateway of the test environment may use test keys only.")
    if slot:
        rows = readers.fetch(_READ_SLOT, entity, mode, slot, gateway.key_id)
    else:
        rows = readers.fetch(_READ_HMAC, entity, mode, gateway.key_id)
    scope, merchant, is_suspended = rows[0][:3]
    if needs and needs not in scope.split():
        raise Problem(HTTPStatus.FORBIDDEN, f"This gateway's credential lacks the scope `{needs}`.")
    if merchant is None:
        raise Problem(HTTPStatus.NOT_FOUND, "There is no merchant with this entity ID, nor anything below one.")
    if is_suspended:
        raise Problem(
            HTTPStatus.FORBIDDEN, "The merchant, or something above or below it that was named, is suspended."
        )
    keys = [StoredKey._make(row[3:]) for row in rows if row[3] is not None]
    return Asked(gateway, merchant, mode, tuple(sorted(keys, key=_by_slot)))


def _by_slot(key: StoredKey) -> str:
    return key.slot  # hmac_primary before hmac_secondary
