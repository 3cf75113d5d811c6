"""A person as platform staff see them: where they may do what, where they are signed in, and what they made."""

from dataclasses import dataclass

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts import people
from accounts.members import memberships_of
from accounts.models import Entity, Membership, Session, User
from accounts.signin.sessions import sessions_of
from tokens.models import SharedKey, Token

RECENT = 10


@dataclass(frozen=True, slots=True)
class Made:
    """Things of one kind that a person made: how many, and the newest of them."""

    count: int
    newest: list


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that the page of a person shows, narrowed to what its reader may see."""

    memberships: list[Membership]
    administers_alone: list[Entity]
    sessions: list[Session]
    tokens: Made
    keys: Made
    entities: Made

    @property
    def made_nothing(self) -> bool:
        return not (self.tokens.count or self.keys.count or self.entities.count)


def dossier_of(person: User, *, reader: User) -> Dossier:
    """Return what `reader`, who may open the page of `person`, finds there. Seven queries."""
    memberships = memberships_of(person)
    person.grants = tuple((membership.entity_id, membership.role) for membership in memberships)  # not to be read again
    made = {
        "tokens": Token.objects.visible_to(reader).filter(created_by=person).select_related("entity"),
        "keys": SharedKey.objects.visible_to(reader).filter(created_by=person).select_related("entity"),
        "entities": Entity.objects.visible_to(reader).filter(created_by=person),
    }
    counts = _counts(person, made)
    return Dossier(
        memberships=memberships,
        administers_alone=people.administers_alone(person),
        sessions=list(sessions_of(person)) if person.is_active else [],
        **{name: Made(counts[name], list(rows.order_by("-created_at", "-pk")[:RECENT])) for name, rows in made.items()},
    )


def _counts(person: User, made: dict[str, QuerySet]) -> dict[str, int]:
    """Return how many rows each of `made` has, all of them made by `person`, in one query."""
    counted = {
        name: rows.filter(created_by=OuterRef("pk")).order_by().values("created_by").annotate(count=Count("pk"))
        for name, rows in made.items()
    }
    counts = {name: Coalesce(Subquery(rows.values("count")), 0) for name, rows in counted.items()}
    found: dict[str, int] = User.objects.filter(pk=person.pk).values(**counts).get()
    return found
