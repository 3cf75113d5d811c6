"""Encryption at rest of short texts that Keyhouse has to read again: the secrets of authenticator apps.

AES-256-GCM under the newest of VAULT_KEYS, with a fresh nonce each time. What is sealed is bound to its place, so that
it opens nowhere else.
"""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

NONCE = 12
"""Bytes of the nonce (NIST SP 800-38D, 5.2.1.1)."""


class Unreadable(Exception):
    """What is stored does not open: another key, or it was changed, or it stands where it was not put."""


@sensitive_variables()
def seal(text: str, place: str) -> str:
    """Return `text` sealed for `place`, as `<number of the key>:<base64>`."""
    number, nonce = max(settings.VAULT_KEYS), secrets.token_bytes(NONCE)
    sealed = nonce + AESGCM(settings.VAULT_KEYS[number]).encrypt(nonce, text.encode(), _bound(place, number))
    return f"{number}:{base64.b64encode(sealed).decode('ascii')}"


@sensitive_variables()
def open_(sealed: str, place: str) -> str:
    """Return what was sealed for `place`. Raises Unreadable where that cannot be had."""
    digits, _, encoded = sealed.partition(":")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 5 else 0
    try:
        raw = base64.b64decode(encoded, validate=True)
        text = AESGCM(settings.VAULT_KEYS[number]).decrypt(raw[:NONCE], raw[NONCE:], _bound(place, number))
        return text.decode()
    except (KeyError, InvalidTag, ValueError, binascii.Error):
        raise Unreadable from None


def is_newest(sealed: str) -> bool:
    """Whether it stands under the newest key."""
    return sealed.startswith(f"{max(settings.VAULT_KEYS)}:")


def _bound(place: str, number: int) -> bytes:
    return f"1|{number}|{place}".encode()
