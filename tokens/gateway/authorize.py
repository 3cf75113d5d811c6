"""`/gateway/authorize`: the decision over HTTP, as a WSGI callable in front of Django's request stack.

For nginx `auth_request`, Envoy `ext_authz` and Traefik ForwardAuth. nginx takes every answer but 2xx, 401 and 403 for
a fault of its own and shows the payer a 500; so there are only those, and 503 for a real fault. Never a redirect.
"""

import ipaddress
import logging
import re
import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from django.conf import settings

from tokens import usage
from tokens.verification import GOOD, NOT_ALLOWED, Decision, decide

logger = logging.getLogger(__name__)

PATH = "/gateway/authorize"
MOST_QUERY = 1_000
"""Characters of query string that are looked at; a longer one is no question a gateway asks."""

OK, UNAUTHORIZED, FORBIDDEN, UNAVAILABLE = (
    f"{status.value} {status.phrase}"
    for status in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
)
BASE_HEADERS = [("Content-Length", "0"), ("Cache-Control", "no-store")]
ASK_FOR_BEARER = [*BASE_HEADERS, ("WWW-Authenticate", "Bearer")]
CALLERS = {"": "HTTP_X_KEYHOUSE_CALLER", "x-forwarded-for": "HTTP_X_FORWARDED_FOR"}
"""Where a gateway tells the client's address, by what the question says as `caller`. Traefik can tell it only in
`X-Forwarded-For`, which elsewhere may be the client's own invention: it counts where the question names it."""

_BINDINGS = frozenset({"permission", "mode", "entity"})
_SAID = _BINDINGS | {"caller"}
_REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_CREDENTIAL = re.compile(r"kh_(?:api|sdk|gtw)_(?:live|test)_")
"""The whole prefix: a payer's cookies are random text, in which a mere `kh_` turns up by chance."""


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Answer one question of a gateway. Reads the request's headers and query string, never its body."""
    try:
        status, headers = answer(environ)
    except Exception:  # whatever it is, a gateway understands 503 and nothing else
        logger.exception("The decision could not be made.")
        status, headers = FORBIDDEN if settings.REFUSE_ON_FAULT else UNAVAILABLE, BASE_HEADERS
    start_response(status, [*headers])  # the server may do with its list what it likes
    return [b""]


def answer(environ: dict) -> tuple[str, list[tuple[str, str]]]:
    """Return the status line and the headers for the question in `environ`, and count it."""
    question = _question(environ.get("QUERY_STRING", ""))
    # A token in a cookie ends up in logs and browsers, as one in an address does: refused even where it is good.
    if question is None or ("HTTP_COOKIE" in environ and _CREDENTIAL.search(environ["HTTP_COOKIE"])):
        return UNAUTHORIZED, ASK_FOR_BEARER
    bindings, told_in = question
    caller = address_of(environ.get(told_in, ""))
    decision = decide(bearer(environ), gateway=environ.get("HTTP_X_KEYHOUSE_GATEWAY", ""), caller=caller, **bindings)
    if decision is None:
        logger.warning("A gateway asked without a good credential of its own.")
        return UNAUTHORIZED, ASK_FOR_BEARER
    usage.count(decision.token or decision.gateway, caller=caller, outcome=decision.reason)
    if decision.reason == GOOD:
        return OK, _identity(decision, environ)
    return (FORBIDDEN, BASE_HEADERS) if decision.reason in NOT_ALLOWED else (UNAUTHORIZED, ASK_FOR_BEARER)


@lru_cache(maxsize=1024)
def _question(query: str) -> tuple[dict[str, str], str] | None:
    """Return what the query string binds and where the caller is told; None where it is unreadable or ambiguous.

    A gateway asks with a few query strings over and over. What they say is remembered; no answer ever is. One that
    carries a credential says nothing that may be heard: it is in somebody's log already.
    """
    if len(query) > MOST_QUERY or _CREDENTIAL.search(unquote(query)):
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError:
        return None
    found = {name: value for name, value in pairs if name in _SAID}
    named = [name for name, _value in pairs if name in _SAID]
    if len(named) != len(found) or any("\0" in value for value in found.values()):
        return None
    told_in = CALLERS.get(found.pop("caller", ""))
    return (found, told_in) if told_in else None


def bearer(environ: dict) -> str:
    """Return the credential in the request's `Authorization: Bearer`; empty where there is none."""
    scheme, _space, credential = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return credential.strip(" ") if scheme.lower() == "bearer" else ""


@lru_cache(maxsize=4096)
def address_of(told: str) -> str:
    """Return the client's address as the gateway tells it; believed because the gateway has proved who it is.

    Without an IPv6 zone, which can be any text: one that does not fit its column would fail every flush from then on.
    """
    try:
        return str(ipaddress.ip_address(told.strip(" ").partition("%")[0]))
    except ValueError:
        return "unknown"


def _identity(decision: Decision, environ: dict) -> list[tuple[str, str]]:
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return [
        *BASE_HEADERS,
        ("X-Keyhouse-Entity", decision.entity),
        ("X-Keyhouse-Key-Id", decision.key_id),
        ("X-Keyhouse-Mode", decision.mode),
        ("X-Keyhouse-Scope", decision.scope),
        ("X-Keyhouse-Request-Id", given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)),
    ]
