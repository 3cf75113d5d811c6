"""`manage.py check_tree`: whether the positions in the account tree, the boundary between tenants, are sound."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts import tree
from accounts.models import Entity
from portal.management.operators import OperatorCommand


class Command(OperatorCommand):
    """Compare every position with what the parents say, and number the forest anew where asked to."""

    help = "Checks every position in the account tree. Exit code 1 where one is broken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer the repair."""
        parser.add_argument("--rebuild", action="store_true", help="first number all positions anew from the parents")

    def handle(self, *_: str, rebuild: bool, **__: Any) -> None:
        """Print a sentence for every fault."""
        if rebuild:
            self.stdout.write(f"Numbered anew: {tree.rebuild()} entities had another position.")
        faults = list(tree.check())
        for sentence in faults:
            self.stdout.write(sentence)
        if faults:
            remedy = "Renumbering does not help here." if rebuild else "Run it again with --rebuild."
            raise CommandError(f"The account tree is broken; faults: {len(faults)}. {remedy}")
        self.stdout.write(f"The account tree is sound: {Entity.objects.count()} entities.")
