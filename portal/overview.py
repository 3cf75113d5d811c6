"""The figures of the dashboard: how many there are of what, below what a person may see."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts.models import Entity, User
from tokens.evidence import traffic_below
from tokens.models import Token

MOST_COUNTED = 25_000
"""Tokens that the dashboard counts: more than one merchant may have. To count a million takes half a second."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over everything a person sees, and the requests of the last 24 hours."""

    merchants: int
    suspended: int
    are_too_many: bool
    """Whether there are more tokens than are counted; then the figures of tokens are not those of all of them."""
    active: int
    inactive: int
    expired: int
    good: int
    refused: int
    most: int = MOST_COUNTED


def totals_for(user: User) -> Totals:
    """Return the figures for `user`, in three queries."""
    entities = Entity.objects.visible_to(user).aggregate(
        merchants=Count("pk", filter=Q(kind=Entity.Kind.MERCHANT)),
        suspended=Count("pk", filter=Q(status=Entity.Status.SUSPENDED)),
    )
    tokens = Token.objects.visible_to(user).order_by()[: MOST_COUNTED + 1]
    counts = tokens.aggregate(
        everything=Count("pk"),
        active=Count("pk", filter=Q(status="active")),
        expired=Count("pk", filter=Q(status="active", expires_at__lte=timezone.now())),
        inactive=Count("pk", filter=Q(status="inactive")),
    )
    counts |= {"are_too_many": counts.pop("everything") > MOST_COUNTED, "active": counts["active"] - counts["expired"]}
    good, refused = traffic_below(user).aggregate(all_good=Sum("good"), all_refused=Sum("refused")).values()
    return Totals(**entities, **counts, good=good or 0, refused=refused or 0)
