"""A person as platform staff see them: where they may do what, where they are signed in, and what they made."""

from dataclasses import dataclass

from django.db.models import QuerySet

from accounts import people
from accounts.members import memberships_of
from accounts.models import AuditEvent, Entity, Membership, Session, User
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
    events: QuerySet[AuditEvent]

    @property
    def made_nothing(self) -> bool:
        return not (self.tokens.count or self.keys.count or self.entities.count)


def dossier_of(person: User, *, reader: User) -> Dossier:
    """Return what `reader`, who may open the page of `person`, finds there."""
    by_person = {"created_by": person}
    return Dossier(
        memberships=memberships_of(person),
        administers_alone=people.administers_alone(person),
        sessions=list(sessions_of(person)) if person.is_active else [],
        tokens=_made(Token.objects.visible_to(reader).filter(**by_person).select_related("entity")),
        keys=_made(SharedKey.objects.visible_to(reader).filter(**by_person).select_related("entity")),
        entities=_made(Entity.objects.visible_to(reader).filter(**by_person)),
        events=AuditEvent.objects.visible_to(reader).filter(actor=person).select_related("entity"),
    )


def _made(rows: QuerySet) -> Made:
    return Made(rows.count(), list(rows.order_by("-created_at", "-pk")[:RECENT]))
