"""Codes to be typed: the six digits of an authenticator app, and recovery codes.

Six digits as RFC 6238 has them, for 30 seconds, with one step of drift either way. A recovery code has 120 bits, so
that a plain hash keeps it (OWASP ASVS 5.0, 6.5.2 and 6.5.3).
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from time import time

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from django.views.decorators.debug import sensitive_variables

STEP, DIGITS, DRIFT = 30, 6, 1
"""Seconds of a step, digits of a code, steps that an app's clock may be early or late."""

LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Five bits each, and none that looks like another."""

GROUPS, GROUP = 6, 4
"""A recovery code reads `7KQM-…`, six groups of four letters."""


def new_secret() -> str:
    """Return a secret for an authenticator app: 160 bits in base32 (RFC 4226, 4)."""
    return base64.b32encode(secrets.token_bytes(20)).decode("ascii")


@sensitive_variables()
def step_of(secret: str, code: str, *, after: int = -1) -> int | None:
    """Return the step of which `code` is the one for `secret`; None where it is wrong, or not later than `after`.

    A step is used once: whoever saw a code being typed cannot type it again (RFC 6238, 5.2).
    """
    typed = re.sub(r"[\s-]", "", code)
    if not (typed.isascii() and typed.isdecimal() and len(typed) == DIGITS):
        return None
    hotp, now = HOTP(base64.b32decode(secret), DIGITS, SHA1()), int(time()) // STEP  # noqa: S303  what apps do
    steps = [
        step for step in range(now - DRIFT, now + DRIFT + 1) if hmac.compare_digest(hotp.generate(step), typed.encode())
    ]
    return next((step for step in steps if step > after), None)


def new_recovery_codes(count: int) -> list[str]:
    """Return `count` fresh recovery codes as they are shown."""
    letters = ("".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS * count))
    groups = list(letters)
    return ["-".join(groups[start : start + GROUPS]) for start in range(0, len(groups), GROUPS)]


@sensitive_variables()
def hash_of(code: str, salt: str) -> str:
    """Return what is stored of a recovery code, however it was typed."""
    typed = re.sub(r"[\s-]", "", code).upper()
    return hashlib.sha256(f"{salt}:{typed}".encode()).hexdigest()


def found_in(hashes: Iterable[str], wanted: str) -> bool:
    """Whether `wanted` is one of `hashes`; looks at all of them, whichever it is."""
    return sum(hmac.compare_digest(each, wanted) for each in hashes) > 0
