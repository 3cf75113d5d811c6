"""How the pages answer at the size that is promised: 100,000 entities, 10,000 tokens of one merchant.

    python -m tests.bench.scale [--keep] [--runs 15]

DATABASE_URL says on which database; it gets one of its own there (kept for the next run with --keep). Each page is
asked for through Django's whole request stack, rendering included, in this process; times are medians.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import audit, tree
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import Role
from tokens import digests, formats
from tokens.models import Token, UsageBucket
from tokens.permissions import CATALOGUE, write_scope

Kind = Entity.Kind
WORDS = ("Aurora", "Borealis", "Cedar", "Delta", "Ember", "Fjord", "Garnet", "Harbor", "Indigo", "Juniper", "Kestrel")
PARTNERS, COMPANIES, MERCHANTS, CHANNELS, TERMINALS = 20, 8, 20, 4, 5
DIRECT = 800
"""Merchants directly under the first partner, beside those of its companies: a branch of several pages."""
TOKENS, HOURS, EVENTS = 10_000, 24, 50_000


@dataclass(frozen=True, slots=True)
class World:
    """What the pages are asked about, and who asks."""

    partner: Entity
    merchant: Entity
    people: dict[str, User]


def forest() -> Iterator[dict]:
    """Yield `{pk, parent_id, kind}` for every entity, parents first."""
    rows: list[dict] = []

    def stand(kind: str, under: int | None) -> int:
        rows.append({"pk": len(rows) + 1, "parent_id": under, "kind": kind})
        return len(rows)

    def stand_merchants(count: int, under: int) -> None:
        for _ in range(count):
            merchant = stand(Kind.MERCHANT, under)
            for _ in range(CHANNELS):
                channel = stand(Kind.CHANNEL, merchant)
                for _ in range(TERMINALS):
                    stand(Kind.TERMINAL, channel)

    for number in range(PARTNERS):
        partner = stand(Kind.PARTNER, None)
        for _ in range(COMPANIES):
            stand_merchants(MERCHANTS, stand(Kind.COMPANY, partner))
        stand_merchants(0 if number else DIRECT, partner)
    yield from rows


def build() -> World:
    """Fill the empty database: positions computed, rows in bulk, nothing through the verbs."""
    rows = list(forest())
    kinds = {row["pk"]: row["kind"] for row in rows}
    Entity.objects.bulk_create(
        (
            Entity(
                kind=kinds[row["pk"]],
                name=f"{WORDS[row['pk'] % len(WORDS)]} {kinds[row['pk']]} {row['pk']}",
                entity_id=f"{kinds[row['pk']][:3]}_{row['pk']:016d}",
                **row,
            )
            for row in tree.positions(rows)
        ),
        batch_size=2000,
    )
    partner = Entity.objects.get(pk=1)
    merchant = Entity.objects.filter(parent=partner, kind=Kind.MERCHANT).earliest("pk")
    _build_tokens(merchant)
    _build_events()
    people = {"platform": (Role.PLATFORM_ADMINISTRATOR, None), "partner": (Role.ADMINISTRATOR, partner)}
    for name, (role, entity) in (people | {"merchant": (Role.ADMINISTRATOR, merchant)}).items():
        user = User.objects.create_user(f"{name}@bench.example")
        Membership(user=user, role=role, entity=entity).save(force_insert=True)
    if connection.vendor == "postgresql":  # what autovacuum does within a minute
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    return world()


def world() -> World:
    """Return what `build` made."""
    partner = Entity.objects.get(pk=1)
    merchant = Entity.objects.filter(parent=partner, kind=Kind.MERCHANT).earliest("pk")
    people = {name: User.objects.get(email=f"{name}@bench.example") for name in ("platform", "partner", "merchant")}
    return World(partner, merchant, people)


def _build_tokens(merchant: Entity) -> None:
    """Give `merchant` its tokens, each used every hour, and every other merchant one."""
    others = Entity.objects.filter(kind=Kind.MERCHANT).exclude(pk=merchant.pk).values_list("pk", flat=True)
    statuses = ["active"] * 7 + ["inactive"] * 2 + ["revoked"]
    now = timezone.now()
    tokens = [
        _token(owner, number, statuses[number % len(statuses)])
        for number, owner in enumerate([merchant.pk] * TOKENS + list(others))
    ]
    Token.objects.bulk_create(tokens, batch_size=2000)
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    UsageBucket.objects.bulk_create(
        (
            UsageBucket(
                token_id=token.pk,
                hour=this_hour - timedelta(hours=ago),
                caller="192.0.2.1",
                outcome="expired" if (token.pk + ago) % 24 == 0 else "good",
                count=(token.pk + ago) % 50 + 1,
                first_at=now,
                last_at=now,
            )
            for token in tokens[:TOKENS]
            for ago in range(HOURS)
        ),
        batch_size=2000,
    )


def _token(owner: int, number: int, status: str) -> Token:
    minted = formats.mint(Token.Kind.API, "live")
    now = timezone.now()
    return Token(
        entity_id=owner,
        key_id=minted.key_id,
        digest=None if status == "revoked" else bytes(32),
        pepper_id=digests.newest_pepper(),
        last4="Ab3x",
        status=status,
        scope=write_scope(CATALOGUE),
        alias=f"{WORDS[number % len(WORDS)]} terminal {number}",
        created_at=now - timedelta(minutes=number),
        last_used_at=now - timedelta(seconds=number),
    )


def _build_events() -> None:
    """Write a whole chain, a renaming of one entity after the other."""
    entities = list(Entity.objects.order_by("pk").values_list("pk", "entity_id"))
    previous, events, now = audit.GENESIS, [], timezone.now()
    for number in range(1, EVENTS + 1):
        pk, entity_id = entities[number * 7 % len(entities)]
        event = AuditEvent(
            number=number, at=now, type="entity.renamed", actor_label="bench", entity_id=pk, target=entity_id
        )
        event.mac = previous = audit.chain(previous, event)
        events.append(event)
    AuditEvent.objects.bulk_create(events, batch_size=2000)


def pages(place: World) -> dict[str, str]:
    """Return the pages by what a person would call them."""
    merchant, partner = place.merchant.entity_id, place.partner.entity_id
    entity, tab = reverse("portal:entity", args=[merchant]), f"{reverse('portal:entity', args=[merchant])}?"
    return {
        "nothing (livez), to compare": reverse("livez"),
        "entity tab, 10,000 tokens": entity,
        "  sorted by last use": f"{tab}sort=-last_used_at",
        "  page 300": f"{tab}page=300",
        "  filtered and searched": f"{tab}status=inactive&q=cedar",
        "entity tab of the partner": reverse("portal:entity", args=[partner]),
        "dashboard": reverse("portal:dashboard"),
        "merchants": reverse("portal:merchants"),
        "  searched": f"{reverse('portal:merchants')}?q=juniper",
        "activity": reverse("portal:activity"),
        "activity of the merchant": reverse("accounts:activity", args=[merchant]),
        "activity of the partner": reverse("accounts:activity", args=[partner]),
        "users of the merchant": reverse("accounts:users", args=[merchant]),
        "developers": reverse("tokens:developers", args=[merchant]),
        "account": reverse("portal:account"),
        "tree: top": reverse("accounts:roots"),
        "tree: branch of the merchant": reverse("accounts:branch", args=[merchant]),
        "tree: branch of the partner": reverse("accounts:branch", args=[partner]),
        "tree: its third page": f"{reverse('accounts:branch', args=[partner])}?offset=400",
        "search, many hits": f"{reverse('accounts:search')}?q=juniper",
        "search, no hit": f"{reverse('accounts:search')}?q=nowhere",
        "search, by ID": f"{reverse('accounts:search')}?q={merchant}",
    }


def ask(client: Client, address: str) -> int:
    """Ask for one page, as htmx does for the parts of the tree; return the status."""
    parts = {"HTTP_HX_REQUEST": "true"} if "/tree/" in address or "/search/" in address else {}
    return client.get(address, headers={"host": "localhost"}, **parts).status_code


def measure(client: Client, address: str, *, runs: int) -> str:
    """Return `queries / median (best) milliseconds` of a page, or the status where it is no page."""
    status = ask(client, address)
    if status != 200:
        return f"({status})"
    with CaptureQueriesContext(connection) as queries:
        ask(client, address)
    count, times = len(queries), []
    for _ in range(runs):
        began = perf_counter()
        ask(client, address)
        times.append(1000 * (perf_counter() - began))
    return f"{count:2} / {statistics.median(times):6.1f} ({min(times):5.1f})"


def report(place: World, *, runs: int, only: str = "") -> Iterator[str]:
    """Yield the table, line by line."""
    counts = {
        model._meta.verbose_name_plural: model._base_manager.count()
        for model in (Entity, Token, UsageBucket, AuditEvent)
    }
    sizes = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    yield f"{connection.vendor}: {sizes}; queries / median (best) ms"
    yield f"{'':30}" + "".join(f"{name:>21}" for name in place.people)
    clients = {name: Client() for name in place.people}
    for name, client in clients.items():
        client.force_login(place.people[name])
    for name, address in pages(place).items():
        if only in name:
            cells = [measure(client, address, runs=runs) for client in clients.values()]
            yield f"{name:30}" + "".join(f"{cell:>21}" for cell in cells)


def main() -> int:
    """Build what is missing, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="of each page; the median counts")
    parser.add_argument("--keep", action="store_true", help="use and leave a database for the next run")
    parser.add_argument("--only", default="", help="pages whose name holds this")
    options = parser.parse_args()
    own = connection.settings_dict["NAME"]
    if options.keep:
        connection.settings_dict["TEST"]["NAME"] = (
            f"{os.path.dirname(own)}/scale.sqlite3" if "/" in str(own) else "scale"
        )
    connection.creation.create_test_db(verbosity=0, autoclobber=True, keepdb=options.keep)
    try:
        with transaction.atomic():
            is_empty = not Entity.objects.exists()
        began = perf_counter()
        place = build() if is_empty else world()
        say(f"built in {perf_counter() - began:.0f} s" if is_empty else "found")
        for line in report(place, runs=options.runs, only=options.only):
            say(line)
    finally:
        connection.creation.destroy_test_db(own, verbosity=0, keepdb=options.keep)
    return 0


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
