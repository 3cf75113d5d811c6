"""`/gateway/authorize`: the decision over HTTP, as a WSGI callable in front of Django's request stack.

For nginx `auth_request`, Envoy `ext_authz` and Traefik ForwardAuth. nginx takes every answer but 2xx, 401 and 403 for
a fault of its own and shows the payer a 500; so there are only those, and 503 for a real fault. Never a redirect.
"""

import ipaddress
import itertools
import logging
import re
import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from time import monotonic, time
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from django.conf import settings

from tokens import usage
from tokens.formats import parse
from tokens.verification import API_ALONE, GOOD, NOT_ALLOWED, Decision, authenticate_gateway, decide

logger = logging.getLogger(__name__)

PATH = "/gateway/authorize"
MOST_QUERY = 1_000
"""Characters of query string that are looked at; a longer one is no question a gateway asks."""
MOST_ADDRESS = 64
"""Characters of an address that are looked at; the longest has 45. Nobody may make long what is remembered."""

OK, UNAUTHORIZED, FORBIDDEN, UNAVAILABLE = (
    f"{status.value} {status.phrase}"
    for status in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
)
BASE_HEADERS = [("Content-Length", "0"), ("Cache-Control", "no-store")]
ASK_FOR_BEARER = [*BASE_HEADERS, ("WWW-Authenticate", "Bearer")]
CALLERS = {"": "HTTP_X_KEYHOUSE_CALLER", "x-forwarded-for": "HTTP_X_FORWARDED_FOR"}
"""Where a gateway tells the client's address, by what the question says as `caller`. Traefik can tell it only in
`X-Forwarded-For`, which elsewhere may be the client's own invention: it counts where the question names it."""

TIMED = 8
"""Every so many-th question is timed, for /metrics: to look at the clock for each would cost one per cent."""
_is_timed = itertools.cycle([True] + [False] * (TIMED - 1))

KINDS = {
    "": API_ALONE,
    "api": API_ALONE,
    "sdk": frozenset({"sdk"}),
    "api,sdk": frozenset({"api", "sdk"}),
    "sdk,api": frozenset({"api", "sdk"}),
}
"""What the question says as `kind` -> the kinds of token that its route accepts (S2-3, S2-4)."""

PARAMETERS = ("permission", "mode", "entity", "caller", "kind")
_CHOICES = {"mode": {"live", "test"}, "caller": CALLERS, "kind": KINDS}
FAULTY = "question"
"""The outcome of a question that is not put exactly: a fault of the gateway's configuration, counted on its row."""

_VALUE = re.compile(r"[!-~]+")
"""Whatever a parameter can say: no blank, nothing but ASCII, no control character."""
_REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_CREDENTIAL = re.compile(r"kh_(?:api|sdk|gtw)_(?:live|test)_")
"""The whole prefix: a payer's cookies are random text, in which a mere `kh_` turns up by chance."""


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Answer one question of a gateway. Reads the request's headers and query string, never its body."""
    try:
        status, headers = answer(environ)
    except Exception as fault:  # whatever it is, a gateway understands 503 and nothing else
        if is_news(type(fault).__name__):
            logger.exception("The decision could not be made.")
        status, headers = FORBIDDEN if settings.REFUSE_ON_FAULT else UNAVAILABLE, BASE_HEADERS
    start_response(status, [*headers])  # the server may do with its list what it likes
    return [b""]


_said_at: dict[str, float] = {}


def is_news(what: str) -> bool:
    """Whether a second has passed since this was last asked about `what`: a fault must not fill the disk as well."""
    now = monotonic()
    if now - _said_at.get(what, -1.0) < 1:
        return False
    _said_at[what] = now
    return True


def answer(environ: dict) -> tuple[str, list[tuple[str, str]]]:
    """Return the status line and the headers for the question in `environ`, and count it."""
    begun = time() if next(_is_timed) else 0.0
    # One character more than is looked at tells that it is too long; the rest would only fill the memory of questions.
    permission, mode, entity, kinds, told_in, fault = _question(environ.get("QUERY_STRING", "")[: MOST_QUERY + 1])
    # A token in a cookie ends up in logs and browsers, as one in an address does: refused even where it is good.
    if fault == _LEAKED or ("HTTP_COOKIE" in environ and _CREDENTIAL.search(unquote(environ["HTTP_COOKIE"]))):
        return UNAUTHORIZED, ASK_FOR_BEARER
    if fault or environ["REQUEST_METHOD"] == "CONNECT":
        return _refuse_question(fault or _TUNNEL, environ)
    caller = address_of(environ.get(told_in, "")[:MOST_ADDRESS])
    decision = decide(
        bearer(environ),
        gateway=environ.get("HTTP_X_KEYHOUSE_GATEWAY", ""),
        permission=permission,
        mode=mode,
        entity=entity,
        caller=caller,
        kinds=kinds,
    )
    if decision is None:
        return _refuse_gateway()
    asked_by = decision.gateway
    usage.count(decision.token or asked_by, caller=caller, outcome=decision.reason, gateway=asked_by, begun=begun)
    if decision.reason == GOOD:
        return OK, _identity(decision, environ)
    return (FORBIDDEN, BASE_HEADERS) if decision.reason in NOT_ALLOWED else (UNAUTHORIZED, ASK_FOR_BEARER)


def _refuse_gateway() -> tuple[str, list[tuple[str, str]]]:
    if is_news("gateway"):
        logger.warning("A gateway asked without a good credential of its own.")
    return UNAUTHORIZED, ASK_FOR_BEARER


def _refuse_question(fault: str, environ: dict) -> tuple[str, list[tuple[str, str]]]:
    """Let nobody through: what a misspelt or blank parameter was to bind would be bound by nothing."""
    presented = environ.get("HTTP_X_KEYHOUSE_GATEWAY", "")
    asking, _nobody = authenticate_gateway(presented)
    named = parse(presented)
    if asking is None or named is None:
        return _refuse_gateway()
    caller = address_of(environ.get("HTTP_X_KEYHOUSE_CALLER", "")[:MOST_ADDRESS])
    usage.count(asking.pk, caller=caller, outcome=FAULTY, gateway=asking.pk)
    _warn_once("The questions of gateway %s are refused: %s.", named.key_id, fault)
    return FORBIDDEN, BASE_HEADERS


_warn_once = lru_cache(maxsize=256)(logger.warning)
"""A gateway that is configured wrongly asks wrongly with every request; its log needs one line."""


class _Question(NamedTuple):
    """What a query string binds, which kinds of token it accepts, in which of WSGI's variables the caller is told, and
    what is wrong with it."""

    permission: str
    mode: str
    entity: str
    kinds: frozenset[str]
    told_in: str
    fault: str = ""


_LEAKED = "it carries a credential"
_TUNNEL = "its method is CONNECT"
"""What 200 says to that is no answer but the beginning of a tunnel (RFC 9110, 9.3.6)."""


@lru_cache(maxsize=1024)
def _question(query: str) -> _Question:
    """Return what the query string says. It says exactly what it means, or nothing that may be heard.

    A parameter that is unknown, said twice, blank or unreadable is a fault of the whole: whoever wrote it meant to bind
    the decision. A gateway asks with a few query strings over and over; what they say is remembered, no answer ever is.
    """
    fault = _fault_of(query)
    said = {} if fault else dict(parse_qsl(query))
    permission, mode, entity, caller, kind = (said.get(name, "") for name in PARAMETERS)
    return _Question(permission, mode, entity, KINDS[kind], CALLERS.get(caller, ""), fault)


def _fault_of(query: str) -> str:
    """Return what is wrong with the query string, for the operator's log; empty where nothing is."""
    if _CREDENTIAL.search(unquote(query)):
        return _LEAKED  # it is in somebody's log already
    if len(query) > MOST_QUERY:
        return "it is too long"
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=16, errors="strict")
    except ValueError:
        return "it is no list of parameters"
    said: set[str] = set()
    for name, value in pairs:
        if name not in PARAMETERS:
            return "it has a parameter that does not exist"
        if name in said:
            return f"it says `{name}` twice"
        if not _VALUE.fullmatch(value) or value not in _CHOICES.get(name, (value,)):
            return f"it leaves `{name}` blank, or says what cannot be"
        said.add(name)
    return ""


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
    told = [
        *BASE_HEADERS,
        ("X-Keyhouse-Entity", decision.entity),
        ("X-Keyhouse-Key-Id", decision.key_id),
        ("X-Keyhouse-Mode", decision.mode),
        ("X-Keyhouse-Scope", decision.scope),
        ("X-Keyhouse-Request-Id", given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)),
        ("X-Keyhouse-Kind", decision.kind),
    ]
    if decision.terminal:
        told.append(("X-Keyhouse-Terminal", decision.terminal))
    if decision.person:
        told.append(("X-Keyhouse-User", decision.person))
    return told
