"""Browsers in which somebody has signed in before, remembered by a signed cookie and nothing else.

It lets nobody in; it only keeps Keyhouse from telling a person about each of their own sign-ins.
"""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from accounts.models import User

SALT = "accounts.signin.devices"
MOST = 10
"""People who are remembered in one browser."""

LASTS = 400 * 24 * 3600
"""Seconds: the longest that browsers keep a cookie."""


def is_known(request: HttpRequest, user: User) -> bool:
    """Whether `user` has signed in here before."""
    return _mark(user) in _marks(request)


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Know this browser as one of `user` from now on."""
    marks = [_mark(user), *(mark for mark in _marks(request) if mark != _mark(user))]
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(marks[:MOST], salt=SALT),
        max_age=LASTS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def _marks(request: HttpRequest) -> list[str]:
    try:
        marks: list[str] = signing.loads(request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=SALT, max_age=LASTS)
    except signing.BadSignature:
        return []
    return marks


def _mark(user: User) -> str:
    """Return what stands for `user` in the cookie: it tells nobody who that is."""
    return salted_hmac(SALT, user.person_id, algorithm="sha256").hexdigest()[:32]
