"""What a session is trusted with, and until when: read from the server's clock and kept inside the session.

A sign-in begins the trust; a proof that it is still the same person renews it for what is weighty (`accounts.stepup`).
"""

from time import time

from django.http import HttpRequest

from accounts.origin import came_from

FRESH = 5 * 60
"""Seconds for which a proof of who somebody is holds (OWASP ASVS 5.0, 7.5.3)."""

IDLE, LONGEST = 15 * 60, 12 * 3600
"""Seconds a session lasts without a request of its person, and at most (PCI DSS 4.0, 8.2.8; ASVS 7.3.1, 7.3.2)."""

PROVED_AT, BEGAN_AT = "proved_at", "began_at"
"""Where the session keeps the times of the last proof and of the sign-in, in seconds since 1970."""

ADDRESS, BROWSER = "address", "browser"
"""Where it keeps from where the sign-in came, and from what kind of browser."""


def begin(request: HttpRequest, **_: object) -> None:
    """Count a sign-in as the first proof: whoever has a second factor has just used it there.

    Heard of from Django itself, because every way of signing in ends there.
    """
    request.session[PROVED_AT] = request.session[BEGAN_AT] = time()
    request.session[ADDRESS] = came_from().address
    request.session[BROWSER] = browser_of(request)


def prove(request: HttpRequest) -> None:
    """Note that the person has just proved who they are, under a new session ID."""
    request.session.cycle_key()
    request.session[PROVED_AT] = time()


def is_fresh(request: HttpRequest) -> bool:
    """Whether the last proof still holds; one from the future, or of no known form, does not."""
    proved_at = request.session.get(PROVED_AT)
    return isinstance(proved_at, float) and 0 <= time() - proved_at < FRESH


SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS": "Mac",
    "Linux": "Linux",
}
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}


def browser_of(request: HttpRequest) -> str:
    """Return what asks as people would say it: `Firefox, Windows`. Of something unknown, nothing."""
    return ", ".join(filter(None, [_named(BROWSERS, request), system_of(request)]))


def system_of(request: HttpRequest) -> str:
    """Return the system on which the browser runs, `Windows`; empty for an unknown one."""
    return _named(SYSTEMS, request)


def _named(names: dict[str, str], request: HttpRequest) -> str:
    agent = request.META.get("HTTP_USER_AGENT", "")
    return next((name for word, name in names.items() if word in agent), "")
