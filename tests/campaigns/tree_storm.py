"""The tree storm: several processes add, move, rename, suspend and reactivate entities at once, on stale instances.

    python -m tests.campaigns.tree_storm --processes 4 --operations 500

DATABASE_URL says on which database; it gets one of its own there. What it must show: no error of a lock or deadlock,
no broken position, a whole audit chain, and a forest in which every entity is as the chain says it should be.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from time import perf_counter

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import DatabaseError, connection, transaction

from accounts import audit, lifecycle, tree
from accounts.models import NESTING, AuditEvent, Entity
from accounts.refusals import Refused
from tests import processes
from tests.campaigns import stage
from tests.factories import SETUP, make_entity, make_merchant

WEIGHTS = {"add": 40, "move": 30, "edit": 10, "suspend": 10, "reactivate": 10}
HOT = 12
"""Every other operation goes to one of the first so many entities, where all workers meet."""
AGE = 20
"""Operations that a worker makes on the rows it read before it reads again: most of what it holds is stale."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a storm did and what it broke."""

    done: Counter
    errors: list[str]
    broken: list[str]
    seconds: float

    def __str__(self) -> str:
        done = ", ".join(f"{count} {verb}" for verb, count in sorted(self.done.items()))
        return (
            f"{connection.vendor}: {self.done.total()} operations in {self.seconds:.1f} s "
            f"({self.done.total() / self.seconds:.0f}/s): {done}; "
            f"{len(self.errors)} lock errors, {len(self.broken)} broken invariants"
        )


def storm(*, workers: int, operations: int) -> Report:
    """Let so many `workers` work on the present database at once, each with `operations`; check what they leave."""
    _plant()
    command = [sys.executable, "-m", "tests.campaigns.tree_storm", "--operations", str(operations), "--worker"]
    environment = os.environ | {"DATABASE_URL": processes.database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    started = perf_counter()
    running = [
        subprocess.Popen([*command, str(seed)], env=environment, stdout=subprocess.PIPE, text=True)
        for seed in range(workers)
    ]
    answers = [json.loads(each.communicate()[0] or '{"done": {}, "errors": ["died"]}') for each in running]
    done = sum((Counter(answer["done"]) for answer in answers), Counter())
    errors = [error for answer in answers for error in answer["errors"]]
    return Report(done, errors, [*tree.check(), *audit.verify(), *unlike_the_chain()], perf_counter() - started)


def unlike_the_chain() -> list[str]:
    """Return a sentence for every entity that is not what its events say: then a change was lost or made twice."""
    told: dict[str, dict] = {}
    for event in AuditEvent.objects.filter(type__startswith="entity.").order_by("number"):
        match event.type:
            case AuditEvent.Type.ENTITY_ADDED:
                told[event.target] = {"parent": event.details["under"], "status": "active"} | {
                    "name": event.details["name"]
                }
            case AuditEvent.Type.ENTITY_MOVED:
                told[event.target]["parent"] = event.details["after"]
            case AuditEvent.Type.ENTITY_RENAMED:
                told[event.target]["name"] = event.details["after"]
            case AuditEvent.Type.ENTITY_SUSPENDED:
                told[event.target]["status"] = "suspended"
            case AuditEvent.Type.ENTITY_REACTIVATED:
                told[event.target]["status"] = "active"
    stored = {
        entity.entity_id: {
            "parent": entity.parent.entity_id if entity.parent else "",
            "status": entity.status,
            "name": entity.name,
        }
        for entity in Entity.objects.select_related("parent")
    }
    return [
        f"{key}: the chain says {told.get(key)}, the row says {stored.get(key)}."
        for key in sorted(told.keys() | stored.keys())
        if told.get(key) != stored.get(key)
    ]


def work(seed: int, operations: int) -> dict:
    """Make `operations` at random; return how many of which were done or refused, and every error."""
    chance = random.Random(seed)
    done: Counter = Counter()
    errors = []
    entities: list[Entity] = []
    for number in range(operations):
        if number % AGE == 0:
            entities = list(Entity.objects.order_by("pk"))
        verb = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        try:
            _act(verb, chance, entities, f"{verb} {seed}.{number}")
            done[verb] += 1
        except Refused:
            done["refused"] += 1
        except DatabaseError as error:
            errors.append(f"{verb}: {error!r}")
    return {"done": done, "errors": errors}


def _act(verb: str, chance: random.Random, entities: list[Entity], name: str) -> None:
    entity = chance.choice(entities[: HOT if chance.random() < 0.5 else None])
    match verb:
        case "add":
            kinds = [kind for kind, above in NESTING.items() if entity.kind in above] or [Entity.Kind.COMPANY]
            under = None if entity.kind == Entity.Kind.TERMINAL else entity
            entities.append(lifecycle.add(kind=chance.choice(kinds), name=name, under=under, by=SETUP))
        case "move":
            fitting = [each for each in entities if each.kind in NESTING[entity.kind]]
            to_top = None in NESTING[entity.kind] and chance.random() < 0.1
            lifecycle.move(entity, under=None if to_top else chance.choice(fitting or [entity]), by=SETUP)
        case "edit":
            lifecycle.edit(entity, name=name, by=SETUP)
        case "suspend":
            lifecycle.suspend(entity, by=SETUP)
        case "reactivate":
            lifecycle.reactivate(entity, by=SETUP)


def _plant() -> None:
    with transaction.atomic():
        for _ in range(2):
            company = make_entity(Entity.Kind.COMPANY, under=make_entity(Entity.Kind.PARTNER))
            for _ in range(2):
                merchant = make_merchant(under=company)
                make_entity(Entity.Kind.TERMINAL, under=make_entity(Entity.Kind.CHANNEL, under=merchant))


def main() -> int:
    """Run the campaign in a database of its own, or one worker of it; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--operations", type=int, default=500, help="of each process")
    parser.add_argument("--worker", type=int, metavar="SEED", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        print(json.dumps(work(options.worker, options.operations)))  # noqa: T201  read by the parent
        return 0
    with stage.own_database():
        report = storm(workers=options.processes, operations=options.operations)
    print(report, *report.errors, *report.broken, sep="\n")  # noqa: T201  a command speaks
    return 1 if report.errors or report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
