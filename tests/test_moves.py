"""A merchant that moves to another partner takes every page of it along: both sides see that at the next request."""

from http import HTTPStatus

import pytest

from accounts import lifecycle
from accounts.permissions import Role
from tests.access_matrix import PERSONAS
from tests.access_world import OF_SOMEBODY, address, make_world, send, typed
from tests.factories import SETUP, make_user
from tests.reading import client_of
from tests.test_access import rows

PARTNER = PERSONAS.index("partner")
DONE = {HTTPStatus.OK, HTTPStatus.FOUND}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_moved_merchant_is_gone_here_and_there_at_the_next_request(db, method):
    """S2-18, C9: every URL about the merchant, what stands below it, its tokens, keys, members and invitations."""
    world = make_world()
    aurora, leaving = world["aurora"], world["clients"]["partner"]
    new_partner = world["borealis"].get_root()
    arriving = client_of(make_user(Role.ADMINISTRATOR, on=new_partner))
    asked = {
        name: HTTPStatus(statuses[PARTNER])
        for name, verb, statuses in rows()
        if name in OF_SOMEBODY and verb == method and statuses[PARTNER] in DONE
    }
    assert len(asked) > 20
    addresses = {name: address(name, world, aurora) for name in asked}

    def answers(client) -> dict[str, HTTPStatus]:
        return {
            name: HTTPStatus(send(client, method, url, typed(name, world)).status_code)
            for name, url in addresses.items()
        }

    nothing = dict.fromkeys(asked, HTTPStatus.NOT_FOUND)
    assert (answers(leaving), answers(arriving)) == (asked, nothing)
    lifecycle.move(aurora, under=new_partner, by=SETUP)
    # To move it on needs a place of one's own to move it to; where it is now is no such place.
    there = asked | ({"accounts:move": HTTPStatus.UNPROCESSABLE_ENTITY} if method == "POST" else {})
    assert (answers(leaving), answers(arriving)) == (nothing, there)
