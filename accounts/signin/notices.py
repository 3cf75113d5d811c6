"""Mails to a person about their own sign-in: that something changed, or that somebody tries hard.

They hold no link: whoever is told to click one cannot tell ours from a forged one (OWASP ASVS 5.0, 6.3.5, 6.3.7). They
are sent behind the answer, one after the other, so that how long a page takes tells nothing about whether there is such
a person.
"""

import atexit
import logging
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import trust
from accounts.models import User
from accounts.origin import came_from

log = logging.getLogger(__name__)

_post = ThreadPoolExecutor(max_workers=1, thread_name_prefix="post")
atexit.register(_post.shutdown)


class Notice(Enum):
    """What a person is told: the subject of the mail, and the sentence it begins with."""

    NEW_DEVICE = (
        gettext_lazy("New sign-in"),
        gettext_lazy("Somebody has signed in as you in a browser that was not known."),
    )
    MANY_FAILURES = (
        gettext_lazy("Many failed sign-ins"),
        gettext_lazy("Somebody has tried ten times to sign in as you. From there, nobody can for the next half hour."),
    )
    PASSWORD_CHANGED = gettext_lazy("Your password was changed"), gettext_lazy("You have a new password.")
    FACTOR_ADDED = gettext_lazy("New second factor"), gettext_lazy("A second factor was added to your sign-in.")
    FACTOR_REMOVED = (
        gettext_lazy("Second factor removed"),
        gettext_lazy("A second factor was removed from your sign-in."),
    )
    CODES_MADE = (
        gettext_lazy("New recovery codes"),
        gettext_lazy("New recovery codes were made for you. The old ones do not work any more."),
    )
    CODE_USED = gettext_lazy("Recovery code used"), gettext_lazy("One of your recovery codes was used.")

    def __init__(self, subject: str, sentence: str) -> None:
        self.subject, self.sentence = subject, sentence


def send(notice: Notice, user: User, request: HttpRequest | None) -> None:
    """Tell `user` about `notice`, and where the request that caused it came from."""
    text = _(
        """Hello,

%(sentence)s

When: %(when)s UTC
From: %(address)s
With: %(browser)s

If that was you, there is nothing to do. If not, sign in, change your password under
Settings, sign out everywhere else, and tell an administrator of your company.
"""
    ) % {
        "sentence": notice.sentence,
        "when": f"{timezone.now():%Y-%m-%d %H:%M}",
        "address": came_from().address or _("unknown"),
        "browser": (trust.browser_of(request) if request else "") or _("an unknown browser"),
    }
    post(EmailMessage(f"Keyhouse: {notice.subject}", text, None, [user.email]))


def post(message: EmailMessage) -> None:
    """Send `message` behind the answer; at once where MAIL_AT_ONCE says so."""
    if settings.MAIL_AT_ONCE:
        _send(message)
    else:
        _post.submit(_send, message)


def _send(message: EmailMessage) -> None:
    """Hand `message` to the mail server; a fault is logged by its kind, without what the mail says."""
    try:
        message.send()
    except (SMTPException, OSError) as error:
        log.error("A mail “%s” was not sent: %s", message.subject, type(error).__name__)
