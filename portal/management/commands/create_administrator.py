"""`manage.py create_administrator`: the first person of an installation, or another who runs the platform."""

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_email
from django.views.decorators.debug import sensitive_variables

from accounts import lifecycle
from accounts.models import User
from portal.management.operators import WRONG_USE, OperatorCommand, typed


class Command(OperatorCommand):
    """Create a platform administrator. The password is never an argument: others on the machine see those."""

    help = "Creates a platform administrator. Asks for the password, or reads it from standard input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask who it is."""
        parser.add_argument("email", help="the e-mail address to sign in with")
        parser.add_argument("--name", default="", help="how they are called in the portal")

    @sensitive_variables()
    def handle(self, *_: str, email: str, name: str, **__: Any) -> None:
        """Create the person, or say what is wrong with what was given."""
        email, name = typed(email, "email", longest=254), typed(name, "--name")
        try:
            validate_email(email)
            password = read_password()
            validate_password(password, User(email=email, name=name))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=WRONG_USE) from error
        person = lifecycle.add_platform_administrator(email=email, name=name, password=password, by=self.by)
        self.stdout.write(f"{person.email} may sign in and runs the platform.")


def read_password() -> str:
    """Return the password typed twice at a terminal, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(1_000).rstrip("\n")
    password = getpass("Password: ")
    if getpass("Once more: ") != password:
        raise CommandError("These are two different passwords. Nothing was created.")
    return password
