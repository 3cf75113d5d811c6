"""Where an entity stands and what a person may do there: read in one statement for everything a page asks."""

from dataclasses import dataclass

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
    chain = list(Entity.objects.above(entity))
    tops = tops_of(user, roles_with(Capability.ENTITY_VIEW))
    first = next((place for place, each in enumerate(chain) if None in tops or each.pk in tops), len(chain) - 1)
    held = held_on([each.pk for each in chain], user.grants)
    return Standing(entity, tuple(chain[first:]), any(each.is_suspended for each in chain), held)
