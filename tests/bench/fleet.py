"""How long it takes to issue tokens for a thousand terminals: one form, one answer, an audit event each.

    python -m tests.bench.fleet [--rounds 3] [--terminals 1000]

DATABASE_URL says on which database; it gets one of its own there. The form is sent through Django's whole request
stack, and the page with the tokens is part of the time. Afterwards every table is searched for each of them.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from time import perf_counter
from uuid import uuid4

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection
from django.urls import reverse

from accounts import audit, imports
from accounts.models import AuditEvent, Entity
from tests.campaigns import stage
from tests.canary import database_files, tables
from tests.factories import SETUP, make_administrator, make_merchant
from tests.reading import client_of, main_of
from tokens.models import Token


def build(terminals: int) -> Entity:
    """Return a new merchant with so many terminals."""
    merchant = make_merchant()
    rows = "".join(f"Till {number:04},terminal\n" for number in range(terminals))
    imports.add_all(imports.read(f"name,kind\n{rows}".encode(), under=merchant), by=SETUP)
    return Entity.objects.get(pk=merchant.pk)


def issue(merchant: Entity) -> tuple[float, int, list[str]]:
    """Issue a token for every terminal of `merchant`; return the seconds, the events and the tokens."""
    client = client_of(make_administrator(merchant))
    form = {"all": "1", "mode": "live", "form_key": str(uuid4())}
    address, before = reverse("tokens:fleet_issue", args=[merchant.entity_id]), AuditEvent.objects.count()
    began = perf_counter()
    response = client.post(address, form, headers={"host": "localhost"})
    took = perf_counter() - began
    return took, AuditEvent.objects.count() - before, [row["Token"] for row in main_of(response).rows]


def kept(secrets: list[str]) -> int:
    """Return how many of `secrets` anything in the database still holds, in whole or without its last characters."""
    written = "\n".join(tables().values()) + "".join(path.read_bytes().decode("latin-1") for path in database_files())
    return sum(secret[-49:-6] in written for secret in secrets)


def report(*, rounds: int, terminals: int) -> Iterator[str]:
    """Yield a line for each round, and the median."""
    times = []
    for _ in range(rounds):
        merchant = build(terminals)
        took, events, secrets = issue(merchant)
        made = Token.objects.below(merchant).count()
        times.append(took)
        yield (
            f"{took:5.2f} s: {len(secrets):,} tokens in one answer, {made:,} rows, {events:,} events, "
            f"{kept(secrets)} of them kept anywhere"
        )
    chain = list(audit.verify()) or "whole"
    yield f"{connection.vendor}: median {statistics.median(times):.2f} s; audit chain: {chain}"


def main() -> int:
    """Build, issue, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--terminals", type=int, default=1000)
    options = parser.parse_args()
    with stage.own_database():
        for line in report(rounds=options.rounds, terminals=options.terminals):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
