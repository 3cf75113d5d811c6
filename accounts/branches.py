"""The account tree as the page draws it: a few branches at a time, however large the forest is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from django.db.models import F, Window
from django.db.models.functions import Lower, RowNumber
from django.urls import reverse

from accounts.models import Entity, User
from accounts.permissions import Capability, roles_with
from accounts.querysets import EntityQuerySet, tops_of

BRANCH = 100
"""Children drawn at once; the rest come on *Show more*."""


@dataclass(slots=True)
class Branch:
    """Some siblings in the tree, and whether there are more of them."""

    nodes: list[Node] = field(default_factory=list)
    parent: Entity | None = None
    offset: int = 0
    next_offset: int | None = None


@dataclass(slots=True)
class Node:
    """An entity in the drawn tree. `branch` is None while its children are not loaded."""

    entity: Entity
    level: int
    is_selected: bool = False
    branch: Branch | None = None

    @property
    def has_children(self) -> bool:
        return not self.entity.is_leaf_node()

    @property
    def url(self) -> str:
        """The address of the entity's page."""
        return _addresses()[0].replace(ANY, self.entity.entity_id)

    @property
    def branch_url(self) -> str:
        """The address of the branch below."""
        return _addresses()[1].replace(ANY, self.entity.entity_id)

    @property
    def kind_label(self) -> str:
        return Entity.Kind(self.entity.kind).label


ANY = "any_0000000000000000"


@cache
def _addresses() -> tuple[str, str]:
    """Return two addresses with ANY for the entity's ID: looked up for each node, they took half a tree's time."""
    return reverse("portal:entity", args=[ANY]), reverse("accounts:branch", args=[ANY])


def forest(user: User, path: Sequence[Entity] = ()) -> Branch:
    """Return the tree as `user` may see it, open along `path` (the top first, the chosen entity last): two queries."""
    selected = path[-1] if path else None
    roots = _page(_roots(user), parent=None, offset=0)
    opened = _children(user, path) if path else {}
    _open(roots, path, opened, selected, level=1)
    return roots


def chosen_branch(tree: Branch) -> Branch | None:
    """Return the branch below the chosen node of a drawn `tree`; None where no node is chosen."""
    for node in tree.nodes:
        if node.is_selected:
            return node.branch
        if node.branch and (found := chosen_branch(node.branch)):
            return found
    return None


def branch(user: User, parent: Entity | None, *, offset: int = 0) -> Branch:
    """Return up to BRANCH children of `parent` (None: the roots `user` sees) from `offset` on, by name."""
    found = _below(user, [parent]).order_by(*BY_NAME) if parent else _roots(user)
    return _page(found, parent=parent, offset=offset)


BY_NAME = (Lower("name"), "pk")


def _roots(user: User) -> EntityQuerySet:
    """The tops of what `user` sees: the roots of the forest, or the entities of their memberships."""
    visible = Entity.objects.visible_to(user)
    tops = tops_of(user, roles_with(Capability.ENTITY_VIEW))
    if None in tops:
        return visible.filter(parent=None).order_by(*BY_NAME)
    if len(tops) < 2:
        return visible.filter(pk__in=tops)
    return visible.filter(pk__in=_uppermost(tops)).order_by(*BY_NAME)


def _uppermost(tops: set[int]) -> list[int]:
    """Return those of `tops` that stand below no other: the others are reached through the upper one's branch."""
    found: list[int] = []
    tree, end = 0, 0
    positions = Entity.objects.filter(pk__in=tops).order_by("tree_id", "lft").values_list("pk", "tree_id", "rght")
    for pk, tree_id, rght in positions:
        if tree_id != tree or rght > end:
            found.append(pk)
            tree, end = tree_id, rght
    return found


def _page(found: EntityQuerySet, *, parent: Entity | None, offset: int) -> Branch:
    rows = list(found[offset : offset + BRANCH + 1])
    more = offset + BRANCH if len(rows) > BRANCH else None
    return Branch([Node(row, 1) for row in rows[:BRANCH]], parent, offset, more)


def _below(user: User, parents: Iterable[Entity]) -> EntityQuerySet:
    """Return the children of those of `parents` that `user` sees: what stands below a visible entity is visible.

    Asked of the children themselves, SQLite reads everything that `user` sees to find two hundred of them.
    """
    seen = Entity.objects.visible_to(user).filter(pk__in=[parent.pk for parent in parents])
    return Entity.objects.filter(parent__in=seen.order_by().values("pk"))


def _children(user: User, parents: Iterable[Entity]) -> dict[int, list[Entity]]:
    """Return the first BRANCH + 1 children of each of `parents`, in one query."""
    position = Window(RowNumber(), partition_by=F("parent"), order_by=BY_NAME)
    rows = _below(user, parents).annotate(position=position).filter(position__lte=BRANCH + 1).order_by("position")
    found: dict[int, list[Entity]] = {}
    for row in rows:
        found.setdefault(row.parent_id, []).append(row)
    return found


def _open(
    level_branch: Branch,
    path: Sequence[Entity],
    opened: dict[int, list[Entity]],
    selected: Entity | None,
    *,
    level: int,
) -> None:
    on_path = {entity.pk: entity for entity in path}
    shown = {node.entity.pk for node in level_branch.nodes}
    parent = level_branch.parent
    for entity in path:  # a node on the path beyond the first BRANCH siblings is drawn all the same
        here = entity.parent_id == parent.pk if parent else entity == path[0]
        if here and entity.pk not in shown:
            level_branch.nodes.append(Node(entity, level))
    for node in level_branch.nodes:
        node.level = level
        node.is_selected = selected is not None and node.entity.pk == selected.pk
        if node.entity.pk in on_path:
            rows = opened.get(node.entity.pk, [])
            more = BRANCH if len(rows) > BRANCH else None
            node.branch = Branch([Node(row, level + 1) for row in rows[:BRANCH]], node.entity, 0, more)
            _open(node.branch, path, opened, selected, level=level + 1)
