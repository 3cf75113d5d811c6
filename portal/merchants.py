"""The grid of merchants: how it is filtered and sorted, and what each row tells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import django_filters
from django.db.models import Count, F, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.batches import in_batches
from accounts.models import Entity, User
from accounts.permissions import Capability
from tokens.evidence import traffic_below
from tokens.models import Token

LEAVES = (Entity.Kind.MERCHANT, Entity.Kind.CHANNEL, Entity.Kind.TERMINAL)
"""Kinds under which no merchant stands."""

ORDERS = {
    "name": (Lower("name"), "pk"),
    "-name": (Lower("name").desc(), "pk"),
    "status": ("status", Lower("name"), "pk"),
    "-status": ("-status", Lower("name"), "pk"),
    "created": ("created_at", "pk"),
    "-created": ("-created_at", "pk"),
    "used": (F("used_at").asc(nulls_last=True), "pk"),
    "-used": (F("used_at").desc(nulls_last=True), "pk"),
}
"""What `?sort=` may say -> the order it gives. `used` is the last activity of any token."""

EXPORTED = (
    "Merchant",
    "Entity ID",
    "Status",
    "Created",
    "Active tokens",
    "Inactive tokens",
    "Expired tokens",
    "Accepted in 24 h",
    "Refused in 24 h",
    "Last activity",
)


class MerchantFilter(django_filters.FilterSet):
    """By status, and by name or entity ID."""

    status = django_filters.ChoiceFilter(choices=Entity.Status.choices, label=_("Status"))
    q = django_filters.CharFilter(method="filter_text", label=_("Find a merchant"))

    class Meta:
        model = Entity
        fields = ()

    @property
    def sort(self) -> str:
        """The order that is asked for, by name where none is."""
        asked = self.data.get("sort", "")
        return asked if asked in ORDERS else "name"

    def sorted(self) -> QuerySet:
        """Return the chosen merchants in the order that is asked for."""
        if not self.sort.endswith("used"):
            return self.qs.order_by(*ORDERS[self.sort])
        used = Token.objects.filter(entity=OuterRef("pk"), last_used_at__isnull=False).order_by("-last_used_at")
        found = self.qs.annotate(used_at=Subquery(used.values("last_used_at")[:1]))
        return found.order_by(*ORDERS[self.sort])

    def filter_text(self, queryset: QuerySet, _name: str, text: str) -> QuerySet:
        return queryset.search(text[:80])


@dataclass(slots=True)
class Row:
    """A merchant, its tokens, and their requests of the last 24 hours."""

    merchant: Entity
    active: int = 0
    inactive: int = 0
    expired: int = 0
    good: int = 0
    refused: int = 0
    used_at: datetime | None = None

    @property
    def requests(self) -> int:
        return self.good + self.refused

    @property
    def error_rate(self) -> float:
        """Refused requests in per cent of all (S3-4)."""
        return 100 * self.refused / self.requests if self.requests else 0.0


def rows_for(user: User, merchants: Sequence[Entity]) -> list[Row]:
    """Return a row for each of `merchants`, in two queries; tokens that `user` may not see are not counted."""
    rows = {merchant.pk: Row(merchant) for merchant in merchants}
    # Put the other way round, SQLite reads every token that the person sees to find those of 25 merchants.
    seen = Entity.objects.permitted(user, Capability.TOKEN_VIEW).filter(pk__in=list(rows))
    tokens = Token.objects.filter(entity__in=seen.order_by().values("pk"))
    api = Q(kind=Token.Kind.API, slot="")
    counts = tokens.values("entity").annotate(
        active=Count("pk", filter=api & Q(status="active")),
        expired=Count("pk", filter=api & Q(status="active", expires_at__lte=timezone.now())),
        inactive=Count("pk", filter=api & Q(status="inactive")),
        used_at=Max("last_used_at"),
    )
    for found in counts:
        row = rows[found["entity"]]
        row.inactive, row.expired, row.used_at = found["inactive"], found["expired"], found["used_at"]
        row.active = found["active"] - row.expired
    traffic = traffic_below(user).filter(entity__in=list(rows)).values("entity")
    for found in traffic.annotate(all_good=Sum("good"), all_refused=Sum("refused")):
        row = rows[found["entity"]]
        row.good, row.refused = found["all_good"], found["all_refused"]
    return list(rows.values())


def exported(user: User, merchants: QuerySet) -> Iterator[list[str]]:
    """Yield a row of EXPORTED for each of `merchants`, a few at a time from the database."""
    for batch in in_batches(merchants.iterator(chunk_size=200), 200):
        yield from map(_written, rows_for(user, batch))


def _written(row: Row) -> list[str]:
    merchant, used = row.merchant, row.used_at.isoformat(timespec="seconds") if row.used_at else ""
    created = merchant.created_at.isoformat(timespec="seconds")
    figures = [str(figure) for figure in (row.active, row.inactive, row.expired, row.good, row.refused)]
    return [merchant.name, merchant.entity_id, merchant.status, created, *figures, used]
