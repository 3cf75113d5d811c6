"""The tree service: what may stand where, one writer at a time, damage that is found and what repairs it."""

from time import sleep

import pytest
from django.db import connection, transaction

from accounts import lifecycle, tree
from accounts.models import NESTING, Entity
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP, make_entity, make_merchant

Kind = Entity.Kind

MAY_STAND_UNDER = {
    "partner": {None},
    "company": {None, "partner", "company"},
    "merchant": {None, "partner", "company"},
    "channel": {"merchant"},
    "terminal": {"merchant", "channel"},
}


@pytest.fixture
def line(db) -> dict[str, Entity]:
    """Return a line from a partner down to a terminal, and a merchant of another partner."""
    partner = make_entity(Kind.PARTNER, "Northwind")
    company = make_entity(Kind.COMPANY, "Beans", under=partner)
    merchant = make_merchant("Aurora", under=company)
    channel = make_entity(Kind.CHANNEL, "Web", under=merchant)
    make_entity(Kind.TERMINAL, "Till", under=channel)
    rival = make_entity(Kind.PARTNER, "Southwind")
    make_merchant("Borealis", under=rival)
    return {entity.name: entity for entity in Entity.objects.order_by("pk")}


def fresh(entity: Entity) -> Entity:
    return Entity.objects.get(pk=entity.pk)


def names_below(entity: Entity) -> list[str]:
    return list(Entity.objects.below(entity).order_by("lft").values_list("name", flat=True))


@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
@pytest.mark.parametrize("above", [None, *(kind.value for kind in Kind)])
def test_each_kind_stands_only_where_the_nesting_table_says(kind: str, above: str | None):
    parent = Entity(kind=above) if above else None
    if above in MAY_STAND_UNDER[kind]:
        tree.check_place(kind, parent)
    else:
        with pytest.raises(tree.Misplaced, match=r"cannot stand (under a|at the top)"):
            tree.check_place(kind, parent)
    assert (above in NESTING[kind]) == (above in MAY_STAND_UNDER[kind])


def test_a_new_entity_is_the_last_child_of_its_parent(line):
    added = make_entity(Kind.CHANNEL, "Shop", under=line["Aurora"])
    assert names_below(line["Northwind"]) == ["Northwind", "Beans", "Aurora", "Web", "Till", "Shop"]
    assert (added.level, added.tree_id) == (3, line["Northwind"].tree_id)
    assert list(tree.check()) == []


def test_a_refused_place_leaves_the_tree_as_it_was(line):
    before = list(Entity.objects.order_by("pk").values())
    for kind, under in [("partner", line["Beans"]), ("terminal", None), ("channel", line["Web"])]:
        with pytest.raises(Refused):
            lifecycle.add(kind=kind, name="Nowhere", under=under, by=SETUP)
    with pytest.raises(Refused):
        lifecycle.move(line["Till"], under=line["Beans"], by=SETUP)
    assert list(Entity.objects.order_by("pk").values()) == before


def test_a_subtree_moves_into_another_tree_with_everything_below_it(line):
    lifecycle.move(line["Beans"], under=line["Southwind"], by=SETUP)
    assert names_below(line["Northwind"]) == ["Northwind"]
    assert names_below(line["Southwind"]) == ["Southwind", "Borealis", "Beans", "Aurora", "Web", "Till"]
    assert fresh(line["Till"]).level == 4
    assert list(tree.check()) == []


def test_a_company_moves_to_the_top_and_back(line):
    lifecycle.move(line["Beans"], under=None, by=SETUP)
    top = fresh(line["Beans"])
    assert (top.parent_id, top.level, top.lft) == (None, 0, 1)
    assert names_below(top) == ["Beans", "Aurora", "Web", "Till"]
    assert list(tree.check()) == []
    lifecycle.move(line["Beans"], under=line["Northwind"], by=SETUP)
    assert names_below(line["Northwind"]) == ["Northwind", "Beans", "Aurora", "Web", "Till"]
    assert list(tree.check()) == []


@pytest.mark.parametrize("below", ["Beans", "Inner"])
def test_nothing_moves_into_itself_or_below_itself(line, below: str):
    line["Inner"] = make_entity(Kind.COMPANY, "Inner", under=line["Beans"])
    with pytest.raises(tree.Misplaced, match="into itself or below itself"):
        lifecycle.move(line["Beans"], under=line[below], by=SETUP)
    assert list(tree.check()) == []


def test_a_parent_that_is_gone_is_refused(line):
    gone = Entity(pk=987_654, kind=Kind.PARTNER, name="Gone", entity_id="par_gone")
    with pytest.raises(tree.Misplaced, match="does not exist any more"):
        lifecycle.move(line["Aurora"], under=gone, by=SETUP)
    with pytest.raises(tree.Misplaced, match="does not exist any more"):
        lifecycle.add(kind=Kind.MERCHANT, name="Orphan", under=gone, by=SETUP)


def test_instances_read_before_a_move_do_no_harm(line):
    """Every instance of `line` was read before all of this; half of their positions are other nodes' by then."""
    lifecycle.move(fresh(line["Beans"]), under=fresh(line["Southwind"]), by=SETUP)
    lifecycle.add(kind=Kind.CHANNEL, name="Shop", under=line["Aurora"], by=SETUP)
    lifecycle.move(line["Aurora"], under=line["Northwind"], by=SETUP)
    lifecycle.suspend(line["Web"], by=SETUP)
    lifecycle.edit(line["Till"], name="Till 2", by=SETUP)
    lifecycle.move(line["Beans"], under=None, by=SETUP)
    lifecycle.move(line["Borealis"], under=line["Beans"], by=SETUP)
    assert list(tree.check()) == []
    assert names_below(line["Northwind"]) == ["Northwind", "Aurora", "Web", "Till 2", "Shop"]
    assert names_below(line["Beans"]) == ["Beans", "Borealis"]
    assert names_below(line["Southwind"]) == ["Southwind"]


def test_ancestors_of_a_stale_instance_are_its_own(line):
    """A page reads an entity and then what stands above it; a move in between must not show another's ancestors."""
    stale = fresh(line["Aurora"])
    lifecycle.move(line["Beans"], under=line["Southwind"], by=SETUP)
    make_entity(Kind.COMPANY, "In its old place", under=line["Northwind"])
    make_merchant("In its old place too", under=Entity.objects.get(name="In its old place"))
    above = Entity.objects.above(stale).values_list("name", flat=True)
    assert list(above) == ["Southwind", "Beans", "Aurora"]


@pytest.mark.django_db(transaction=True)
def test_a_suspension_that_commits_while_its_entity_moves_is_kept():
    """mptt saves the whole row of the node it moves, with the status as it was read."""
    company, other = make_entity(Kind.COMPANY), make_entity(Kind.COMPANY)
    merchant = make_merchant("Aurora", under=company)
    with Elsewhere() as elsewhere:
        with transaction.atomic():
            lifecycle.suspend(merchant, by=SETUP)
            move = elsewhere.start(lifecycle.move, merchant, under=other, by=SETUP)
            sleep(0.3)  # the move reaches the row, or waits for it
            assert not move.done()
        move.result(timeout=30)
    after = fresh(merchant)
    assert (after.status, after.parent_id) == ("suspended", other.pk)


@pytest.mark.django_db(transaction=True)
def test_a_second_writer_waits_for_the_first():
    partner = make_entity(Kind.PARTNER)
    with Elsewhere() as elsewhere:
        with tree.locked():
            Entity.objects.exists()
            second = elsewhere.start(lifecycle.add, kind=Kind.COMPANY, name="Second", under=partner, by=SETUP)
            sleep(0.3)
            assert not second.done()
            lifecycle.add(kind=Kind.COMPANY, name="First", under=partner, by=SETUP)
        second.result(timeout=30)
    assert names_below(partner)[1:] == ["First", "Second"]
    assert list(tree.check()) == []


DAMAGE = {
    "left bound": ("lft = lft + 1", "Aurora", "does not follow from its parents"),
    "right bound": ("rght = rght + 2", "Aurora", "does not follow from its parents"),
    "an interval that swallows others": ("rght = rght + 1000", "Web", "does not follow from its parents"),
    "level": ("level = level + 1", "Till", "does not follow from its parents"),
    "a parent it does not stand below": ("parent_id = {Southwind}", "Aurora", "does not follow from its parents"),
    "another tree than its parent's": ("tree_id = 77", "Aurora", "another tree than its parent"),
    "a root out of its tree": ("tree_id = 77", "Northwind", "another tree than its parent"),
    "somebody else's tree": ("tree_id = {Northwind.tree_id}", "Borealis", "another tree than its parent"),
    "two roots in one tree": ("tree_id = {Northwind.tree_id}", "Southwind", "shares its tree number with"),
    "a kind that may not stand there": ("kind = 'terminal'", "Beans", "may not stand here"),
    "a cycle of parents": ("parent_id = {Inner}", "Beans", "cycle of parents"),
    "its own parent": ("parent_id = {Beans}", "Beans", "cycle of parents"),
}
BEYOND_NUMBERING = {"a kind that may not stand there", "a cycle of parents", "its own parent"}


def damage(line: dict[str, Entity], change: str, name: str) -> None:
    make_entity(Kind.COMPANY, "Inner", under=line["Beans"])
    rows = {entity.name: entity for entity in Entity.objects.all()}
    with connection.cursor() as cursor:
        for other, entity in rows.items():
            change = change.replace(f"{{{other}}}", str(entity.pk)).replace(f"{{{other}.tree_id}}", str(entity.tree_id))
        cursor.execute(f"UPDATE accounts_entity SET {change} WHERE name = %s", [name])  # noqa: S608
        assert cursor.rowcount == 1


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found(line, kind: str):
    change, name, sentence = DAMAGE[kind]
    damage(line, change, name)
    assert any(sentence in fault for fault in tree.check())


@pytest.mark.parametrize("kind", sorted(DAMAGE.keys() - BEYOND_NUMBERING))
def test_numbering_anew_repairs_positions_from_the_parents(line, kind: str):
    parents = dict(Entity.objects.values_list("name", "parent__name"))
    change, name, _ = DAMAGE[kind]
    damage(line, change, name)
    parents |= {"Aurora": "Southwind"} if "parent_id" in change else {}
    assert tree.rebuild() > 0
    assert list(tree.check()) == []
    assert dict(Entity.objects.values_list("name", "parent__name")) == parents | {"Inner": "Beans"}
    assert tree.rebuild() == 0


@pytest.mark.parametrize("kind", ["a cycle of parents", "its own parent"])
def test_a_cycle_of_parents_is_refused_and_nothing_written(line, kind: str):
    change, name, _ = DAMAGE[kind]
    damage(line, change, name)
    before = list(Entity.objects.order_by("pk").values())
    with pytest.raises(tree.Misplaced, match="their own ancestors"):
        tree.rebuild()
    assert list(Entity.objects.order_by("pk").values()) == before


def test_numbering_anew_leaves_sound_trees_alone(line):
    company = make_entity(Kind.COMPANY, "At the top for a while")
    make_merchant("Last", under=make_entity(Kind.PARTNER, "Last"))
    lifecycle.move(company, under=line["Southwind"], by=SETUP)  # leaves a gap in the tree numbers
    damage(line, "level = 9", "Till")
    assert tree.rebuild() == 1
    assert list(tree.check()) == []


def test_numbering_anew_is_a_handful_of_statements_however_much_is_wrong(db, django_assert_max_num_queries):
    """mptt's own rebuild takes more than a minute for 100,000 nodes."""
    rows = [{"pk": 1, "parent_id": None}, *({"pk": pk, "parent_id": 1} for pk in range(2, 3002))]
    kinds = {1: Kind.PARTNER}
    placed = list(tree.positions(rows))
    Entity.objects.bulk_create(
        Entity(kind=kinds.get(row["pk"], Kind.MERCHANT), name="Many", entity_id=f"mer_{row['pk']}", **row)
        for row in placed
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_entity SET lft = lft + 7, rght = rght + 9, level = 3")
    with django_assert_max_num_queries(6):
        assert tree.rebuild() == 3001
    assert list(tree.check()) == []
