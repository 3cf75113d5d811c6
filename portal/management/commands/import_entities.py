"""`manage.py import_entities`: many entities from a CSV file, all of them or none."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts import imports, lifecycle
from portal.management.operators import WRONG_USE, OperatorCommand, named_entity


class Command(OperatorCommand):
    """Check the whole file, say what is wrong with it or what it adds, and add it."""

    help = "Adds entities from a CSV file with the columns name, kind and parent: all of them or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the file, and offer the place and a look without consequences."""
        parser.add_argument("file", type=Path, help="in UTF-8; docs/guides/import.md tells of its columns")
        parser.add_argument("--under", metavar="ENTITY_ID", help="below which entity (default: at the top)")
        parser.add_argument("--dry-run", action="store_true", help="check the file and add nothing")

    def handle(self, *_: str, file: Path, under: str | None, dry_run: bool, **__: Any) -> None:
        """Print every fault, or how many entities of which kind were added."""
        entity = named_entity(under) if under else None
        if entity:
            lifecycle.check("add", entity)
        plan = imports.read(_content(file), under=entity)
        if plan.faults:
            for fault in plan.faults:
                self.explain(str(fault))
            raise CommandError(f"{file}: {len(plan.faults)} faults. Nothing was added.", returncode=WRONG_USE)
        kinds = ", ".join(f"{kind.lower()} {count:,}" for kind, count in plan.counts)
        place = f"below {entity} ({entity.entity_id})" if entity else "at the top"
        if dry_run:
            self.stdout.write(f"{len(plan.lines):,} entities would be added {place}: {kinds}.")
            return
        self.explain(f"{len(plan.lines):,} rows are right. Adding them ...")
        count = imports.add_all(plan, by=self.by)
        self.stdout.write(f"{count:,} entities were added {place}: {kinds}.")


def _content(file: Path) -> bytes:
    """Return what stands in `file`, a byte more than is taken where it is larger."""
    try:
        with file.open("rb") as opened:
            return opened.read(imports.MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", returncode=WRONG_USE) from error
