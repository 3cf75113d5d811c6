"""Signatures of messages, as Standard Webhooks 1.0 has them: pure functions of keys and bytes. No Django here.

What is signed is `{id}.{timestamp}.{body}`, under the base64-decoded part of a `whsec_` key, with HMAC-SHA-256; a
signature reads `v1,<base64>`, and a header may hold several, separated by spaces: one for each key that is in use.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Sequence

PREFIX = "whsec_"
VERSION = "v1"
SHORTEST = 24
"""Bytes of a secret that the specification asks for at least."""
TOLERANCE = 300
"""Seconds by which a message's timestamp may differ from the present, either way."""
MOST_SIGNATURES = 16
"""Signatures of one header that are looked at: two keys of ours need two."""

_ID = re.compile(r"[!-+\-/-~]{1,128}", re.ASCII)
"""Visible ASCII without the full stop: `a` + `1.2…` and `a.1` + `2…` would be the same content otherwise. And without
the comma: with one in between, servers make one header of two."""
_TIMESTAMP = re.compile(r"0|[1-9][0-9]{0,11}", re.ASCII)


def is_id(text: str) -> bool:
    """Whether `text` can be the ID of a message. Any text is safe to give."""
    return _ID.fullmatch(text) is not None


def is_timestamp(text: str) -> bool:
    """Whether `text` is a timestamp as it is signed: whole seconds since 1970, in the one way they can be written."""
    return _TIMESTAMP.fullmatch(text) is not None


def is_current(timestamp: str, now: float) -> bool:
    """Whether a well-formed `timestamp` is within the tolerance around `now`, in seconds since 1970."""
    return is_timestamp(timestamp) and abs(int(timestamp) - now) <= TOLERANCE


def secret_of(key: str) -> bytes:
    """Return the bytes that the key `whsec_…` stands for. Raises ValueError, without the key in it, for other text."""
    secret = _decoded(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else None
    if secret is None or len(secret) < SHORTEST:
        raise ValueError("Not a key of Standard Webhooks.")
    return secret


def content(message_id: str, timestamp: str, body: bytes) -> bytes:
    """Return what is signed. The ID and the timestamp must be well-formed: see `is_id` and `is_timestamp`."""
    return b"%b.%b.%b" % (message_id.encode("ascii"), timestamp.encode("ascii"), body)


def sign(secrets: Sequence[bytes], signed: bytes) -> str:
    """Return the signatures of the content `signed` under each of `secrets`, in their order, as a header has them."""
    return " ".join(f"{VERSION},{base64.b64encode(_digest(secret, signed)).decode('ascii')}" for secret in secrets)


def verify(secrets: Sequence[bytes], signed: bytes, header: str) -> int | None:
    """Return the index of the first of `secrets` that made one of the signatures in `header`; None if none did.

    Every signature is compared with every key, in constant time. Signatures of other versions are passed over, as the
    specification asks. Any text is safe as `header`.
    """
    given = [digest for digest in map(_read, header.split(" ")[:MOST_SIGNATURES]) if digest]
    found = None
    for index, secret in enumerate(secrets):
        expected = _digest(secret, signed)
        same = [hmac.compare_digest(expected, digest) for digest in given]
        if any(same) and found is None:
            found = index
    return found


def _digest(secret: bytes, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, "sha256")


def _read(signature: str) -> bytes | None:
    version, _comma, text = signature.partition(",")
    return _decoded(text) if version == VERSION else None


def _decoded(text: str) -> bytes | None:
    if not text.isascii():
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
