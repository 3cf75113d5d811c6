"""What a token covers in the account tree, and which suspensions reach it."""

import pytest

from accounts import lifecycle as entities
from accounts.models import Entity
from tests.factories import SETUP, make_entity, make_merchant
from tests.tokens.conftest import House
from tokens.verification import GOOD


@pytest.mark.parametrize("level", ["partner", "company", "merchant"])
def test_a_suspension_at_or_above_the_merchant_stops_its_tokens_at_once(house: House, level):
    house.suspend(getattr(house, level))
    assert house.reason() == "suspended"
    house.reactivate(getattr(house, level))
    assert house.reason() == GOOD


def test_as_long_as_one_of_two_suspensions_stands_the_token_is_stopped(house: House):
    house.suspend(house.partner, house.merchant)
    house.reactivate(house.partner)
    assert house.reason() == "suspended"
    house.reactivate(house.merchant)
    assert house.reason() == GOOD


@pytest.mark.parametrize("level", ["channel", "terminal", "sibling", "other_terminal"])
def test_a_suspension_below_or_beside_the_merchant_leaves_its_token_good(house: House, level):
    house.suspend(getattr(house, level))
    assert house.reason() == GOOD


def test_a_suspension_reaches_a_merchant_that_was_moved_below_it(house: House):
    stopped = make_entity(Entity.Kind.COMPANY, "Stopped")
    house.suspend(stopped)
    entities.move(house.merchant, under=stopped, by=SETUP)
    assert house.reason() == "suspended"
    entities.move(house.merchant, under=None, by=SETUP)
    assert house.reason(entity=house.terminal.entity_id) == GOOD


@pytest.mark.parametrize("level", ["merchant", "channel", "terminal", "other_channel", "other_terminal"])
def test_the_token_covers_its_merchant_and_every_channel_and_terminal_below(house: House, level):
    """S0-6, S0-7."""
    assert house.reason(entity=getattr(house, level).entity_id) == GOOD


@pytest.mark.parametrize("level", ["partner", "company", "sibling", "sibling_channel"])
def test_the_token_covers_nothing_above_or_beside_its_merchant(house: House, level):
    """S0-8."""
    assert house.reason(entity=getattr(house, level).entity_id) == "entity"


def test_the_token_covers_nothing_in_another_tree_at_the_same_positions(house: House):
    twin = make_entity(Entity.Kind.PARTNER)
    foreign = make_merchant(under=make_entity(Entity.Kind.COMPANY, under=twin))
    assert (foreign.lft, foreign.level) == (house.merchant.lft, house.merchant.level)
    assert house.reason(entity=foreign.entity_id) == "entity"
    house.suspend(twin)
    assert house.reason() == GOOD


@pytest.mark.parametrize("entity", ["mer_0000000000000000", "MER", "%", "_", "' OR 1=1 --", "é", "x" * 900])
def test_the_token_covers_no_entity_that_does_not_exist(house: House, entity):
    assert house.reason(entity=entity) == "entity"


def test_a_suspended_channel_is_refused_with_all_below_it_and_its_neighbour_is_not(house: House):
    house.suspend(house.channel)
    assert house.reason(entity=house.channel.entity_id) == "entity"
    assert house.reason(entity=house.terminal.entity_id) == "entity"
    assert house.reason(entity=house.other_channel.entity_id) == GOOD
    assert house.reason(entity=house.merchant.entity_id) == GOOD
