"""What a password has to be: long, not one that everybody tries, and not one of the last four.

PCI DSS 4.0, 8.3.6 and 8.3.7; NIST SP 800-63B-4, 3.1.1: no rules about kinds of characters, no expiry.
"""

from functools import lru_cache

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from accounts.signin import factors
from accounts.signin.models import FormerPassword

WITH_FACTOR, ALONE = 12, 15
"""Fewest characters of a password beside a second factor, and of one that stands alone."""

REMEMBERED = 4
"""Passwords that may not come back: the present one and those before it."""

FEWEST_DIFFERENT = 5
"""Different characters: `111111111111` is long and the first thing that is tried."""

MOST_PIECES, SHORTEST_PIECE = 3, 3
"""A password is no better for being two or three of those that everybody tries, one behind the other: the list that
Django brings has 20,000 of them, but only 190 that are long enough for us (OWASP ASVS 5.0, 6.2.4)."""

OURS = ("keyhouse",)
"""Words that somebody who attacks just this system tries first (OWASP ASVS 5.0, 6.2.11)."""


class LongEnough:
    """Twelve characters where a second factor stands beside them, fifteen where none does."""

    @sensitive_variables()
    def validate(self, password: str, user: User | None = None) -> None:
        fewest = self._fewest(user)
        if len(password) < fewest:
            raise ValidationError(self._words(fewest), code="password_too_short")

    def get_help_text(self) -> str:
        return self._words(WITH_FACTOR if settings.REQUIRE_MFA else ALONE)

    @staticmethod
    def _fewest(user: User | None) -> int:
        has_factor = settings.REQUIRE_MFA or (user is not None and user.pk and factors.has_second_factor(user))
        return WITH_FACTOR if has_factor else ALONE

    @staticmethod
    def _words(fewest: int) -> str:
        words = ngettext("Use at least %(n)d character.", "Use at least %(n)d characters.", fewest)
        return words % {"n": fewest}


class HardToGuess:
    """Neither one character over and over, nor our own name, nor what everybody tries put together."""

    @sensitive_variables()
    def validate(self, password: str, user: User | None = None) -> None:
        if len(set(password)) < FEWEST_DIFFERENT:
            raise ValidationError(_("It repeats itself. Use more different characters."), code="password_repeats")
        if any(word in password.casefold() for word in OURS):
            raise ValidationError(_("Do not use the name of this portal in it."), code="password_names_us")
        if _is_put_together(password.casefold(), MOST_PIECES):
            raise ValidationError(
                _("It is put together from passwords that everybody tries."), code="password_put_together"
            )

    def get_help_text(self) -> str:
        return _("Several words that have nothing to do with each other are easy to keep in mind and hard to guess.")


class NotUsedLately:
    """None of the last four."""

    @sensitive_variables()
    def validate(self, password: str, user: User | None = None) -> None:
        if user is None or not user.pk:
            return
        used = [user.password, *former_of(user).values_list("encoded", flat=True)]
        if any(check_password(password, encoded) for encoded in used):
            raise ValidationError(_("You have used this password before. Choose another."), code="password_used")

    def get_help_text(self) -> str:
        return _("None of your last four passwords.")


def _is_put_together(text: str, most: int) -> bool:
    """Whether `text` is at most so many common passwords, one behind the other."""
    common = _common()
    if text in common:
        return True
    ends = range(SHORTEST_PIECE, len(text) - SHORTEST_PIECE + 1) if most > 1 else ()
    return any(text[:end] in common and _is_put_together(text[end:], most - 1) for end in ends)


@lru_cache
def _common() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


def former_of(user: User):
    """Return the passwords of `user` before the present one that may not come back, the newest first."""
    return FormerPassword.objects.filter(user_id=user.pk).order_by("-replaced_at")[: REMEMBERED - 1]


@sensitive_variables()
def store(user: User, password: str) -> None:
    """Give `user` this password and remember the one before, as hashes; inside the caller's transaction.

    Nothing else of the row is written: somebody may be switching the person off at this moment.
    """
    before = User.objects.select_for_update(no_key=True).values_list("password", flat=True).get(pk=user.pk)
    FormerPassword(user_id=user.pk, encoded=before).save(force_insert=True)
    too_old = FormerPassword.objects.filter(user_id=user.pk).exclude(pk__in=former_of(user).values("pk"))
    too_old.delete()
    user.set_password(password)
    User.objects.filter(pk=user.pk).update(password=user.password)
