"""Passwords that have come out of breaches elsewhere: a file of their hashes, which the operator keeps and names.

Nothing is asked of anybody over the network. The file has the SHA-1 of each password in hexadecimal, one a line and in
order; a `:` and a count may follow, as such collections are published. It may have 40 GB: some 35 lines of it are read.
"""

import hashlib
from os import SEEK_END
from typing import BinaryIO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.models import User

DIGITS = 40
"""Of a SHA-1 in hexadecimal: the file's choice, and no secret hangs on it."""


class NotBreached:
    """None that KEYHOUSE_BREACHED_PASSWORDS holds (OWASP ASVS 5.0, 6.2.12)."""

    @sensitive_variables()
    def validate(self, password: str, user: User | None = None) -> None:
        if settings.BREACHED_PASSWORDS and _holds(password):
            raise ValidationError(_("This password is known from a breach elsewhere. Choose another."), code="breached")

    def get_help_text(self) -> str:
        return _("Not one that you use elsewhere: what is stolen there is tried here.")


@sensitive_variables()
def _holds(password: str) -> bool:
    """Whether the file has the hash of `password`: of the places in it, the first from which on no line is smaller."""
    wanted = hashlib.sha1(password.encode(errors="replace"), usedforsecurity=False).hexdigest().upper().encode()
    with open(settings.BREACHED_PASSWORDS, "rb") as file:
        low, high = 0, file.seek(0, SEEK_END)
        while low < high:
            middle = (low + high) // 2
            if b"" < _line_from(file, middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return _line_from(file, low) == wanted


def _line_from(file: BinaryIO, place: int) -> bytes:
    """Return the hash in the first line that begins at `place` or behind it; nothing behind the last one."""
    file.seek(max(place - 1, 0))
    if place:
        file.readline()
    return file.readline()[:DIGITS].upper()
