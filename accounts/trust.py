"""What a session is trusted with, and until when: read from the server's clock and kept inside the session.

A sign-in begins the trust; a proof that it is still the same person renews it for what is weighty (`accounts.stepup`).
"""

from time import time

from django.http import HttpRequest

FRESH = 5 * 60
"""Seconds for which a proof of who somebody is holds (OWASP ASVS 5.0, 7.5.3)."""

PROVED_AT = "proved_at"
"""Where the session keeps the time of the last proof, in seconds since 1970."""


def begin(request: HttpRequest, **_: object) -> None:
    """Count a sign-in as the first proof: whoever has a second factor has just used it there.

    Heard of from Django itself, because every way of signing in ends there.
    """
    request.session[PROVED_AT] = time()


def prove(request: HttpRequest) -> None:
    """Note that the person has just proved who they are, under a new session ID."""
    request.session.cycle_key()
    request.session[PROVED_AT] = time()


def is_fresh(request: HttpRequest) -> bool:
    """Whether the last proof still holds; one from the future, or of no known form, does not."""
    proved_at = request.session.get(PROVED_AT)
    return isinstance(proved_at, float) and 0 <= time() - proved_at < FRESH
