"""`POST /gateway/signatures` signs a message with a merchant's HMAC keys; `.../verify` tells which of them signed one.

As Standard Webhooks 1.0 has it (`tokens.signing`). The body is the message itself, byte for byte. During a double run
(S4-19) a message carries the signatures of both keys, and either key verifies one. No ORM here: two statements read,
and an insert makes sure that a message is good once.
"""

import secrets
from http import HTTPStatus
from time import time

from tokens import replays, signing, usage, vault
from tokens.gateway.merchants import Asked, asked, authenticated, bindings
from tokens.gateway.problems import Problem, endpoint
from tokens.vault import StoredKey

SIGN, VERIFY = "/gateway/signatures", "/gateway/signatures/verify"
MOST_BODY = 1_000_000
"""Bytes of a message."""

MALFORMED = {
    "webhook-id": "`webhook-id` has 1 to 128 visible ASCII characters, none of them a full stop or a comma.",
    "webhook-timestamp": "`webhook-timestamp` is a whole number of seconds since 1970.",
}


@endpoint
def sign(environ: dict) -> dict:
    """Sign the body with every active HMAC key of the merchant, the primary one's signature first."""
    question = _question(environ)
    if not question.keys:
        raise Problem(HTTPStatus.CONFLICT, "This merchant has no active HMAC key in this mode. Create one first.")
    # Given and empty is not the same as not given: a server drops bytes that it cannot read.
    message_id = environ.get("HTTP_WEBHOOK_ID", f"msg_{secrets.token_hex(16)}")
    timestamp = environ.get("HTTP_WEBHOOK_TIMESTAMP", str(int(time())))
    if not signing.is_id(message_id):
        raise Problem(HTTPStatus.BAD_REQUEST, MALFORMED["webhook-id"])
    if not signing.is_timestamp(timestamp):
        raise Problem(HTTPStatus.BAD_REQUEST, MALFORMED["webhook-timestamp"])
    signatures = signing.sign(_opened(question), signing.content(message_id, timestamp, _body(environ)))
    for key in question.keys:
        _count(question, key, "signed")
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signatures}


@endpoint
def verify(environ: dict) -> dict:
    """Tell which of the merchant's active HMAC keys signed the message, or why it must not be believed.

    The three headers are the message's own, from a stranger: whatever is wrong with them is an answer and no error.
    """
    question = _question(environ)
    body = _body(environ)
    if not question.keys:
        return _invalid("no_key")
    message_id, timestamp = environ.get("HTTP_WEBHOOK_ID", ""), environ.get("HTTP_WEBHOOK_TIMESTAMP", "")
    if not signing.is_timestamp(timestamp):
        return _invalid("timestamp")
    if not signing.is_id(message_id):
        return _invalid("signature")  # nobody signs such a message
    signed = signing.content(message_id, timestamp, body)
    found = signing.verify(_opened(question), signed, environ.get("HTTP_WEBHOOK_SIGNATURE", ""))
    if found is None:
        return _invalid("signature")
    if not signing.is_current(timestamp, time()):
        return _invalid("timestamp")
    if not replays.is_first(question.merchant, question.mode, message_id, timestamp):
        return _invalid("replay")
    key = question.keys[found]
    _count(question, key, "verified")
    return {"valid": True, "slot": key.slot, "key_id": key.key_id}


def _question(environ: dict) -> Asked:
    return asked(authenticated(environ), **bindings(environ, "entity", "mode"))


def _count(question: Asked, key: StoredKey, outcome: str) -> None:
    usage.count_signature(key.pk, caller=question.gateway.key_id, outcome=outcome, gateway=question.gateway.pk)


def _invalid(reason: str) -> dict:
    return {"valid": False, "reason": reason}


def _opened(question: Asked) -> list[bytes]:
    """Return the secrets of the keys. Raises Unreadable, a fault of ours, where one of them cannot be had."""
    return [signing.secret_of(vault.open_(key).decode("ascii")) for key in question.keys]


def _body(environ: dict) -> bytes:
    """Return the whole body. Raises Problem where it is too large (413) or came to an end before it was complete."""
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A message has at most {MOST_BODY:,} bytes.")
    told = environ.get("CONTENT_LENGTH") or ""
    length = int(told) if told.isascii() and told.isdecimal() and len(told) < 16 else None
    if len(told) > 15 or (length or 0) > MOST_BODY:
        raise too_large
    pieces, left = [], MOST_BODY + 1 if length is None else length  # without a length it came in chunks
    while left and (piece := environ["wsgi.input"].read(left)):
        pieces.append(piece)
        left -= len(piece)
    if length is None and not left:
        raise too_large
    if length is not None and left:
        raise Problem(HTTPStatus.BAD_REQUEST, "The message ended before it was complete.")
    return b"".join(pieces)
