"""How the pages answer at the size that is promised: 100,000 entities, 10,000 tokens of one merchant, and more.

    python -m tests.bench.scale [--keep] [--runs 15] [--tokens 1000000] [--events 1000000]

DATABASE_URL says on which database; it gets one of its own there (kept for the next run with --keep). Each page is
asked for through Django's whole request stack, rendering included, in this process; times are medians.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from time import perf_counter

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent, Entity
from tests.bench.world import World, build, world
from tokens.models import Token, UsageBucket


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
        "  activity of a group of kinds": f"{reverse('portal:activity')}?kind=tokens",
        "  activity that was refused": f"{reverse('portal:activity')}?outcome=refused",
        "  activity by one, from a day": f"{reverse('portal:activity')}?who=platform@bench.example&since=2026-01-01",
        "  activity about a key": f"{reverse('portal:activity')}?target=0123456789abcdef&until=2026-12-31",
        "activity of the merchant": reverse("accounts:activity", args=[merchant]),
        "activity of the partner": reverse("accounts:activity", args=[partner]),
        "users of the merchant": reverse("accounts:users", args=[merchant]),
        "invitation": reverse("accounts:invite", args=[merchant]),
        "people": reverse("portal:people"),
        "person": place.people["merchant"].get_absolute_url(),
        "fleet": reverse("tokens:fleet", args=[merchant]),
        "settings, SDK tokens": reverse("tokens:my_sdk_tokens"),
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
    parser.add_argument("--tokens", type=int, default=1_000_000, help="in all; 10,000 are one merchant's")
    parser.add_argument("--events", type=int, default=1_000_000)
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
        place = build(tokens=options.tokens, events=options.events) if is_empty else world()
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
