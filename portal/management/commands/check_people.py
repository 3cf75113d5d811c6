"""`manage.py check_people`: who may still sign in and has not done so for a long time."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts import people
from accounts.models import User
from accounts.refusals import Refused
from portal.management.operators import OperatorCommand


class Command(OperatorCommand):
    """Look for accounts that nobody uses any more, and switch them off where that is asked for."""

    help = f"Lists people who may sign in and have not done so for {people.UNUSED.days} days; --disable stops them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Change nothing unless asked to."""
        parser.add_argument("--disable", action="store_true", help="switch their sign-in off")

    def handle(self, *_: str, disable: bool, **__: Any) -> None:
        """List them; fail where somebody is left who may sign in."""
        left = [person for person in people.unused() if not (disable and self.disabled(person))]
        for person in left:
            seen = f"{person.last_login:%Y-%m-%d}" if person.last_login else "never"
            self.stdout.write(f"{person.email} last signed in: {seen}.")
        if left:
            days = people.UNUSED.days
            raise CommandError(f"{len(left)} may sign in and did not for {days} days. `--disable` switches them off.")
        self.stdout.write(f"Everybody who may sign in did so in the last {people.UNUSED.days} days.")

    def disabled(self, person: User) -> bool:
        """Switch `person` off, and say so; False, with the reason, where that is refused."""
        try:
            people.disable(person, by=self.by, reason=f"Not signed in for {people.UNUSED.days} days")
        except Refused as refusal:
            self.explain(str(refusal))
            return False
        self.stdout.write(f"{person.email} may not sign in any more.")
        return True
