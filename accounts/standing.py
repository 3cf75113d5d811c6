"""Where an entity stands and what a person may do there: read in one statement for everything a page asks."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404

from accounts.models import Entity, User
from accounts.permissions import Capability, held_on, roles_with
from accounts.querysets import tops_of


@dataclass(frozen=True, slots=True)
class Standing:
    """One entity as one person may know it."""

    entity: Entity
    above: tuple[Entity, ...]
    """The ancestors the person may see, the top first, and the entity itself at the end."""
    is_stopped: bool
    """Whether the entity or anything above it is suspended, seen or unseen."""
    held: frozenset[str]
    """The capabilities the person holds on the entity."""
    chain: tuple[int, ...] = ()
    """The primary keys of everything above, seen or unseen, and of the entity itself: for rules, not for people."""

    @property
    def parent(self) -> Entity | None:
        """The entity above, where the person may see it."""
        return self.above[-2] if len(self.above) > 1 else None

    @property
    def suspended_by(self) -> Entity | None:
        """The topmost suspended entity of those the person may see."""
        return next((each for each in self.above if each.is_suspended), None)


def standing_of(user: User, entity: Entity) -> Standing:
    """Return how `entity`, which `user` may see, stands. One query."""
    return _standing(user, list(Entity.objects.above(entity)))


def standing_at(user: User, capability: str, *, entity_id: str) -> Standing:
    """Return how the entity stands that has this ID and on which `user` holds `capability`. One query for both.

    Raises as `ScopedQuerySet.get_permitted`: Http404 where `user` may not know of it, just as for a missing one.
    """
    chain = list(Entity.objects.above_id(entity_id)) if user.is_active else []
    held = held_on([each.pk for each in chain], user.grants) if chain else frozenset()
    if Capability.ENTITY_VIEW not in held:
        raise Http404
    if capability not in held:
        raise PermissionDenied
    return _standing(user, chain)


def _standing(user: User, chain: list[Entity]) -> Standing:
    entity = chain[-1]
    tops = tops_of(user, roles_with(Capability.ENTITY_VIEW))
    first = next((place for place, each in enumerate(chain) if None in tops or each.pk in tops), len(chain) - 1)
    keys = tuple(each.pk for each in chain)
    held = held_on(keys, user.grants)
    return Standing(entity, tuple(chain[first:]), any(each.is_suspended for each in chain), held, keys)
