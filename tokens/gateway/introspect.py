"""`POST /oauth/introspect`: what a token is good for, as RFC 7662 asks and answers it.

The caller proves itself with a gateway credential as bearer. For a token that is not good, whatever the cause, the
answer is `{"active": false}` and nothing else (RFC 7662, 2.2): the same bytes each time.
"""

import json
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Lock
from urllib.parse import parse_qs

from tokens import usage
from tokens.formats import parse
from tokens.gateway.authorize import KINDS, bearer, is_news
from tokens.gateway.problems import BASE_HEADERS
from tokens.verification import Decision, authenticate_gateway, decide

logger = logging.getLogger(__name__)

PATH = "/oauth/introspect"
MOST_BODY = 4_000
"""Bytes of form that are read: several times what a token needs."""

FORM = "application/x-www-form-urlencoded"
INACTIVE = json.dumps({"active": False}).encode()

_unproved = Lock()
"""Held by the one question of a process whose form is read before anybody knows who asks."""

Answer = tuple[HTTPStatus, list[tuple[str, str]], bytes]


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Answer one question of a gateway or a resource server."""
    try:
        status, headers, body = answer(environ)
    except Exception as fault:
        if is_news(type(fault).__name__):
            logger.exception("The decision could not be made.")
        status, headers, body = HTTPStatus.SERVICE_UNAVAILABLE, [], b""
    base = [("Content-Length", str(len(body))), *BASE_HEADERS]
    start_response(f"{status.value} {status.phrase}", base + headers)
    return [body]


def answer(environ: dict) -> Answer:
    """Return status, headers and body for the question in `environ`, and count it."""
    if environ["REQUEST_METHOD"] != "POST":
        return HTTPStatus.METHOD_NOT_ALLOWED, [("Allow", "POST")], b""
    gateway = bearer(environ)
    token = _read_by(gateway, environ)
    if token is None:
        is_known = authenticate_gateway(gateway)[0] is not None
        return _invalid("Send one parameter `token` as a form, with its length.") if is_known else _unproved_caller()
    presented = parse(token)
    mode = presented.mode if presented else ""  # the answer tells it
    decision = decide(token, gateway=gateway, mode=mode, kinds=KINDS["api,sdk"])
    if decision and decision.gateway is None and authenticate_gateway(gateway)[0] is None:
        decision = None  # a malformed token was refused before anybody looked at who asks
    if decision is None:
        return _unproved_caller()
    asked_by = decision.gateway
    usage.count(decision.token or asked_by, caller="introspection", outcome=decision.reason, gateway=asked_by)
    body = _active(decision) if decision.allowed else INACTIVE
    return HTTPStatus.OK, [("Content-Type", "application/json")], body


def _read_by(gateway: str, environ: dict) -> str | None:
    """Return the form's token. A form that never ends holds a thread; so strangers may have one of them, not all.

    Whose question comes while another form is being read has to prove itself first, which takes a statement more.
    """
    if not _unproved.acquire(blocking=False):
        return _posted_token(environ) if authenticate_gateway(gateway)[0] else ""
    try:
        return _posted_token(environ)
    finally:
        _unproved.release()


def _posted_token(environ: dict) -> str | None:
    """Return the form's one `token`; None where the request is no such form."""
    length = environ.get("CONTENT_LENGTH") or "0"
    is_form = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == FORM
    if not is_form or not (length.isascii() and length.isdecimal()) or len(length) > 4 or int(length) > MOST_BODY:
        return None
    body = environ["wsgi.input"].read(int(length)).decode("latin-1")
    if len(body) < int(length):
        return None  # who sent it has gone, and may have wanted to say more
    try:
        tokens = parse_qs(body, keep_blank_values=True, max_num_fields=8).get("token", [])
    except ValueError:
        return None
    return tokens[0] if len(tokens) == 1 else None


def _active(decision: Decision) -> bytes:
    told: dict[str, object] = {
        "active": True,
        "scope": decision.scope,
        "client_id": decision.key_id,
        "sub": decision.entity,
        "token_type": "Bearer",
        "kind": decision.kind,
        "mode": decision.mode,
    }
    if decision.terminal:
        told["terminal"] = decision.terminal
    if decision.person:
        told["user"] = decision.person
    if decision.expires_at:
        told["exp"] = int(decision.expires_at.timestamp())
    return json.dumps(told).encode()


def _invalid(sentence: str) -> Answer:
    return HTTPStatus.BAD_REQUEST, [("Content-Type", "application/json")], _error("invalid_request", sentence)


def _unproved_caller() -> Answer:
    headers = [("Content-Type", "application/json"), ("WWW-Authenticate", "Bearer")]
    sentence = "Prove who asks with a gateway's credential as bearer."
    return HTTPStatus.UNAUTHORIZED, headers, _error("invalid_client", sentence)


def _error(name: str, sentence: str) -> bytes:
    return json.dumps({"error": name, "error_description": sentence}).encode()  # RFC 6749, 5.2
