"""A platform of the size that is promised, written past the verbs: 10,000 merchants, one of them with 10,000 tokens."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import tree
from accounts.events import EventType
from accounts.models import Entity, Membership, User
from accounts.permissions import Role
from tests.bench import bulk
from tokens import digests, ledger
from tokens.formats import BASE62, KEY_ID_LENGTH
from tokens.permissions import CATALOGUE, write_scope

Kind = Entity.Kind
WORDS = ("Aurora", "Borealis", "Cedar", "Delta", "Ember", "Fjord", "Garnet", "Harbor", "Indigo", "Juniper", "Kestrel")
PARTNERS, COMPANIES, MERCHANTS, CHANNELS, TERMINALS = 20, 8, 58, 3, 2
DIRECT = 800
"""Merchants directly under the first partner, beside those of its companies: a branch of several pages."""
TOKENS, HOURS = 10_000, 24
"""What the one merchant has, and for how many hours each of its tokens was used; the others' are used as well."""
STATUSES = ["active"] * 7 + ["inactive"] * 2 + ["revoked"]


@dataclass(frozen=True, slots=True)
class World:
    """What the pages are asked about, and who asks."""

    partner: Entity
    merchant: Entity
    people: dict[str, User]


def build(*, tokens: int, events: int) -> World:
    """Fill the empty database: 100,000 entities, so many tokens in all, so many events."""
    with transaction.atomic():
        _load_entities()
        merchants = list(Entity.objects.filter(kind=Kind.MERCHANT).order_by("pk").values_list("pk", flat=True))
        # The one of the many tokens is the first that stands directly below the first partner.
        merchants.insert(0, merchants.pop(merchants.index(_merchant().pk)))
        _load_tokens(merchants, tokens)
        _load_usage(len(merchants))
        _load_events(events)
        _invite()
    ledger.sum_up()
    bulk.settle()
    return world()


def world() -> World:
    """Return what `build` made."""
    people = {name: User.objects.get(email=f"{name}@bench.example") for name in ("platform", "partner", "merchant")}
    return World(_partner(), _merchant(), people)


def _partner() -> Entity:
    return Entity.objects.get(pk=1)


def _merchant() -> Entity:
    return Entity.objects.filter(parent=1, kind=Kind.MERCHANT).earliest("pk")


def _invite() -> None:
    places = {"platform": None, "partner": _partner(), "merchant": _merchant()}
    for name, place in places.items():
        role = Role.ADMINISTRATOR if place else Role.PLATFORM_ADMINISTRATOR
        user = User.objects.create_user(f"{name}@bench.example")
        Membership(user=user, role=role, entity=place).save(force_insert=True)


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


def _load_entities() -> None:
    rows = list(forest())
    kinds = {row["pk"]: row["kind"] for row in rows}
    position = ["parent_id", "tree_id", "lft", "rght", "level"]
    now = bulk.moment(timezone.now())
    bulk.load(
        "accounts_entity",
        ["id", "entity_id", "kind", "name", "status", "created_at", *position],
        (
            (
                row["pk"],
                f"{kinds[row['pk']][:3]}_{row['pk']:016d}",
                kinds[row["pk"]].value,
                f"{WORDS[row['pk'] % len(WORDS)]} {kinds[row['pk']]} {row['pk']}",
                "active",
                now,
                *(row[name] for name in position),
            )
            for row in sorted(tree.positions(rows), key=lambda row: row["level"])
        ),
    )


def _load_tokens(merchants: list[int], count: int) -> None:
    """Give the first of `merchants` its TOKENS, and the others the rest in turn."""
    chance, now, pepper = random.Random(7), timezone.now(), digests.newest_pepper()
    scope = write_scope(CATALOGUE)
    columns = "id kind mode status key_id entity_id digest pepper_id last4 scope networks slot alias description"
    others = merchants[1:]

    def rows() -> Iterator[tuple]:
        for number in range(count):
            status = STATUSES[number % len(STATUSES)]
            yield (
                number + 1,
                "api",
                "live",
                status,
                "".join(chance.choices(BASE62, k=KEY_ID_LENGTH)),
                merchants[0] if number < TOKENS else others[number % len(others)],
                None if status == "revoked" else bytes(32),
                pepper,
                "Ab3x",
                scope,
                "",
                "",
                f"{WORDS[number % len(WORDS)]} terminal {number}",
                "",
                bulk.moment(now - timedelta(minutes=number)),
                None if number % 25 == 0 else bulk.moment(now - timedelta(seconds=number)),
                bulk.moment(now + timedelta(days=number % 90, hours=1)) if number % 10 == 0 else None,
            )

    bulk.load("tokens_token", [*columns.split(), "created_at", "last_used_at", "expires_at"], rows())


def _load_usage(merchants: int) -> None:
    """Let each token of the one merchant, and one of each other, be used in every hour of the last day."""
    now = timezone.now()
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    hours = [bulk.moment(this_hour - timedelta(hours=ago)) for ago in range(HOURS)]
    seen = bulk.moment(now)
    bulk.load(
        "tokens_usagebucket",
        ["token_id", "hour", "caller", "outcome", "count", "first_at", "last_at"],
        (
            (pk, hour, "192.0.2.1", "expired" if (pk + ago) % 24 == 0 else "good", (pk + ago) % 50 + 1, seen, seen)
            for pk in range(1, TOKENS + merchants)
            for ago, hour in enumerate(hours)
        ),
    )


def _load_events(count: int) -> None:
    """Write a year of events: of each kind some, a few kinds often and most of them rarely. Nobody checks the chain."""
    entities = list(Entity.objects.order_by("pk").values_list("pk", "entity_id"))
    often, kinds = ["entity.renamed", "token.created", "session.started", "key.read"], EventType.values
    columns = "number at type actor_label entity_id target details origin request_id mac"
    now = timezone.now()
    step = timedelta(days=365) / max(count, 1)
    bulk.load(
        "accounts_auditevent",
        columns.split(),
        (
            (
                number,
                bulk.moment(now - step * (count - number)),
                kinds[number // 500 % len(kinds)] if number % 500 == 0 else often[number % 4],
                "bench",
                *entities[number * 7 % len(entities)],
                "{}",
                "",
                "",
                bytes(32),
            )
            for number in range(1, count + 1)
        ),
    )
