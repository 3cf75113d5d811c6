"""Who may see which rows. Every query that serves a person begins here, and fails closed."""

from __future__ import annotations

from collections.abc import Container, Set
from typing import TYPE_CHECKING, Any, Self, cast

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.http import Http404
from mptt.querysets import TreeQuerySet

from accounts.permissions import FROM_ABOVE, Capability, roles_with

if TYPE_CHECKING:
    from accounts.models import Entity, User


MANY = 4
"""Memberships of one person beyond which the scope is one set of entities instead of a range for each."""


def tops_of(user: User, roles: Container[str]) -> set[int | None]:
    """Return the primary keys of the entities (None: the whole platform) on which `user` was given one of `roles`."""
    return {entity for entity, role in user.grants if role in roles}


class ScopedQuerySet(QuerySet):
    """Rows that hang on an entity, narrowed to what a person's memberships cover."""

    scope_path = "entity"
    """The look-up that leads from a row to its entity; empty where the row is the entity."""

    view_capability: str
    """The capability without which a row of this kind does not exist for a person."""

    def visible_to(self, user: User) -> Self:
        """Return the rows whose existence `user` may know."""
        return self.permitted(user, self.view_capability)

    def permitted(self, user: User, capability: str) -> Self:
        """Return the rows on which `user` holds `capability`, through a membership at or above their entity.

        The bounds of each subtree are read inside the statement that uses them: a move that commits between
        two statements could otherwise lay another merchant's rows into bounds read a moment before.
        """
        if not getattr(user, "is_active", False):
            return self.none()
        return self.filter(self._within(tops_of(user, roles_with(capability)), strictly=capability in FROM_ABOVE))

    def below(self, entity: Entity) -> Self:
        """Return the rows of `entity` and of everything under it."""
        return self.filter(self._subtree(entity.pk))

    def below_any(self, roots: Set[int | None]) -> Self:
        """Return the rows of the entities with these primary keys and of everything under them."""
        return self.filter(self._within(roots))

    def get_permitted(self, user: User, capability: str, **lookup: object) -> Any:
        """Return the one row that `lookup` names.

        Raises Http404 where `user` may not know of it (just as for a missing one), PermissionDenied where the
        row is visible but `capability` is not held on it.
        """
        visible = self.visible_to(user).filter(**lookup)
        row = visible.permitted(user, capability).first()
        if row is not None:
            return row
        raise PermissionDenied if visible.exists() else Http404

    def _within(self, tops: Set[int | None], *, strictly: bool = False) -> Q:
        """Return the condition that a row hangs on one of `tops` or below it; None among them is the platform."""
        if None in tops:
            return ~Q(pk__in=())
        roots = sorted(filter(None, tops))
        if len(roots) > MANY:
            return self._subtrees(roots, strictly=strictly)
        scope = Q(pk__in=())
        for root in roots:
            scope |= self._subtree(root, strictly=strictly)
        return scope

    def _subtree(self, root: int, *, strictly: bool = False) -> Q:
        from_root = self._entities().filter(pk=root)
        path = f"{self.scope_path}__" if self.scope_path else ""
        # Both bounds on lft: the index (tree_id, lft) then answers alone.
        return Q(
            **{
                f"{path}tree_id": Subquery(from_root.values("tree_id")),
                f"{path}lft__{'gt' if strictly else 'gte'}": Subquery(from_root.values("lft")),
                f"{path}lft__lte": Subquery(from_root.values("rght")),
            }
        )

    def _subtrees(self, roots: list[int], *, strictly: bool) -> Q:
        """Return the same for many roots: one look into a set, where a range each would take seconds to compile.

        SQLite refuses more than a thousand ranges in one statement.
        """
        table = connection.ops.quote_name(self._entities().model._meta.db_table)
        covered = RawSQL(  # noqa: S611  the table's own name, a comparison and placeholders
            f"""WITH covered AS MATERIALIZED (
                SELECT entity.id FROM {table} root JOIN {table} entity ON entity.tree_id = root.tree_id
                AND entity.lft {">" if strictly else ">="} root.lft AND entity.lft <= root.rght
                WHERE root.id IN ({", ".join(["%s"] * len(roots))})
            ) SELECT id FROM covered""",  # noqa: S608
            roots,
        )
        return Q(**{f"{self.scope_path}__pk__in" if self.scope_path else "pk__in": covered})

    def _entities(self) -> QuerySet:
        model: Any = self.model
        for step in self.scope_path.split("__") if self.scope_path else ():
            model = model._meta.get_field(step).related_model
        entities: QuerySet = model._base_manager.order_by()
        return entities


class EntityQuerySet(ScopedQuerySet, TreeQuerySet):
    scope_path = ""
    view_capability = Capability.ENTITY_VIEW

    def above(self, entity: Entity) -> Self:
        """Return `entity` and its ancestors, the top first. As `_subtree`, reads its position inside the statement."""
        return self._above(pk=entity.pk)

    def above_id(self, entity_id: str) -> Self:
        """Return the entity with this entity ID and its ancestors, the top first; nothing where there is none."""
        return self._above(entity_id=entity_id)

    def merchant_of(self, entity: Entity) -> Entity | None:
        """Return the merchant that `entity` is or belongs to; None where it stands above the merchants."""
        if entity.is_merchant:
            return entity
        return cast("Entity | None", self.above(entity).filter(kind="merchant").first())

    def _above(self, **lookup: object) -> Self:
        position = self._entities().filter(**lookup)
        return self.filter(
            tree_id=Subquery(position.values("tree_id")),
            lft__lte=Subquery(position.values("lft")),
            rght__gte=Subquery(position.values("lft")),
        ).order_by("lft")

    def with_stops(self) -> Self:
        """Return the same entities with `is_stopped`: whether one itself or anything above it is suspended."""
        over = self._entities().filter(
            status="suspended", tree_id=OuterRef("tree_id"), lft__lte=OuterRef("lft"), rght__gte=OuterRef("rght")
        )
        return self.annotate(is_stopped=Exists(over))

    def named(self, text: str) -> Self:
        """Return the entity with this entity ID, or those with exactly this name."""
        return self.filter(Q(entity_id=text) | Q(name=text))

    def search(self, text: str) -> Self:
        """Return the entities whose name contains `text`, or whose entity ID begins with it."""
        return self.filter(Q(name__icontains=text) | Q(entity_id__startswith=text))


class MembershipQuerySet(ScopedQuerySet):
    view_capability = Capability.MEMBER_VIEW

    def search(self, text: str) -> Self:
        """Return the memberships of people whose name or e-mail address contains `text`."""
        return self.filter(Q(user__name__icontains=text) | Q(user__email__icontains=text))


class InvitationQuerySet(ScopedQuerySet):
    view_capability = Capability.MEMBER_MANAGE


class PersonQuerySet(QuerySet):
    """People as platform staff know them. Everybody else knows others through their memberships alone."""

    def visible_to(self, user: User) -> Self:
        """Return the people whose page `user` may open."""
        return self.permitted(user, Capability.MEMBER_VIEW)

    def permitted(self, user: User, capability: str) -> Self:
        """Return everybody where `user` holds `capability` on the whole platform, otherwise nobody."""
        return self if getattr(user, "is_active", False) and user.has_platform_capability(capability) else self.none()

    def get_permitted(self, user: User, capability: str, **lookup: object) -> Any:
        """Return the one person that `lookup` names. Raises as `ScopedQuerySet.get_permitted`."""
        person: Any = self.visible_to(user).filter(**lookup).first()
        if person is None:
            raise Http404
        if not user.has_platform_capability(capability):
            raise PermissionDenied
        return person

    def search(self, text: str) -> Self:
        """Return the people whose name or e-mail address contains `text`."""
        return self.filter(Q(name__icontains=text) | Q(email__icontains=text))


class AuditEventQuerySet(ScopedQuerySet):
    view_capability = Capability.ACTIVITY_VIEW
