"""The audit log as pages show it: the newest first, read on from an event's number, and never counted.

The log only grows: to count a million events for the number of a last page that nobody opens takes half a second.
"""

from dataclasses import dataclass

from django.db.models import Case, Exists, OuterRef, QuerySet, When

from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Capability

PAGE = 25
FEW = 1_000
"""Entities up to which the database is told which ones they are."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events one after the other, the newest first."""

    events: list[AuditEvent]
    is_newest: bool
    """Whether it begins with the newest event there is."""
    older: int | None
    """Before which number the next stretch begins; None where this is the last."""


def stretch(user: User, *, within: Entity | None = None, before: str = "", size: int = PAGE) -> Stretch:
    """Return the `size` newest events that `user` may see, of `within` and what is below it (None: everywhere).

    `before` is what an address says: a number, and only events with a lower one are meant; anything else is not heard.
    """
    events = _events(user, within).select_related("entity")
    number = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
    if number is not None:
        events = events.filter(number__lt=number)
    found = list(events[: size + 1])
    return Stretch(found[:size], number is None, found[size - 1].number if len(found) > size else None)


def _events(user: User, within: Entity | None) -> QuerySet[AuditEvent]:
    """Return what `stretch` looks at, asked for so that both databases find the newest few without reading the rest.

    No planner knows how rare the events of a subtree are. Of a few entities it is told the keys, and looks under each;
    for many it reads the log backwards, and asks of each event whether it is one of theirs.
    """
    if within is None and user.has_platform_capability(Capability.ACTIVITY_VIEW):
        return AuditEvent.objects.visible_to(user)
    places = Entity.objects.permitted(user, Capability.ACTIVITY_VIEW)
    if within:
        places = places.below(within)
    few = list(places.order_by().values_list("pk", flat=True)[: FEW + 1])
    if len(few) <= FEW:
        return AuditEvent.objects.visible_to(user).filter(entity__in=few)
    # A value and no condition: of that PostgreSQL would make a join, and begin it at the entities.
    theirs = Case(When(Exists(places.filter(pk=OuterRef("entity_id"))), then=1), default=0)
    return AuditEvent.objects.alias(theirs=theirs).filter(theirs=1)
