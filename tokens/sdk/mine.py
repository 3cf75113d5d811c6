"""Settings > SDK tokens: what belongs to the reader's own roles, one group for each entity on which they have one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, OuterRef, Window
from django.db.models.functions import Lower, RowNumber

from accounts.models import Entity, Membership, User
from accounts.permissions import ROLE_CAPABILITIES, Capability, Role
from accounts.standing import Standing
from tokens.evidence import Evidence, evidence_of
from tokens.models import Token
from tokens.owners import WITH_PEOPLES_TOKENS, can_create_sdk
from tokens.permissions import held_on
from tokens.tables import verbs_for

GROUPS = 10
"""Entities on one page."""
SHOWN = 10
"""Tokens of an entity that are shown here; the others stand on its own page."""


@dataclass(slots=True)
class Group:
    """The SDK tokens of one entity, as somebody with a role there has to do with them."""

    standing: Standing
    """The entity, with what the reader holds there through the roles they were given on it."""
    roles: list[str]
    """The labels of those roles."""
    rows: list[dict] = field(default_factory=list)
    """The first SHOWN tokens, as `tokens.tables` has them."""
    total: int = 0

    @property
    def entity(self) -> Entity:
        return self.standing.entity

    @property
    def has_tokens(self) -> bool:
        """Whether SDK tokens stand at entities of this kind at all."""
        return self.entity.kind in WITH_PEOPLES_TOKENS

    @property
    def has_fleet(self) -> bool:
        return self.has_tokens and not self.only_own and self.entity.kind != Entity.Kind.TERMINAL

    @property
    def can_add(self) -> bool:
        return can_create_sdk(self.standing)

    @property
    def only_own(self) -> bool:
        return Capability.SDK_VIEW not in self.standing.held


def page_of(user: User, number: str | None) -> Page:
    """Return that page of the entities on which `user` has a role, by name, as Groups. Five queries."""
    roles = Membership.objects.filter(user=user, entity=OuterRef("pk"))
    entities = Entity.objects.visible_to(user).filter(Exists(roles)).with_stops()
    page = Paginator(entities.order_by(Lower("name"), "pk"), GROUPS).get_page(number)
    given: dict[int, list[str]] = {}
    for at, role in user.grants:
        if at is not None:
            given.setdefault(at, []).append(role)
    page.object_list = groups = [_group(entity, sorted(given[entity.pk])) for entity in page.object_list]
    _fill(user, {group.entity.pk: group for group in groups})
    return page


def _group(entity: Entity, roles: Sequence[str]) -> Group:
    held = frozenset().union(*(ROLE_CAPABILITIES[role] for role in roles))
    standing = Standing(entity, (entity,), entity.is_stopped, held)
    return Group(standing, [str(Role(role).label) for role in roles])


def _fill(user: User, groups: dict[int, Group]) -> None:
    """Give each group its tokens, with their use and what the reader may do with them, in two queries."""
    place = Window(RowNumber(), partition_by=F("entity"), order_by=(F("created_at").desc(), F("pk").desc()))
    tokens = Token.objects.visible_to(user).sdk().listed().filter(entity__in=list(groups))
    tokens = tokens.annotate(place=place, total=Window(Count("pk"), partition_by=F("entity")))
    shown = list(tokens.select_related("entity", "user").filter(place__lte=SHOWN).order_by("place"))
    evidence = evidence_of(shown)
    for token in shown:
        group = groups[token.entity_id]
        group.total = token.total
        verbs = verbs_for(token, held_on(user, token, group.standing.held))
        group.rows.append({"token": token, "evidence": evidence.get(token.pk, Evidence()), "verbs": verbs})
