"""`manage.py replay_journal`: after a backup was put back, end again what had ended since it was made."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.fields import LONGEST_REASON
from portal.management.operators import WRONG_USE, OperatorCommand, typed
from portal.replay import acknowledge as stand_for
from portal.replay import replay


class Command(OperatorCommand):
    """The same as `serve` does before it serves; by itself, for somebody who wants to see it first."""

    help = (
        "Compares the database with the journal of the audit log. Where an older backup was put back, carries out "
        "again what had ended since: tokens, keys, people, entities. Run twice it does nothing more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer to stand for a restore, instead: `check_audit` ends with 1 until somebody does."""
        parser.add_argument(
            "--acknowledge",
            type=int,
            metavar="NUMBER",
            help="say that it was you; the number is in check_audit's sentence",
        )
        parser.add_argument("--reason", help="why the backup was put back; goes into the audit log")

    def handle(self, *_: str, acknowledge: int | None = None, reason: str | None = None, **__: Any) -> None:
        """Tell what was done, and what somebody has to look at."""
        if (acknowledge is None) != (reason is None):
            raise CommandError("--acknowledge needs a --reason, and the other way round.", returncode=WRONG_USE)
        try:
            if acknowledge is not None and reason is not None:
                self.acknowledge(acknowledge, typed(reason, "--reason", longest=LONGEST_REASON))
                return
            done = replay(by=self.by)
        except OSError as error:
            raise CommandError(f"The journal cannot be read: {error}") from error
        if done.lost:
            self.stdout.write(str(done))
        else:
            self.stdout.write("The database is as the journal tells. Nothing to do.")

    def acknowledge(self, number: int, reason: str) -> None:
        """Note that the person who runs this knows of the restore, and tell what it was."""
        for restore in stand_for(number, by=self.by, reason=reason):
            self.stdout.write(f"Acknowledged: after event {restore.agreed} the log begins anew, since {restore.at}.")
