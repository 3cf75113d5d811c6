"""What stands in the database for a bearer token: HMAC-SHA-256 under a numbered pepper that does not.

A random secret of 256 bits needs no slow password hash, only a keyed one-way function (NIST SP 800-63B, 5.1.1.2 on
look-up secrets); the pepper makes a stolen database useless for checking guesses.
"""

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from django.conf import settings

from tokens.formats import Presented

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK = 64
"""Bytes that SHA-256 takes in at once, and HMAC's keys are filled up to."""

UNKNOWN = bytes(32)
"""Compared with where there is no digest, so that it costs what another costs. No digest equals it but by 2^-256."""


def digest(token: Presented, pepper_id: int) -> bytes:
    """Return the digest of `token` under pepper `pepper_id`, 32 bytes. Raises KeyError for a pepper not configured."""
    return _digest(token, settings.TOKEN_PEPPERS[pepper_id])


def gateways_digest(token: Presented, pepper_id: int) -> bytes:
    """Return the same for the credential of a gateway, which presents it with each of its questions: remembered."""
    return _remembered(token, settings.TOKEN_PEPPERS[pepper_id])


def newest_pepper() -> int:
    """Return the number of the pepper under which new tokens are stored."""
    return max(settings.TOKEN_PEPPERS)


def _digest(token: Presented, pepper: bytes) -> bytes:
    begun, closing = _keyed(pepper)
    inner, outer = begun.copy(), closing.copy()
    inner.update(f"{token.key_id}.{token.secret}".encode("ascii"))
    outer.update(inner.digest())
    return outer.digest()


_remembered = lru_cache(maxsize=64)(_digest)


@lru_cache
def _keyed(pepper: bytes) -> "tuple[_Hash, _Hash]":
    """Return the two hashes of HMAC that have taken in the key `pepper` and nothing else (RFC 2104, section 2).

    To copy them takes a third of what `hmac` takes, which asks OpenSSL for the algorithm anew for each digest.
    """
    key = (pepper if len(pepper) <= BLOCK else sha256(pepper).digest()).ljust(BLOCK, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in key)), sha256(bytes(byte ^ 0x5C for byte in key))
