"""Which tokens somebody should look at: those that will stop, that nobody uses, or that are refused again and again.

Each function asks one query, of what the person may see. Whoever sees more than `portal.overview` counts is told what
an index finds: the housekeeping of others, such as tokens that were never used, is not theirs.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Sum, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from accounts.models import Entity, User
from accounts.permissions import Capability
from tokens.evidence import first_hour
from tokens.models import EXPIRES_SOON, Token, UsageTotal
from tokens.verification import GOOD

UNUSED = timedelta(days=30)
"""A token that nobody has used since it was made, so long ago, is nothing but a risk."""

OFTEN = 20
"""Refused requests, of a token in 24 hours or of an entity in one, from which they count as many ..."""
TIMES = 9
"""... unless there were more than so many times as many good ones."""

SHOWN = 4
"""Of each kind that many are named, the most urgent ones."""

RECENTLY = timedelta(hours=6)
"""How far back it is looked at the refusals of very many entities: 10,000 have as many rows for every hour."""

FEW = 500
"""Tokens up to which each is asked for its refusals; beyond, the entities are."""

COLUMNS = ("alias", "kind", "mode", "status", "key_id", "last4", "created_at", "expires_at", "retiring_since")
ENTITY = ("entity__name", "entity__entity_id", "entity__kind")


@dataclass(frozen=True, slots=True)
class Found:
    """A few things of a kind, and how many there are of it."""

    rows: list[Any]
    total: int | None
    """None where they were not counted, and there are more than `rows`."""

    @property
    def others(self) -> int:
        """How many more there are than are named, as far as that is known."""
        return self.total - len(self.rows) if self.total is not None else 0


@dataclass(frozen=True, slots=True)
class Refusals:
    """An entity of whose requests many were refused, in some of the last hours."""

    entity: Entity
    refused: int
    hours: int


def found_in(rows: list[Any]) -> Found:
    """Return what a query found that asked for one more than is shown."""
    return Found(rows[:SHOWN], None if len(rows) > SHOWN else len(rows))


def waiting(user: User) -> dict[str, Found]:
    """Return the working tokens that are `retiring`, `expiring` within 14 days or `unused`, each in one of these.

    And those that have `expired`, so that nobody has to read every token once more to count them.
    """
    now = timezone.now()
    never = Q(last_used_at__isnull=True, created_at__lte=now - UNUSED)
    urgent = (
        When(expires_at__lte=now, then=Value("expired")),
        When(retiring_since__isnull=False, then=Value("retiring")),
        When(expires_at__lte=now + EXPIRES_SOON, then=Value("expiring")),
        When(never, then=Value("unused")),
    )
    order = (F("expires_at").asc(nulls_last=True), F("created_at").asc(), F("pk").asc())
    place = Window(RowNumber(), partition_by=F("why"), order_by=order)
    tokens = _named(Token.objects.visible_to(user).of_systems()).filter(status=Token.Status.ACTIVE)
    tokens = tokens.annotate(why=Case(*urgent, default=Value(""))).exclude(why="")
    found: dict[str, Found] = {}
    for token in (
        tokens.annotate(place=place, total=Window(Count("pk"), partition_by=F("why")))
        .filter(place__lte=SHOWN)
        .order_by("place")
    ):
        found.setdefault(token.why, Found([], token.total)).rows.append(token)
    return found


def next_to_expire(user: User) -> Found:
    """Return the working tokens that expire within 14 days, retiring ones among them, for somebody who sees many."""
    now = timezone.now()
    tokens = _named(Token.objects.of_systems()).filter(status=Token.Status.ACTIVE, expires_at__gt=now)
    soon = _theirs(tokens, user).filter(expires_at__lte=now + EXPIRES_SOON).order_by("expires_at")
    return found_in(list(soon[: SHOWN + 1]))


def refused_tokens(user: User) -> Found:
    """Return the tokens, working or not, that are refused often, with `good` and `refused`: for a few tokens in all."""
    tokens = _named(Token.objects.visible_to(user).of_systems()).filter(usage__hour__gte=first_hour())
    is_good = Q(usage__outcome=GOOD)
    sums = tokens.annotate(
        good=Sum("usage__count", filter=is_good, default=0), refused=Sum("usage__count", filter=~is_good, default=0)
    )
    often = sums.filter(refused__gte=OFTEN, good__lte=F("refused") * TIMES)
    return found_in(list(often.order_by("-refused", "pk")[: SHOWN + 1]))


def refused_entities(user: User, *, are_many: bool) -> Found:
    """Return the entities whose tokens were refused often in one of the last 24 hours, as Refusals.

    `are_many` says that `user` sees very many tokens: then an index over everything leads the way, 6 hours back.
    """
    hours = _theirs(UsageTotal.objects.all(), user) if are_many else UsageTotal.objects.visible_to(user)
    since = timezone.now() - RECENTLY if are_many else first_hour()
    hours = hours.filter(hour__gte=since, refused__gte=OFTEN, good__lte=F("refused") * TIMES)
    sums = hours.values("entity", *ENTITY).annotate(total=Sum("refused"), hours=Count("hour", distinct=True))
    found = [
        Refusals(Entity(**{name.removeprefix("entity__"): row[name] for name in ENTITY}), row["total"], row["hours"])
        for row in sums.order_by("-total", "entity")[: SHOWN + 1]
    ]
    return found_in(found)


def _named(tokens: QuerySet[Token]) -> QuerySet[Token]:
    """Read only what a line about a token shows."""
    return tokens.select_related("entity").only(*COLUMNS, *ENTITY)


def _theirs(rows: QuerySet, user: User) -> QuerySet:
    """Return those of `rows` that `user` may see, asked of each: whatever order `rows` have, an index leads the way."""
    if user.has_platform_capability(Capability.TOKEN_VIEW):
        return rows
    seen = Exists(rows.model.objects.visible_to(user).filter(pk=OuterRef("pk")))
    # A value and no condition: of that PostgreSQL would make a join, and begin it at the entities.
    return rows.alias(theirs=Case(When(seen, then=1), default=0)).filter(theirs=1)
