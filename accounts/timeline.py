"""The audit log as pages show it: the newest first, read on from an event's number, and never counted.

The log only grows: to count a million events for the number of a last page that nobody opens takes half a second.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from json import dumps
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, When

from accounts.events import REFUSALS, Outcome
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Capability

PAGE = 25
FEW = 1_000
"""Entities up to which the database is told which ones they are."""

BATCH = 1_000
"""Events that an export reads in one go."""

DISORDER = 1_000
"""By how many events a clock may have gone wrong: within so many, a later number may have an earlier time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; nothing narrows nothing."""

    types: Collection[str] = ()
    outcome: str = ""
    who: str = ""
    """An e-mail address, a person ID, or part of what a command or a gateway is called."""
    actor: User | None = None
    """The same, where the person is known already."""
    target: str = ""
    """A key ID, a person ID and so on; an entity ID stands for everything that happened to that entity."""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is too late."""

    @property
    def kinds(self) -> set[str] | None:
        """The kinds of events that are meant; None for all of them, or all that were done."""
        if self.outcome == Outcome.REFUSED:
            return set(REFUSALS & set(self.types)) if self.types else set(REFUSALS)
        if not self.types:
            return None
        return set(self.types) - REFUSALS if self.outcome else set(self.types)


EVERYTHING = Asked()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events one after the other, the newest first."""

    events: list[AuditEvent]
    is_newest: bool
    """Whether it begins with the newest event there is."""
    older: int | None
    """Before which number the next stretch begins; None where this is the last."""


def stretch(
    user: User,
    *,
    within: Entity | None = None,
    among: QuerySet[Entity] | None = None,
    asked: Asked = EVERYTHING,
    before: str = "",
    size: int = PAGE,
) -> Stretch:
    """Return the `size` newest events that `user` may see, of `within` and what is below it (None: everywhere).

    Of everywhere, `among` leaves those of these entities, and the platform's own.

    `before` is what an address says: a number, and only events with a lower one are meant; anything else is not heard.
    """
    number = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
    found = _newest(_narrowed(_events(user, within, among), user, asked), asked, number, size + 1)
    return Stretch(found[:size], number is None, found[size - 1].number if len(found) > size else None)


COLUMNS = ("Number", "Time (UTC)", "Event", "Outcome", "By", "Person ID", "From", "Request ID", "Object", "Entity ID")
EXPORTED = (*COLUMNS, "Entity", "Details")
"""The columns of the CSV: what programs read is not translated."""


def exported(
    user: User, within: Entity | None, asked: Asked, *, among: QuerySet[Entity] | None = None
) -> Iterator[list[str]]:
    """Yield a row of EXPORTED for each event that is asked for, a few at a time from the database."""
    before: int | None = None
    while True:
        events = _narrowed(_events(user, within, among), user, asked).select_related("actor")
        found = _newest(events, asked, before, BATCH)
        yield from map(_written, found)
        if len(found) < BATCH:
            return
        before = found[-1].number


def _written(event: AuditEvent) -> list[str]:
    at = event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    person = event.actor.person_id if event.actor else ""
    place = (event.entity.entity_id, event.entity.name) if event.entity else ("", "")
    details = dumps(event.details, ensure_ascii=False, sort_keys=True) if event.details else ""
    by = (event.actor_label, person, event.origin, event.request_id)
    return [str(event.number), at, event.type, event.outcome.value, *by, event.target, *place, details]


def _events(user: User, within: Entity | None, among: QuerySet[Entity] | None) -> QuerySet[AuditEvent]:
    """Return what `stretch` looks at, asked for so that both databases find the newest few without reading the rest.

    No planner knows how rare the events of a subtree are. Of a few entities it is told the keys, and looks under each;
    for many it reads the log backwards, and asks of each event whether it is one of theirs.
    """
    if within is None and user.has_platform_capability(Capability.ACTIVITY_VIEW):
        events = AuditEvent.objects.visible_to(user)
        if among is None:
            return events
        opened = Q(entity=None) | Exists(among.filter(pk=OuterRef("entity_id")))
        return events.alias(opened=Case(When(opened, then=1), default=0)).filter(opened=1)
    places = Entity.objects.permitted(user, Capability.ACTIVITY_VIEW)
    if within:
        places = places.below(within)
    few = list(places.order_by().values_list("pk", flat=True)[: FEW + 1])
    if len(few) <= FEW:
        return AuditEvent.objects.visible_to(user).filter(entity__in=few)
    # A value and no condition: of that PostgreSQL would make a join, and begin it at the entities.
    theirs = Case(When(Exists(places.filter(pk=OuterRef("entity_id"))), then=1), default=0)
    return AuditEvent.objects.alias(theirs=theirs).filter(theirs=1)


def _narrowed(events: QuerySet[AuditEvent], user: User, asked: Asked) -> QuerySet[AuditEvent]:
    """Return those of `events` that are asked for, but for their kinds."""
    if asked.actor:
        events = events.filter(actor=asked.actor)
    if asked.who:
        person = User.objects.filter(Q(email=asked.who.casefold()) | Q(person_id=asked.who)).first()
        nobody = {"actor": None, "actor_label__icontains": asked.who}
        events = events.filter(**({"actor": person} if person else nobody))
    if asked.target:
        entity = Entity.objects.visible_to(user).filter(entity_id=asked.target).first()
        events = events.filter(**({"entity": entity} if entity else {"target": asked.target}))
    # Numbers follow the clock, so they bound what has to be read; the times themselves decide.
    if asked.since:
        first = AuditEvent.objects.filter(at__gte=asked.since).order_by("at").values("number")[:1]
        events = events.filter(at__gte=asked.since, number__gte=Subquery(first) - DISORDER)
    if asked.until:
        last = AuditEvent.objects.filter(at__lt=asked.until).order_by("-at").values("number")[:1]
        events = events.filter(at__lt=asked.until, number__lte=Subquery(last) + DISORDER)
    return events


def _newest(events: QuerySet[AuditEvent], asked: Asked, before: int | None, count: int) -> list[AuditEvent]:
    """Return the `count` newest of `events` of the kinds that are asked for, with their entities."""
    events = events.select_related("entity")
    if before is not None:
        events = events.filter(number__lt=before)
    if asked.kinds is None:
        return list((events.exclude(type__in=REFUSALS) if asked.outcome else events)[:count])
    if len(asked.kinds) < 2:
        return list(events.filter(type__in=asked.kinds)[:count])
    return list(events.filter(number__in=_newest_numbers(events, sorted(asked.kinds), count)))


def _newest_numbers(events: QuerySet[AuditEvent], kinds: list[str], count: int) -> list[int]:
    """Return the numbers of the `count` newest of `events` of some kinds.

    The newest of each kind are found in the index one after the other; of several kinds together, no index knows them.
    """
    statements, values = [], []
    for kind in kinds:
        newest = events.filter(type=kind).select_related(None).values("number")[:count]
        try:
            statement, inside = newest.query.sql_with_params()
        except EmptyResultSet:
            continue
        statements.append(f"SELECT number FROM ({statement}) AS of_a_kind")  # noqa: S608  Django's own statement
        values += inside
    if not statements:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(statements)} ORDER BY number DESC LIMIT {count:d}", values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return [number for (number,) in rows]
