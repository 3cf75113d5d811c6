"""Somebody who owns the database changes the audit log, again and again in another way, and is found out each time.

    python -m tests.campaigns.tampers --tries 1000

DATABASE_URL says on which database; it gets one of its own there. Each try takes the triggers off, as an owner may, and
edits, deletes, cuts, inserts, swaps, renumbers or replaces events with plausible values, by SQL; after some of the cuts
the portal starts anew before anybody checks. What it must show: `check_audit`, with the journal as its anchor, finds
every single one, and finds nothing where nothing was done.
"""

import argparse
import hashlib
import hmac
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.conf import settings
from django.db import connection, transaction
from django.test import TestCase

from accounts import audit, audit_triggers, comparison, journal, lifecycle
from accounts.models import AuditEvent, Entity
from portal.management.commands.check_audit import disagreements
from portal.replay import replay
from tests.campaigns import stage
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, put_into
from tokens.models import Token

TABLE = "accounts_auditevent"
COLUMNS = [field.column for field in AuditEvent._meta.fields]
FAR = 1_000_000
"""Added to a number while two events change places."""


@dataclass
class Report:
    """How the tries ended."""

    found: Counter = field(default_factory=Counter)
    """Kind of tampering -> how often it was found."""
    missed: list[str] = field(default_factory=list)
    by_journal: int = 0
    """How many only the journal gave away: the chain that was left was whole."""
    alarms: int = 0
    """Faults that were told although nothing had been done. The promise is that there is none."""
    seconds: float = 0.0

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.found.items()))
        return (
            f"{connection.vendor}: {self.found.total()} of {self.found.total() + len(self.missed)} tampers found, "
            f"{self.by_journal} of them by the journal alone, {self.alarms} false alarms, "
            f"in {self.seconds:.1f} s\n{kinds}"
        )


class Tamperer:
    """Does one random thing to the log that leaves it another one than it was."""

    def __init__(self, chance: random.Random, last: int) -> None:
        self.chance, self.last = chance, last
        self.kinds: dict[str, Callable[[], None]] = {
            "edit": self.edit,
            "exchange a value": self.exchange,
            "delete": self.delete,
            "delete and renumber": self.delete_and_close,
            "cut": self.cut,
            "cut and restart": self.cut_and_restart,
            "cut the beginning": self.behead,
            "empty": lambda: self.run(f"DELETE FROM {TABLE}"),
            "insert": self.insert,
            "insert between": self.insert_between,
            "swap": self.swap,
            "renumber": self.renumber,
            "another key": self.forge,
            "cut and forge": self.cut_and_forge,
        }

    def edit(self) -> None:
        """Give one column of one event another value that could stand there."""
        column = self.chance.choice([name for name in COLUMNS if name != "number"])
        number = self.any_number()
        event = AuditEvent.objects.get(pk=number)
        self.run(f"UPDATE {TABLE} SET {column} = %s WHERE number = %s", self.other_value(column, event), number)

    def other_value(self, column: str, event: AuditEvent) -> object:
        old = getattr(event, column)
        if column == "at":
            moved = old + timedelta(microseconds=self.chance.choice([-1, 1, 10**6, -(10**9)]))
            return connection.ops.adapt_datetimefield_value(moved)
        if column == "details":
            return json.dumps(old | {"reason": self.chance.choice(["", "asked for by the merchant", "0"])})
        if column == "mac":
            bit = 1 << self.chance.randrange(8)
            place = self.chance.randrange(32)
            return bytes(old[:place]) + bytes([old[place] ^ bit]) + bytes(old[place + 1 :])
        known = AuditEvent.objects.exclude(**{column: old}).values_list(column, flat=True).distinct().order_by()
        others = [each for each in known if each != old]
        return self.chance.choice(others) if others else f"{old}x"

    def exchange(self) -> None:
        """Let two events have each other's value of a column."""
        column = self.chance.choice([name for name in COLUMNS if name not in {"number", "details"}])
        one, other = self.two_numbers()
        (first,), (second,) = self.rows(column, one, other)
        self.run(f"UPDATE {TABLE} SET {column} = %s WHERE number = %s", second, one)
        self.run(f"UPDATE {TABLE} SET {column} = %s WHERE number = %s", first, other)

    def delete(self) -> None:
        for number in self.chance.sample(range(1, self.last + 1), self.chance.randint(1, 5)):
            self.run(f"DELETE FROM {TABLE} WHERE number = %s", number)

    def delete_and_close(self) -> None:
        number = self.chance.randint(1, self.last - 1)
        self.run(f"DELETE FROM {TABLE} WHERE number = %s", number)
        self.move(number, -1)

    def cut(self) -> None:
        """Put an older copy in the place of the whole table."""
        self.run(f"DELETE FROM {TABLE} WHERE number > %s", self.chance.randint(0, self.last - 1))

    def cut_and_restart(self) -> None:
        """Cut the end off, and let the portal start anew, as it does by itself, before anybody checks."""
        self.cut()
        with TestCase.captureOnCommitCallbacks(execute=True):  # the whole try is rolled back
            replay(by=SETUP)

    def behead(self) -> None:
        number = self.chance.randint(1, self.last - 1)
        self.run(f"DELETE FROM {TABLE} WHERE number <= %s", number)
        self.move(number, -number)

    def insert(self) -> None:
        self.copy(self.any_number(), self.last + self.chance.choice([1, 1, 1, 7, FAR]))

    def insert_between(self) -> None:
        number = self.any_number()
        self.move(number, 1)
        self.copy(self.any_number(), number + 1)

    def swap(self) -> None:
        one, other = self.two_numbers()
        for before, after in ((one, one + FAR), (other, one), (one + FAR, other)):
            self.run(f"UPDATE {TABLE} SET number = %s WHERE number = %s", after, before)

    def renumber(self) -> None:
        self.move(self.chance.randint(0, self.last - 1), self.chance.choice([1, 2, FAR]))

    def forge(self) -> None:
        """Change an event, and write the chain anew from there on, with a key that was guessed."""
        number = self.any_number()
        self.run(f"UPDATE {TABLE} SET target = %s WHERE number = %s", "mer_0000000000000000", number)
        self.chain_anew(number)

    def cut_and_forge(self) -> None:
        """Cut the end off, and put as many events of another story in its place."""
        kept = self.chance.randint(1, self.last - 1)
        self.run(f"DELETE FROM {TABLE} WHERE number > %s", kept)
        for number in range(kept + 1, self.last + 1):
            self.copy(self.chance.randint(1, kept), number)
        self.chain_anew(kept + 1)

    def chain_anew(self, start: int) -> None:
        previous = AuditEvent.objects.filter(number=start - 1).values_list("mac", flat=True).first() or audit.GENESIS
        for event in AuditEvent.objects.filter(number__gte=start).order_by("number"):
            previous = hmac.digest(b"a key that was guessed", bytes(previous) + repr(event).encode(), hashlib.sha256)
            self.run(f"UPDATE {TABLE} SET mac = %s WHERE number = %s", previous, event.number)

    def move(self, after: int, by: int) -> None:
        """Change every number above `after` by so much."""
        self.run(f"UPDATE {TABLE} SET number = number + {2 * FAR} WHERE number > %s", after)
        self.run(f"UPDATE {TABLE} SET number = number - {2 * FAR} + %s WHERE number > %s", by, FAR + self.last)

    def copy(self, source: int, number: int) -> None:
        columns = ", ".join(name for name in COLUMNS if name != "number")
        self.run(
            f"INSERT INTO {TABLE} (number, {columns}) SELECT %s, {columns} FROM {TABLE} WHERE number = %s",
            number,
            source,
        )

    def any_number(self) -> int:
        return self.chance.randint(1, self.last)

    def two_numbers(self) -> list[int]:
        return self.chance.sample(range(1, self.last + 1), 2)

    @staticmethod
    def rows(column: str, *numbers: int) -> list[tuple]:
        found = []
        with connection.cursor() as cursor:
            for number in numbers:
                cursor.execute(f"SELECT {column} FROM {TABLE} WHERE number = %s", [number])
                found.append(cursor.fetchone())
        return found

    @staticmethod
    def run(statement: str, *values: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)


def story() -> int:
    """Write an ordinary week into the log; return the number of its last event."""
    company = make_entity(Entity.Kind.COMPANY, "Beans")
    for number in range(4):
        merchant = make_merchant(f"Shop {number}", under=company)
        boss = make_administrator(merchant)
        with audit.origin(f"203.0.113.{number}", f"{number:032x}"):
            lifecycle.edit(merchant, name=f"Store {number}", by=boss)
            for status in ("active", "inactive", "revoked", "removed"):
                put_into(Token.objects.get(pk=make_token(merchant)[0].pk), status)
            lifecycle.suspend(Entity.objects.get(pk=merchant.pk), by=boss, reason="Fraud, says “Zoë”")
            lifecycle.reactivate(Entity.objects.get(pk=merchant.pk), by=SETUP)
    return AuditEvent.objects.count()


def campaign(*, tries: int, seed: int = 1) -> Report:
    """Tamper `tries` times with the log of the present database, which the journal knows, and undo it each time."""
    chance, report, started = random.Random(seed), Report(), perf_counter()
    last = story() if not AuditEvent.objects.exists() else AuditEvent.objects.count()
    tamperer = Tamperer(chance, last)
    whole, lines = contents(), settings.AUDIT_JOURNAL.read_bytes()
    while report.found.total() + len(report.missed) < tries:
        kind = chance.choice(list(tamperer.kinds))
        with transaction.atomic():
            for statement in audit_triggers.DROP[connection.vendor]:
                tamperer.run(statement)
            tamperer.kinds[kind]()
            if contents() != whole:  # two events may well have the same value
                chained, told = list(audit.verify()), told_by_the_journal()
                report.found[kind] += bool(chained or told)
                report.by_journal += bool(told and not chained)
                report.missed += [] if chained or told else [kind]
            transaction.set_rollback(True)
        settings.AUDIT_JOURNAL.write_bytes(lines)
    report.alarms = len([*audit.verify(), *told_by_the_journal()]) + (contents() != whole)
    report.seconds = perf_counter() - started
    return report


def told_by_the_journal() -> list[str]:
    last = AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0
    return list(disagreements(comparison.compare(), last))


def contents() -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM {TABLE} ORDER BY number")
        return [tuple(bytes(each) if isinstance(each, memoryview) else each for each in row) for row in cursor]


def main() -> int:
    """Run the campaign in a database of its own; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tries", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        with stage.own_database():
            report = campaign(tries=options.tries, seed=options.seed)
    finally:
        for path in journal.files():
            path.unlink()
    print(report, *report.missed, sep="\n")  # noqa: T201  a command speaks
    return 1 if report.missed or report.alarms else 0


if __name__ == "__main__":
    sys.exit(main())
