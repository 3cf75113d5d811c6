"""What the operators' commands share: who acts, and how a refusal or bad input is told."""

import os
import pwd
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from accounts import audit
from accounts.fields import LONGEST_NAME, clean_text
from accounts.models import Entity
from accounts.refusals import Refused
from tokens import formats
from tokens.models import Token

WRONG_USE = 2
"""Exit code for what can never work as it was typed; 1 is for what cannot be done now."""


class OperatorCommand(BaseCommand):
    """A command of somebody with a shell on the server: its changes go through the verbs, in the operator's name."""

    @property
    def by(self) -> audit.Operator:
        """The actor of the audit log: this command and the system user, from the kernel and not from `$USER`."""
        try:
            user = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:  # containers run with numbers that no list of users knows
            user = f"user number {os.getuid()}"
        return audit.Operator(f"manage.py {type(self).__module__.rpartition('.')[2]}, run by {user}")

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Tell a refusal, or a database that does not answer, as one sentence with exit code 1."""
        try:
            return super().execute(*args, **options)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        except (OperationalError, ProgrammingError) as error:
            why = str(error).partition("\n")[0]
            raise CommandError(f"The database does not answer: {why}. Was `manage.py migrate` run?") from error

    def explain(self, text: str) -> None:
        """Speak to the person on the error stream: the output belongs to whatever the command is piped into."""
        self.stderr.write(text, str)


def typed(text: str, name: str, *, longest: int = LONGEST_NAME) -> str:
    """Return what was typed for `name`, cleaned as in a form. Raises CommandError where a form would complain."""
    try:
        return clean_text(text, longest=longest)
    except ValidationError as error:
        raise CommandError(f"{name}: {error.messages[0]}", returncode=WRONG_USE) from error


def named_entity(text: str) -> Entity:
    """Return the entity with this entity ID. Raises CommandError where there is none."""
    entity_id = typed(text, "entity ID")
    entity: Entity | None = Entity.objects.filter(entity_id=entity_id).first()
    if entity is None:
        raise CommandError(f"There is no entity with the ID {entity_id}.")
    return entity


def named_token(text: str) -> Token:
    """Return the token with this key ID. Raises CommandError where there is none, or for a whole token."""
    if formats.parse(text):
        raise CommandError(
            "This is a whole token. Give its key ID alone: command lines are kept in histories and seen by other "
            "users, so its secret must count as known now.",
            returncode=WRONG_USE,
        )
    key_id = typed(text, "key ID")
    token: Token | None = Token.objects.select_related("entity").filter(key_id=key_id).first()
    if token is None:
        raise CommandError(f"There is no token with the key ID {key_id}.")
    return token
