"""Passkeys, as django-allauth and the browser speak of them (WebAuthn level 2), with the user verified each time."""

import struct
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import User

MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error)
"""What parsing raises for something that no browser sends."""


def creation_options(user: User) -> dict[str, Any]:
    """Return what the browser needs to make a passkey for `user`, and remember the challenge."""
    return auth.begin_registration(user, True)


def request_options(user: User) -> dict[str, Any]:
    """Return what the browser needs to use a passkey of `user`, and remember the challenge."""
    return auth.begin_authentication(user)


def check_created(credential: Any) -> dict:
    """Return `credential`, which answers the remembered challenge. Raises ValidationError where it does not."""
    try:
        auth.parse_registration_response(credential)
        auth.complete_registration(credential)
    except MALFORMED:
        raise _refused() from None
    return credential


def check_used(user: User, credential: Any) -> Authenticator:
    """Return the passkey of `user` that answers the remembered challenge. Raises ValidationError where none does."""
    try:
        auth.parse_authentication_response(credential)
        return auth.complete_authentication(user, credential)
    except MALFORMED:
        raise _refused() from None


def owner_of(credential: Any) -> User:
    """Return whose passkey `credential` says it is, unproved. Raises ValidationError where it says nothing."""
    try:
        return auth.extract_user_from_response(credential)
    except MALFORMED:
        raise _refused() from None


def _refused() -> ValidationError:
    return ValidationError(_("That passkey was not accepted. Try again."), code="passkey")
