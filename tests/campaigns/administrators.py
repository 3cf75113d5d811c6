"""The last administrator stays, though all of them are to lose their role at the same moment, again and again.

    python -m tests.campaigns.administrators --tries 1000

DATABASE_URL says on which database; it gets one of its own there. In each try the roles of all administrators of a
merchant, or of the platform, are to end at once, each over a connection of its own: by removal, by a lesser role or, on
the platform, by switching the person off. What it must show: that somebody is left after every single try.
"""

import argparse
import os
import random
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import DatabaseError, connection

from accounts import audit, members, people
from accounts.models import Entity, Membership, User
from accounts.permissions import Role
from accounts.public_ids import new_person_id
from accounts.refusals import Refused
from tests.campaigns import stage
from tests.factories import SETUP, make_merchant

MOST = 4
"""Administrators who meet in one try, at least two."""


@dataclass(slots=True)
class Report:
    """How the tries ended."""

    left: Counter = field(default_factory=Counter)
    """How many administrators were left -> in how many tries."""
    done: int = 0
    refused: int = 0
    errors: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tries(self) -> int:
        return self.left.total()

    @property
    def without(self) -> int:
        """Tries after which nobody was left. The promise is that there is none."""
        return self.left[0]

    def __str__(self) -> str:
        return (
            f"{connection.vendor}: {self.without} of {self.tries} tries left no administrator; "
            f"{self.done} roles ended, {self.refused} refused, {len(self.errors)} errors, in {self.seconds:.1f} s"
        )


def race(*, tries: int, seed: int = 1) -> Report:
    """Let all administrators lose their role at once, `tries` times, on the present database."""
    chance, report, started = random.Random(seed), Report(), perf_counter()
    merchant = make_merchant("The prize")
    with ThreadPoolExecutor(MOST) as pool:
        for number in range(tries):
            entity = merchant if number % 2 else None
            for outcome in _one_try(pool, chance, entity):
                report.done += outcome is None
                report.refused += isinstance(outcome, Refused)
                report.errors += [repr(outcome)] if isinstance(outcome, DatabaseError) else []
            report.left[_administrators(entity).filter(user__is_active=True).count()] += 1
            _clear(entity)
    report.broken = list(audit.verify())
    report.seconds = perf_counter() - started
    return report


def _one_try(pool: ThreadPoolExecutor, chance: random.Random, entity: Entity | None) -> list[BaseException | None]:
    """Let two to four administrators lose their role at once; return what became of each attempt."""
    role = Role.ADMINISTRATOR if entity else Role.PLATFORM_ADMINISTRATOR
    count = chance.randint(2, MOST)
    everybody = [_appoint(role, entity) for _ in range(count)]
    barrier = threading.Barrier(count)
    verbs = ["remove", "change", *([] if entity else ["disable"])]
    begun = [pool.submit(_end, chance.choice(verbs), each, barrier) for each in everybody]
    return [future.result(timeout=60) for future in begun]


def _appoint(role: str, entity: Entity | None) -> Membership:
    """Return the membership of a new person without a password: hashing one takes longer than everything else here."""
    user = User.objects.create_user(f"{new_person_id()}@test.example")
    membership = Membership(user=user, role=role, entity=entity)
    membership.save(force_insert=True)
    return membership


def _end(verb: str, membership: Membership, barrier: threading.Barrier) -> BaseException | None:
    """End this role by `verb` when everybody is ready; return the refusal or the fault, None where it was done."""
    connection.ensure_connection()
    barrier.wait(30)
    try:
        if verb == "remove":
            members.remove(membership, by=SETUP)
        elif verb == "change":
            members.change_role(membership, role=Role.VIEWER if membership.entity else Role.SUPPORT, by=SETUP)
        else:
            people.disable(membership.user, by=SETUP)
    except (Refused, DatabaseError) as outcome:
        return outcome
    finally:
        connection.close()
    return None


def _administrators(entity: Entity | None):
    return Membership.objects.filter(entity=entity, role__in=members.ADMINISTRATORS)


def _clear(entity: Entity | None) -> None:
    """Make room for the next try, past the verbs: they would keep one."""
    _administrators(entity).delete()
    User.objects.filter(is_active=False).update(is_active=True)


def main() -> int:
    """Run the campaign in a database of its own; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tries", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with stage.own_database():
        report = race(tries=options.tries, seed=options.seed)
    print(report, *report.errors, *report.broken, sep="\n")  # noqa: T201  a command speaks
    return 1 if report.without or report.errors or report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
