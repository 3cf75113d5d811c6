"""`manage.py reset_factors`: for somebody who has lost their second factors and the recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from accounts.fields import LONGEST_REASON
from accounts.models import User
from accounts.refusals import Refused
from accounts.signin import factors, notices, sessions
from portal.management.operators import OperatorCommand, typed


class Command(OperatorCommand):
    """Let a person set up a new second factor at their next sign-in. Whoever runs this has made sure who is asking.

    The password stays: who has found out that alone, and asks in the owner's name, gets in. That is why the reason is
    asked for and stands in the audit log, and why the owner hears of it by mail.
    """

    help = "Takes away the second factors of somebody who has lost them, and signs them out everywhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask whose they are, and how it was made sure who is asking."""
        parser.add_argument("email", help="the e-mail address the person signs in with")
        parser.add_argument("--reason", required=True, help="how you made sure who is asking; goes into the audit log")

    def handle(self, *_: str, email: str, reason: str, **__: Any) -> None:
        """Take them away, or say why there is nothing to be taken."""
        email, reason = typed(email, "email", longest=254), typed(reason, "--reason", longest=LONGEST_REASON)
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            raise CommandError(f"Nobody signs in as {email}.")
        if not factors.has_second_factor(person):
            raise Refused(f"{person.email} has no second factor.")
        with transaction.atomic():
            factors.reset(person, by=self.by, reason=reason)
            sessions.end_all(person)
        notices.send(notices.Notice.FACTOR_REMOVED, person, None)
        self.stdout.write(f"{person.email} is signed out, and sets up a new second factor at the next sign-in.")
