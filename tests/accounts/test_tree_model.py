"""Whatever people do to the tree in whatever order, it stays what a plain model of it says."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import lifecycle, tree
from accounts.models import NESTING, Entity, User
from accounts.permissions import FROM_ABOVE, ROLE_CAPABILITIES, Capability, Role
from accounts.refusals import Refused
from tests.factories import SETUP, give_role, make_entity, make_user

index = st.integers(min_value=0, max_value=10_000)
PEOPLE = 3


class TreeMachine(RuleBasedStateMachine):
    """Entities by their primary key: the parent and whether it is suspended; people: the entities they administer."""

    @initialize()
    def begin(self) -> None:
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.parents: dict[int, int | None] = {}
        self.kinds: dict[int, str] = {}
        self.suspended: set[int] = set()
        self.read: dict[int, Entity] = {}
        """Instances as they were when they were read, which is before most changes."""
        self.people = [make_user(email=f"model{number}@test.example") for number in range(PEOPLE)]
        self.memberships: dict[int, set[int]] = {user.pk: set() for user in self.people}
        for kind in (Entity.Kind.PARTNER, Entity.Kind.COMPANY):
            self._note(make_entity(kind))

    def teardown(self) -> None:
        if hasattr(self, "undo"):
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)

    @rule(kind=st.sampled_from(list(NESTING)), at=index)
    def add(self, kind: str, at: int) -> None:
        places = [None, *self.parents]
        under = places[at % len(places)]
        fits = (self.kinds[under] if under else None) in NESTING[kind]
        try:
            entity = lifecycle.add(kind=kind, name="Model", under=self.read.get(under), by=SETUP)
        except Refused:
            assert not fits
        else:
            assert fits
            self._note(entity, under)

    @rule(which=index, at=index)
    def move(self, which: int, at: int) -> None:
        pk, places = self._pick(which), [None, *self.parents]
        under = places[at % len(places)]
        fits = (
            (self.kinds[under] if under else None) in NESTING[self.kinds[pk]]
            and under != self.parents[pk]
            and not (under and pk in self._line(under))
        )
        try:
            lifecycle.move(self.read[pk], under=self.read.get(under), by=SETUP)
        except Refused:
            assert not fits
        else:
            assert fits
            self.parents[pk] = under

    @rule(which=index)
    def suspend_or_reactivate(self, which: int) -> None:
        pk = self._pick(which)
        verb = lifecycle.reactivate if pk in self.suspended else lifecycle.suspend
        verb(self.read[pk], by=SETUP)
        self.suspended ^= {pk}

    @rule(which=index, person=st.integers(0, PEOPLE - 1))
    def join(self, which: int, person: int) -> None:
        pk, user = self._pick(which), self.people[person]
        if pk not in self.memberships[user.pk]:
            give_role(user, Role.ADMINISTRATOR, on=self.read[pk])
            self.memberships[user.pk].add(pk)

    @precondition(lambda self: hasattr(self, "parents"))
    @rule(which=index)
    def read_again(self, which: int) -> None:
        pk = self._pick(which)
        self.read[pk] = Entity.objects.get(pk=pk)

    @invariant()
    def the_tree_is_whole(self) -> None:
        assert list(tree.check()) == []
        assert dict(Entity.objects.values_list("pk", "parent_id")) == self.parents

    @invariant()
    def everybody_sees_exactly_what_is_below_their_memberships(self) -> None:
        for user in self.people:
            held = self.memberships[user.pk]
            visible = {pk for pk in self.parents if held & set(self._line(pk))}
            movable = {pk for pk in self.parents if held & set(self._line(pk)[1:])}
            assert self._pks(user, Capability.ENTITY_VIEW) == visible
            assert self._pks(user, Capability.ENTITY_MOVE) == movable

    @invariant()
    def an_entity_is_stopped_where_it_or_one_above_it_is_suspended(self) -> None:
        for pk, entity in list(self.read.items())[-4:]:
            assert lifecycle.is_stopped(entity) == bool(self.suspended & set(self._line(pk)))

    @invariant()
    def capabilities_on_the_entity_are_those_of_the_query(self) -> None:
        for pk, entity in list(self.read.items())[-2:]:
            for user in self.people:
                held = set(self.memberships[user.pk])
                at_or_above = held & set(self._line(pk))
                everything = ROLE_CAPABILITIES[Role.ADMINISTRATOR]
                expected = everything if at_or_above - {pk} else everything - FROM_ABOVE
                assert self._as_now(user).capabilities_on(entity) == (expected if at_or_above else frozenset())

    def _note(self, entity: Entity, under: int | None = None) -> None:
        self.parents[entity.pk], self.kinds[entity.pk], self.read[entity.pk] = under, entity.kind, entity

    def _pick(self, which: int) -> int:
        return list(self.parents)[which % len(self.parents)]

    def _line(self, pk: int) -> list[int]:
        """Return `pk` and everything above it in the model."""
        line, at = [], pk
        while at is not None:
            line.append(at)
            at = self.parents[at]
        return line

    def _as_now(self, user: User) -> User:
        return User.objects.get(pk=user.pk)

    def _pks(self, user: User, capability: str) -> set[int]:
        return set(Entity.objects.permitted(self._as_now(user), capability).values_list("pk", flat=True))


@pytest.mark.django_db
def test_the_tree_behaves_as_its_model():
    run_state_machine_as_test(
        TreeMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
