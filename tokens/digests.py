"""What stands in the database for a bearer token: HMAC-SHA-256 under a numbered pepper that does not.

A random secret of 256 bits needs no slow password hash, only a keyed one-way function (NIST SP 800-63B, 5.1.1.2 on
look-up secrets); the pepper makes a stolen database useless for checking guesses.
"""

import hmac
from functools import lru_cache

from django.conf import settings

from tokens.formats import Presented

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
    keyed = _keyed(pepper).copy()
    keyed.update(f"{token.key_id}.{token.secret}".encode("ascii"))
    return keyed.digest()


_remembered = lru_cache(maxsize=64)(_digest)


@lru_cache
def _keyed(pepper: bytes) -> hmac.HMAC:
    """Return the HMAC that has taken in `pepper` and nothing else: copying it saves a third of each digest."""
    return hmac.new(pepper, digestmod="sha256")
