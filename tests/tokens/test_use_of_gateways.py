"""When a gateway asked last: told on its row like the last use of a token, and at no cost to what it asks."""

from datetime import timedelta
from http import HTTPStatus

import time_machine

from tests.tokens.conftest import House, with_another_secret
from tests.tokens.questions import ask
from tests.tokens.test_usage import HERE, NOON, used_at
from tokens import usage
from tokens.usage import Counter


def test_a_gateway_is_used_when_it_asks_and_that_is_known_to_the_minute(house: House):
    """Each note is a new version of the row that every decision reads, so there are few of them."""
    counter, seen = Counter(), []
    for seconds in [0, 1, 59, 61, 100, 200]:
        with time_machine.travel(NOON + timedelta(seconds=seconds), tick=False):
            counter.count(house.token.pk, caller=HERE, outcome="inactive", gateway=house.gateway.pk)
            counter.flush()
        seen.append((used_at(house.gateway) - NOON).total_seconds())
    assert seen == [0, 0, 0, 61, 61, 200]
    assert used_at(house.token) is None


def test_whatever_a_gateway_asks_about_it_is_the_gateway_that_is_used(house: House):
    bearer = {"Authorization": f"Bearer {with_another_secret(house.secret)}"}
    assert ask("", **bearer).status == ask("permision=x", **bearer).status == HTTPStatus.UNAUTHORIZED
    usage.flush()
    assert used_at(house.gateway) is None, "who has no credential of the gateway is not it"
    ask("permision=x", X_Keyhouse_Gateway=house.gateway_secret)
    usage.flush()
    assert used_at(house.gateway) is not None
    assert used_at(house.token) is None
