"""How long an import of 10,000 entities takes, into a forest of 100,000.

    python -m tests.bench.imports [--runs 3]

DATABASE_URL says on which database; it gets one of its own there. Half of the rows stand below a partner in the middle
of the forest, half below 1,000 merchants all over it, so that most of what is there moves aside. The time is that of
the whole: reading the file, checking it, positions, rows and audit events, to the end of the transaction.
"""

import argparse
import os
import random
import sys
from time import perf_counter

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.core.management.color import no_style
from django.db import connection

from accounts import audit, imports, tree
from accounts.models import Entity
from tests.bench import scale, world
from tests.campaigns import stage
from tests.factories import SETUP

ROWS, ANCHORS = imports.MOST_ROWS, 1_000


def file(seed: int) -> bytes:
    """Return a file of ROWS rows for the forest of `tests.bench.scale`."""
    chance = random.Random(seed)
    merchants = chance.sample(list(Entity.objects.filter(kind=Entity.Kind.MERCHANT).values_list("entity_id")), ANCHORS)
    partner = Entity.objects.filter(kind=Entity.Kind.PARTNER).order_by("pk")[world.PARTNERS // 2]
    lines = ["name,kind,parent"]
    while len(lines) <= ROWS // 2:
        lines.append(f"Shop {len(lines)},merchant,{partner.entity_id}")
        shop = len(lines)
        lines += [f"Channel {each},channel,{shop}" for each in range(4)]
    while len(lines) <= ROWS:
        lines.append(f"Till {len(lines)},terminal,{chance.choice(merchants)[0]}")
    return "\n".join(lines[: ROWS + 1]).encode()


def measure(seed: int) -> str:
    """Import one file and tell how long that took."""
    content, before = file(seed), Entity.objects.count()
    began = perf_counter()
    plan = imports.read(content, under=None)
    checked = perf_counter()
    count = imports.add_all(plan, by=SETUP)
    done = perf_counter()
    return (
        f"{connection.vendor}: {count:,} entities into {before:,} in {done - began:.1f} s "
        f"({checked - began:.1f} s of it to read and check the file)"
    )


def main() -> int:
    """Build the forest, import, print; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with stage.own_database():
        world.build(tokens=100_000, events=0)
        with connection.cursor() as cursor:  # the forest came with keys of its own
            for statement in connection.ops.sequence_reset_sql(no_style(), [Entity]):
                cursor.execute(statement)
        for seed in range(options.runs):
            scale.say(measure(seed))
        broken = [*tree.check(), *audit.verify()]
    for sentence in broken[:20]:
        scale.say(sentence)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
