"""Who may see which credentials."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db.models import Case, Q, Value, When

from accounts.permissions import Capability
from accounts.querysets import ScopedQuerySet

if TYPE_CHECKING:
    from accounts.models import Entity, User
    from tokens.models import Token


class TokenQuerySet(ScopedQuerySet):
    view_capability = Capability.TOKEN_VIEW

    def get_permitted(self, user: User, capability: str, **lookup: object) -> Token:
        """Return the one token that `lookup` names, with its entity and people. Raises as ScopedQuerySet does."""
        with_people = self.select_related("entity", "created_by", "changed_by")
        return ScopedQuerySet.get_permitted(with_people, user, capability, **lookup)

    def of(self, entity: Entity) -> Self:
        """Return the tokens of that one entity, not of those below it (S0-8, S0-9)."""
        return self.filter(entity=entity)

    def api(self) -> Self:
        """Return the API tokens that stand in lists: not the REST API keys, which have their slots."""
        return self.filter(kind="api", slot="")

    def listed(self) -> Self:
        """Return those that a list shows unasked: everything but removed ones (ruling C3)."""
        return self.exclude(status="removed")

    def in_state(self, state: str, now: datetime) -> Self:
        """Return those in `state` at `now`: a stored status, or what only the clock and a rotation tell.

        `expiring` are those of the active ones that expire within 14 days.
        """
        if state == "expired":
            return self.filter(status="active", expires_at__lte=now)
        works = Q(Q(expires_at__isnull=True) | Q(expires_at__gt=now), status="active")
        if state == "active":
            return self.filter(works, retiring_since__isnull=True)
        if state == "retiring":
            return self.filter(works, retiring_since__isnull=False)
        if state == "expiring":
            return self.filter(works, retiring_since__isnull=True, expires_at__lte=now + timedelta(days=14))
        return self.filter(status=state)

    def by_state(self, now: datetime, *, descending: bool = False) -> Self:
        """Order by the state at `now` (active, retiring, expired, inactive, revoked, removed), the newest first (S3-2).

        The stored status comes first of what is asked: an inactive token that has expired too is an inactive one.
        """
        ended = [When(status=status, then=place) for place, status in enumerate(("inactive", "revoked", "removed"), 3)]
        on_the_way = [When(expires_at__lte=now, then=2), When(retiring_since__isnull=False, then=1)]
        place = Case(*ended, *on_the_way, default=Value(0))
        return self.order_by(place.desc() if descending else place, "-created_at", "-pk")

    def search(self, text: str) -> Self:
        """Return those whose alias contains `text` or whose key ID begins with it."""
        return self.filter(Q(alias__icontains=text) | Q(key_id__startswith=text))


class UsageQuerySet(ScopedQuerySet):
    scope_path = "token__entity"
    view_capability = Capability.TOKEN_VIEW


class UsageTotalQuerySet(BearerQuerySet):
    def tell_all(self, user: User) -> bool:
        """Whether sums tell `user` the truth: not who sees some tokens of an entity, their own, and not the others."""
        _api, sdk, own = (tops_of(user, roles) for roles in _roles(Capability.TOKEN_VIEW))
        return not own - sdk


class SharedKeyQuerySet(ScopedQuerySet):
    view_capability = Capability.KEY_VIEW

    def working(self) -> Self:
        """Return those that fill a slot."""
        return self.filter(status="active")


class SignatureQuerySet(ScopedQuerySet):
    scope_path = "key__entity"
    view_capability = Capability.KEY_VIEW
