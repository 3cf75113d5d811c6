"""Who may see which credentials."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Self

from django.db.models import Case, Q, Value, When
from django.db.models.functions import Coalesce

from accounts.permissions import Capability, roles_with
from accounts.querysets import ScopedQuerySet, tops_of
from tokens.permissions import sdk_roles_with

if TYPE_CHECKING:
    from accounts.models import Entity, User
    from tokens.models import Token


class BearerQuerySet(ScopedQuerySet):
    """Tokens, or rows that hang on one. Capabilities are those for API tokens, translated for SDK tokens."""

    token_path = ""
    """The look-up that leads from a row to its token, with `__` behind it; empty where the row is the token."""

    view_capability = Capability.TOKEN_VIEW

    def permitted(self, user: User, capability: str) -> Self:
        """Return the rows on whose token `user` holds `capability`: as the role says for its kind, or as its own."""
        if not getattr(user, "is_active", False):
            return self.none()
        api, sdk, device, own = (tops_of(user, roles) for roles in _roles(capability))
        path = self.token_path
        is_sdk = Q(**{f"{path}kind": "sdk"})
        # Most roles treat both kinds alike: then the statement is the one for API tokens.
        scope = self._within(api & sdk)
        if api - sdk:
            scope |= self._within(api - sdk) & ~is_sdk
        if sdk - api:
            scope |= self._within(sdk - api) & is_sdk
        if device - sdk:
            of_device = Q(**{f"{path}user": None, f"{path}entity__kind": "terminal"})
            scope |= self._within(device - sdk) & is_sdk & of_device
        if own - sdk:
            scope |= self._within(own - sdk) & is_sdk & Q(**{f"{path}user": user.pk})
        return self.filter(scope)


@cache
def _roles(capability: str) -> tuple[frozenset[str], ...]:
    """Return the roles with `capability` on API tokens, on any SDK token, on a device's, and on the person's own."""
    whose = ({"is_device": False}, {"is_device": True}, {"is_device": False, "is_own": True})
    return roles_with(capability), *(sdk_roles_with(capability, **each) for each in whose)


class TokenQuerySet(BearerQuerySet):
    def get_permitted(self, user: User, capability: str, **lookup: object) -> Token:
        """Return the one token that `lookup` names, with its entity and people. Raises as ScopedQuerySet does."""
        with_people = self.select_related("entity", "user", "created_by", "changed_by")
        return ScopedQuerySet.get_permitted(with_people, user, capability, **lookup)

    def of(self, entity: Entity) -> Self:
        """Return the tokens of that one entity, not of those below it (S0-8, S0-9)."""
        return self.filter(entity=entity)

    def api(self) -> Self:
        """Return the API tokens that stand in lists: not the REST API keys, which have their slots."""
        return self.filter(kind="api", slot="")

    def of_systems(self) -> Self:
        """Return API and SDK tokens together, as above without slots."""
        return self.filter(kind__in=("api", "sdk"), slot="")

    def sdk(self) -> Self:
        """Return the SDK tokens."""
        return self.filter(kind="sdk")

    def of_nobody(self) -> Self:
        """Return those that are bound to no person.

        Not `IS NULL`: almost every token is so, and SQLite would take the index of that column for the short way.
        """
        return self.alias(person=Coalesce("user_id", 0)).filter(person=0)

    def living(self) -> Self:
        """Return those that have not ended: active or inactive, expired or not."""
        return self.filter(status__in=("active", "inactive"))

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


class UsageQuerySet(BearerQuerySet):
    scope_path = "token__entity"
    token_path = "token__"  # noqa: S105  a look-up, not a secret


class UsageTotalQuerySet(BearerQuerySet):
    def tell_all(self, user: User) -> bool:
        """Whether sums tell `user` the truth: not who sees some tokens of an entity, their own, and not the others."""
        _api, sdk, _device, own = (tops_of(user, roles) for roles in _roles(Capability.TOKEN_VIEW))
        return not own - sdk


class SharedKeyQuerySet(ScopedQuerySet):
    view_capability = Capability.KEY_VIEW

    def working(self) -> Self:
        """Return those that fill a slot."""
        return self.filter(status="active")


class SignatureQuerySet(ScopedQuerySet):
    scope_path = "key__entity"
    view_capability = Capability.KEY_VIEW
