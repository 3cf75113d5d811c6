"""The account tree as it is drawn: a few branches, however much there is, and nothing foreign among them."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts import branches, lifecycle, tree
from accounts.branches import BRANCH, Branch
from accounts.models import Entity, User
from accounts.permissions import Role
from accounts.standing import standing_of
from tests.factories import SETUP, give_role, make_administrator, make_entity, make_merchant, make_user

Kind = Entity.Kind


def names(branch: Branch | None) -> list[str] | None:
    return [node.entity.name for node in branch.nodes] if branch else None


def drawn(user: User, selected: Entity | None = None) -> Branch:
    """Return the tree as the page of `selected` draws it."""
    return branches.forest(user, standing_of(user, selected).above if selected else ())


def everything(branch: Branch | None) -> set[str]:
    nodes = branch.nodes if branch else []
    return {node.entity.name for node in nodes}.union(*(everything(node.branch) for node in nodes))


def as_now(user: User) -> User:
    return User.objects.get(pk=user.pk)


def add_merchants(parent: Entity, count: int) -> list[Entity]:
    """Stand `count` merchants below `parent`, in bulk; their names end in 0000, 0001 and so on."""
    Entity.objects.bulk_create(
        Entity(
            kind=Kind.MERCHANT,
            name=f"{parent.name} {number:04}",
            entity_id=f"mer_{parent.pk:08}{number:08}",
            parent=parent,
            tree_id=parent.tree_id,
            lft=1,
            rght=2,
            level=1,
        )
        for number in range(count)
    )
    tree.rebuild()
    assert list(tree.check()) == []
    return list(Entity.objects.filter(parent=parent).order_by("name"))


@pytest.fixture
def places(db) -> dict[str, Entity]:
    northwind = make_entity(Kind.PARTNER, "Northwind")
    beans = make_entity(Kind.COMPANY, "beans", under=northwind)
    make_entity(Kind.COMPANY, "Attic", under=northwind)
    aurora = make_merchant("Aurora", under=beans)
    make_entity(Kind.TERMINAL, "Till", under=make_entity(Kind.CHANNEL, "Web", under=aurora))
    make_merchant("Cedar", under=beans)
    make_merchant("Borealis", under=make_entity(Kind.PARTNER, "Eastwind"))
    return {entity.name: entity for entity in Entity.objects.all()}


def test_the_platform_sees_the_tops_by_name_and_nothing_opened(places):
    top = drawn(make_user(Role.PLATFORM_ADMINISTRATOR))
    assert names(top) == ["Eastwind", "Northwind"]
    assert [node.branch for node in top.nodes] == [None, None]
    assert [node.has_children for node in top.nodes] == [True, True]


def test_the_tree_is_open_down_to_the_chosen_entity_and_its_children(places):
    top = drawn(make_user(Role.SUPPORT), places["Aurora"])
    northwind = top.nodes[1]
    beans = northwind.branch.nodes[1]
    aurora = beans.branch.nodes[0]
    assert names(northwind.branch) == ["Attic", "beans"]  # by name, whatever the case
    assert names(beans.branch) == ["Aurora", "Cedar"]
    assert names(aurora.branch) == ["Web"]
    assert [node.level for node in (northwind, beans, aurora, aurora.branch.nodes[0])] == [1, 2, 3, 4]
    assert [node.is_selected for node in (northwind, beans, aurora)] == [False, False, True]
    assert (aurora.branch.nodes[0].branch, top.nodes[0].branch) == (None, None)
    assert names(branches.chosen_branch(top)) == ["Web"]


@pytest.mark.parametrize("on", ["Northwind", "beans", "Aurora", "Till"])
def test_a_tree_begins_where_the_membership_is(places, on: str):
    user = make_administrator(places[on])
    assert names(drawn(user)) == [on]
    visible = set(Entity.objects.visible_to(user).values_list("name", flat=True))
    for selected in Entity.objects.visible_to(user):
        top = drawn(user, selected)
        assert names(top) == [on]
        assert everything(top) <= visible
        assert selected.name in everything(top)


def test_a_membership_below_another_one_is_no_top_of_its_own(places):
    user = make_user()
    for name in ("Till", "Aurora", "beans", "Borealis"):
        give_role(user, Role.VIEWER, on=places[name])
    assert names(drawn(user)) == ["beans", "Borealis"]
    give_role(user, Role.VIEWER, on=places["Northwind"])
    give_role(user, Role.ADMINISTRATOR, on=places["Northwind"])
    assert names(drawn(as_now(user))) == ["Borealis", "Northwind"]


def test_memberships_side_by_side_are_all_tops(places):
    user = make_user()
    for name in ("Cedar", "Web", "Attic"):
        give_role(user, Role.SDK_USER, on=places[name])
    assert names(drawn(user)) == ["Attic", "Cedar", "Web"]


def test_nobody_without_a_membership_gets_a_node(places):
    inactive = make_administrator(places["Northwind"])
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    for user in (make_user(), as_now(inactive)):
        assert names(drawn(user)) == []
        assert names(branches.branch(user, None)) == names(branches.branch(user, places["Northwind"])) == []


def test_a_branch_of_a_foreign_entity_is_empty(places):
    user = make_administrator(places["Aurora"])
    assert names(branches.branch(user, places["Aurora"])) == ["Web"]
    for name in ("Northwind", "beans", "Eastwind"):
        assert names(branches.branch(user, places[name])) == []
        assert everything(branches.forest(user, [places["Eastwind"]])) <= {"Aurora", "Eastwind"}


def test_a_branch_that_moved_away_meanwhile_shows_nothing(places):
    user = make_administrator(places["Northwind"])
    assert names(branches.branch(user, places["beans"])) == ["Aurora", "Cedar"]
    lifecycle.move(places["beans"], under=places["Eastwind"], by=SETUP)
    assert names(branches.branch(user, places["beans"])) == []


def test_show_more_goes_through_all_siblings_once(db):
    partner = make_entity(Kind.PARTNER, "P")
    add_merchants(partner, 2 * BRANCH + 7)
    user = make_administrator(partner)
    offset, seen, steps = 0, [], []
    while offset is not None:
        found = branches.branch(user, partner, offset=offset)
        seen += names(found)
        steps.append(len(found.nodes))
        offset = found.next_offset
    assert steps == [BRANCH, BRANCH, 7]
    assert seen == [f"P {number:04}" for number in range(2 * BRANCH + 7)]
    assert names(branches.branch(user, partner, offset=10_000)) == []


@pytest.mark.parametrize(("count", "more"), [(BRANCH - 1, None), (BRANCH, None), (BRANCH + 1, BRANCH)])
def test_more_is_offered_only_where_there_is_more(db, count: int, more: int | None):
    partner = make_entity(Kind.PARTNER, "P")
    add_merchants(partner, count)
    user = make_user(Role.PLATFORM_ADMINISTRATOR)
    assert branches.branch(user, partner).next_offset == more
    opened = drawn(user, Entity.objects.get(pk=partner.pk)).nodes[0].branch
    assert (len(opened.nodes), opened.next_offset) == (min(count, BRANCH), more)


def test_the_chosen_entity_is_drawn_beyond_the_first_siblings(db):
    partner = make_entity(Kind.PARTNER, "P")
    last = add_merchants(partner, BRANCH + 30)[-1]
    make_entity(Kind.CHANNEL, "Web", under=last)
    for user in (make_administrator(partner), make_user(Role.SUPPORT)):
        opened = drawn(user, last).nodes[0].branch
        assert len(opened.nodes) == BRANCH + 1
        assert opened.nodes[-1].is_selected
        assert (opened.nodes[-1].entity, opened.nodes[-1].level) == (last, 2)
        assert names(opened.nodes[-1].branch) == ["Web"]
        assert opened.next_offset == BRANCH


def test_the_top_of_the_chosen_entity_is_drawn_beyond_the_first_tops(db):
    Entity.objects.bulk_create(
        Entity(kind=Kind.MERCHANT, name=f"A {n}", entity_id=f"mer_{n}", tree_id=n, lft=1, rght=2, level=0)
        for n in range(1, BRANCH + 10)
    )
    chosen = make_merchant("Z", under=make_entity(Kind.PARTNER, "Z above"))
    top = drawn(make_user(Role.SUPPORT), chosen)
    assert len(top.nodes) == BRANCH + 1
    assert names(top)[-1] == "Z above"
    assert names(top.nodes[-1].branch) == ["Z"]


def test_many_branches_take_as_many_queries_as_one(places, django_assert_num_queries):
    platform, administrator = make_user(Role.SUPPORT), make_administrator(places["Northwind"])
    add_merchants(make_entity(Kind.COMPANY, "Large", under=places["Northwind"]), BRANCH + 5)
    for user in (platform, administrator):
        assert user.grants  # read once a request
        for selected in Entity.objects.visible_to(user).filter(level__in=[0, 1, 4]):
            path = standing_of(user, selected).above
            with django_assert_num_queries(2):
                branches.forest(user, path)
        with django_assert_num_queries(1):
            branches.branch(user, places["Northwind"])


def test_the_addresses_of_a_node_are_those_of_its_pages(places):
    node = drawn(make_administrator(places["Aurora"])).nodes[0]
    assert node.url == node.entity.get_absolute_url()
    assert node.branch_url == reverse("accounts:branch", args=[node.entity.entity_id])
    assert node.kind_label == node.entity.get_kind_display()


def test_a_branch_is_answered_as_a_part_of_the_tree(places, client: Client):
    client.force_login(make_administrator(places["beans"]))
    answer = client.get(reverse("accounts:branch", args=[places["beans"].entity_id]), headers={"hx-request": "true"})
    assert ("Aurora" in answer.text, "Cedar" in answer.text, "Northwind" in answer.text) == (True, True, False)
    assert "<html" not in answer.text
    for offset in ("-1", "x", "9" * 40, "1.5", "٣", ""):
        assert client.get(reverse("accounts:roots"), {"offset": offset, "level": offset}).status_code == 200
