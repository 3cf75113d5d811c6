"""The only writer of tree positions (`tree_id`, `lft`, `rght`, `level`, `parent`).

The positions are a tenant boundary: a node with a wrong interval shows one merchant another's rows. django-mptt keeps
them right only while one writer works on fresh nodes, so every change here takes the tree's lock first, then reads
the nodes again by their primary key, and only then lets mptt write.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.batches import in_batches
from accounts.models import NESTING, Entity
from accounts.refusals import Refused

ADVISORY_LOCK = 0x4B48_0001
"""Number of the PostgreSQL advisory lock under which the tree is written."""


class Misplaced(Refused):
    """The entity cannot stand there."""


@contextmanager
def locked() -> Iterator[None]:
    """Run the block as the tree's only writer, in one transaction.

    On SQLite the transaction itself is the lock (it begins IMMEDIATE); PostgreSQL takes an advisory lock, because row
    locks on the touched rows alone deadlock: one insert moves rows it never names.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        yield


def insert(entity: Entity, *, under: int | None) -> Entity:
    """Store the new `entity` as the last child of the entity with the primary key `under` (None: at the top).

    Raises Misplaced where its kind may not stand there or the parent is gone.
    """
    with locked():
        parent = _fresh(under) if under else None
        check_place(entity.kind, parent)
        Entity.objects.insert_node(entity, parent, position="last-child", save=True)
    return entity


def graft(nodes: Sequence[Entity], parents: Sequence[Entity | int | None]) -> None:
    """Store many new entities at once, each below its parent and behind what stands there already.

    A parent is a stored entity, the place of an earlier one in `nodes`, or None (at the top). Their positions are
    computed, and what stands behind them moves aside in one statement: 10,000 entities in a forest of 100,000 take
    seconds, where one `insert` after the other would take minutes.
    Raises Misplaced, having stored nothing, where one may not stand there or a parent is gone.
    """
    with locked():
        anchors = _anchors({parent.pk for parent in parents if isinstance(parent, Entity)})
        widths = [2] * len(nodes)
        for place in reversed(range(len(nodes))):
            if isinstance(under := parents[place], int):
                widths[under] += widths[place]
        for place, node in enumerate(nodes):
            under = parents[place]
            node.parent = nodes[under] if isinstance(under, int) else anchors[under.pk] if under else None
            check_place(node.kind, node.parent)
        _number(nodes, widths, begin=_make_room(nodes, widths))
        generations: dict[int, list[Entity]] = {}
        for node in nodes:
            generations.setdefault(node.level, []).append(node)
        for level in sorted(generations):  # a row needs the key of its parent
            Entity.objects.bulk_create(generations[level])


def _anchors(keys: set[int]) -> dict[int, Entity]:
    """Return the stored parents of grafts as they are now, under the lock, by their primary keys."""
    chunks = in_batches(sorted(keys))
    found = {entity.pk: entity for chunk in chunks for entity in Entity.objects.filter(pk__in=chunk)}
    if len(found) < len(keys):
        raise Misplaced(_("An entity below which you add does not exist any more."))
    return found


def _make_room(nodes: Sequence[Entity], widths: Sequence[int]) -> dict[int, int]:
    """Move aside what stands behind the grafts; return where below each stored parent they begin, by its primary key.

    A graft goes in just before the right bound of its parent. Every bound moves by the width of all that goes in
    before it: a look into a table of those places, because one statement for each would move the forest each time.
    """
    wanted: dict[int, int] = {}
    anchors: dict[int, Entity] = {}
    for node, width in zip(nodes, widths, strict=True):
        if node.parent is not None and node.parent.pk:
            anchors[node.parent.pk] = node.parent
            wanted[node.parent.pk] = wanted.get(node.parent.pk, 0) + width
    begin, places = {}, []
    for tree_id, group in itertools.groupby(sorted(anchors.values(), key=_right_end), lambda each: each.tree_id):
        room = 0
        for anchor in group:
            begin[anchor.pk] = anchor.rght + room
            room += wanted[anchor.pk]
            places.append((tree_id, anchor.rght, room))
    if places:
        _move_aside(places)
    return begin


def _right_end(entity: Entity) -> tuple[int, int]:
    return entity.tree_id, entity.rght


def _move_aside(places: list[tuple[int, int, int]]) -> None:
    """Move every bound at or behind a place of its tree by the room it needs; `places` are (tree_id, place, room)."""
    room = """COALESCE((SELECT room FROM graft_room WHERE graft_room.tree_id = accounts_entity.tree_id
        AND place <= accounts_entity.{0} ORDER BY place DESC LIMIT 1), 0)"""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE graft_room (tree_id int, place int, room int, PRIMARY KEY (tree_id, place))"
        )
        cursor.executemany("INSERT INTO graft_room VALUES (%s, %s, %s)", places)
        cursor.execute(
            f"""UPDATE accounts_entity SET lft = lft + {room.format("lft")}, rght = rght + {room.format("rght")}
            WHERE tree_id IN (SELECT tree_id FROM graft_room) AND rght >= (
                SELECT MIN(place) FROM graft_room WHERE graft_room.tree_id = accounts_entity.tree_id
            )"""  # noqa: S608  column names of our own
        )
        cursor.execute("DROP TABLE graft_room")


def _number(nodes: Sequence[Entity], widths: Sequence[int], *, begin: dict[int, int]) -> None:
    """Give each of `nodes`, parents first, the position that its parent has room for."""
    last = Entity.objects.order_by("-tree_id").values_list("tree_id", flat=True).first() or 0
    fresh = itertools.count(last + 1)
    free: dict[int, int] = {}
    for node, width in zip(nodes, widths, strict=True):
        parent = node.parent
        if parent is None:
            node.tree_id, node.lft, node.level = next(fresh), 1, 0
        else:
            node.tree_id, node.level = parent.tree_id, parent.level + 1
            node.lft = free.get(id(parent), begin.get(parent.pk, 0))
            free[id(parent)] = node.lft + width
        node.rght = node.lft + width - 1
        free[id(node)] = node.lft + 1


def move(pk: int, *, under: int | None) -> Entity:
    """Move the entity `pk` and its subtree to be the last child of `under` (None: to the top); return it.

    Raises Misplaced where its kind may not stand there, or for a place inside its own subtree.
    """
    with locked():
        entity, parent = _fresh(pk, held=True), _fresh(under) if under else None
        check_place(entity.kind, parent)
        if parent and parent.tree_id == entity.tree_id and entity.lft <= parent.lft <= entity.rght:
            raise Misplaced(_("An entity cannot be moved into itself or below itself."))
        entity.move_to(parent, "last-child")
        return _fresh(pk)


def check_place(kind: str, parent: Entity | None) -> None:
    """Raise Misplaced unless an entity of `kind` may stand under `parent` (DESIGN 3)."""
    check_nesting(kind, parent.kind if parent else None)


def check_nesting(kind: str, above: str | None) -> None:
    """Raise Misplaced unless an entity of `kind` may stand under one of the kind `above` (None: at the top)."""
    if above in NESTING[kind]:
        return
    words = {"kind": Entity.Kind(kind).label.lower()}
    if above is None:
        raise Misplaced(_("A %(kind)s cannot stand at the top of the account tree.") % words)
    words["parent"] = Entity.Kind(above).label.lower()
    raise Misplaced(_("A %(kind)s cannot stand under a %(parent)s.") % words)


def _fresh(pk: int, *, held: bool = False) -> Entity:
    """Return the entity as it is now, under the lock: one loaded earlier may carry positions long gone.

    `held` keeps its other columns as they are until the transaction ends. mptt saves the whole row of a node it moves;
    a suspension committed in between would be undone by that (the tree's lock does not make verbs wait on PostgreSQL).
    """
    nodes = Entity.objects.select_for_update(no_key=True) if held else Entity.objects.all()
    entity: Entity | None = nodes.filter(pk=pk).first()
    if entity is None:
        raise Misplaced(_("This entity does not exist any more."))
    return entity


def check() -> Iterator[str]:
    """Yield a sentence for every broken invariant: positions against the parents, which are the truth.

    Reads every node once and recomputes the nested sets; 100,000 nodes take about a second.
    """
    nodes = {row["pk"]: row for row in Entity.objects.order_by("tree_id", "lft").values(*POSITION, "kind", "entity_id")}
    placed = {row["pk"]: row for row in positions(nodes.values())}
    for pk, node in nodes.items():
        if pk not in placed:
            yield f"{node['entity_id']}: stands on a cycle of parents, or below one."
        elif any(node[field] != placed[pk][field] for field in ("lft", "rght", "level")):
            yield f"{node['entity_id']}: its position does not follow from its parents."
        above = nodes.get(node["parent_id"])
        if above and above["tree_id"] != node["tree_id"]:
            yield f"{node['entity_id']}: stands in another tree than its parent."
        if (above["kind"] if above else None) not in NESTING[node["kind"]]:
            yield f"{node['entity_id']}: a {node['kind']} may not stand here."
    roots: dict[int, str] = {}
    for node in nodes.values():
        if node["parent_id"] is None and roots.setdefault(node["tree_id"], node["entity_id"]) != node["entity_id"]:
            yield f"{node['entity_id']}: shares its tree number with {roots[node['tree_id']]}."


POSITION = ("pk", "parent_id", "tree_id", "lft", "rght", "level")


def positions(nodes: Iterable[dict]) -> Iterator[dict]:
    """Yield `{pk, parent_id, tree_id, lft, rght, level}` for `nodes` numbered anew from their parents alone.

    `nodes` are mappings with `pk` and `parent_id`; siblings keep the order they come in. Trees are numbered from 1 in
    the order of their roots. Nodes on a cycle of parents are left out.
    """
    children: dict[int | None, list[int]] = {}
    for node in nodes:
        children.setdefault(node["parent_id"], []).append(node["pk"])
    for tree_id, root in enumerate(children.get(None, ()), start=1):
        counter = 1
        open_nodes: list[dict] = []
        stack: list[tuple[int, int | None, bool]] = [(root, None, False)]
        while stack:
            pk, parent_id, leaving = stack.pop()
            if leaving:
                row = open_nodes.pop()
                yield row | {"rght": counter}
            else:
                open_nodes.append(
                    {"pk": pk, "parent_id": parent_id, "tree_id": tree_id, "lft": counter, "level": len(open_nodes)}
                )
                stack.append((pk, parent_id, True))
                stack.extend((child, pk, False) for child in reversed(children.get(pk, ())))
            counter += 1


def rebuild() -> int:
    """Number the forest anew from the parents; return how many nodes that changed.

    Computes in memory and writes only what differs, by one prepared statement: 100,000 nodes take 1 s on SQLite and
    10 s on PostgreSQL. mptt's own rebuild walks node by node (74 s), bulk_update writes a CASE per node (66 s).
    Raises Misplaced where parents form a cycle: no numbering repairs that.
    """
    with locked():
        nodes = list(Entity.objects.order_by("tree_id", "lft", "pk").values(*POSITION))
        placed = {row["pk"]: row for row in positions(nodes)}
        if len(placed) < len(nodes):
            raise Misplaced(_("Some entities are their own ancestors. Give one of them another parent first."))
        numbers = _tree_numbers(nodes)
        right = [placed[node["pk"]] | {"tree_id": numbers[placed[node["pk"]]["tree_id"] - 1]} for node in nodes]
        wrong = [row for node, row in zip(nodes, right, strict=True) if node != row]
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE accounts_entity SET tree_id = %s, lft = %s, rght = %s, level = %s WHERE id = %s",
                [(row["tree_id"], row["lft"], row["rght"], row["level"], row["pk"]) for row in wrong],
            )
    return len(wrong)


def _tree_numbers(nodes: list[dict]) -> list[int]:
    """Return a tree number for each root among `nodes`, in their order: its own, unless an earlier root has it."""
    own = [node["tree_id"] for node in nodes if node["parent_id"] is None]
    fresh = itertools.count(max(own, default=0) + 1)
    taken: set[int] = set()
    numbers = []
    for number in own:
        numbers.append(next(fresh) if number in taken else number)
        taken.add(numbers[-1])
    return numbers
