"""The figures of the dashboard: how many there are of what, below what a person may see."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts.models import Entity, User
from tokens.evidence import traffic_below
from tokens.models import Token


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over everything a person sees, and the requests of the last 24 hours."""

    merchants: int
    suspended: int
    active: int
    inactive: int
    expired: int
    good: int
    refused: int


def totals_for(user: User) -> Totals:
    """Return the figures for `user`, in three queries."""
    now = timezone.now()
    entities = Entity.objects.visible_to(user).aggregate(
        merchants=Count("pk", filter=Q(kind=Entity.Kind.MERCHANT)),
        suspended=Count("pk", filter=Q(status=Entity.Status.SUSPENDED)),
    )
    expired = Q(status="active", expires_at__lte=now)
    tokens = Token.objects.visible_to(user).aggregate(
        all_active=Count("pk", filter=Q(status="active")),
        expired=Count("pk", filter=expired),
        inactive=Count("pk", filter=Q(status="inactive")),
    )
    good, refused = traffic_below(user).aggregate(all_good=Sum("good"), all_refused=Sum("refused")).values()
    active = tokens.pop("all_active") - tokens["expired"]
    return Totals(**entities, **tokens, active=active, good=good or 0, refused=refused or 0)
