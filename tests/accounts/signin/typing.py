"""Signing in and setting up as somebody types it, without a browser."""

import time

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.signin import codes, factors
from tests.factories import PASSWORD
from tests.reading import read


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return what an authenticator app shows now, or so many steps of half a minute later."""
    return HOTP(codes.base64.b32decode(secret), 6, SHA1()).generate(int(time.time()) // 30 + steps).decode()  # noqa: S303  as apps do


def give_app(user: User) -> tuple[str, list[str]]:
    """Set up an authenticator app for `user`, some time ago; return its secret and the recovery codes."""
    secret = codes.new_secret()
    fresh = factors.add_app(user, secret=secret, code=code_of(secret, steps=-1))
    return secret, fresh


def type_password(client: Client, user: User | str, password: str = PASSWORD, **headers: str) -> HttpResponse:
    """Send the sign-in form."""
    email = user if isinstance(user, str) else user.email
    return client.post(reverse("account_login"), {"login": email, "password": password}, **headers)


def type_code(client: Client, code: str, **headers: str) -> HttpResponse:
    """Send the second step of signing in."""
    return client.post(reverse("mfa_authenticate"), {"code": code}, **headers)


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("portal:settings")).status_code == 200


def sealed_in(page: HttpResponse) -> tuple[str, str]:
    """Return the secret that the set-up of an app shows, and the sealed one that travels with the form."""
    main = read(page)
    return main.one("code", class_="mono breakable").text.replace(" ", ""), main.one("input", name="sealed").attributes[
        "value"
    ]
