"""A compromised token: stopped and ended for good in one step, with both events, by whoever may do both."""

from http import HTTPStatus

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.permissions import Capability, Role
from accounts.refusals import Refused
from tests.factories import SETUP, make_administrator, make_user, put_into
from tests.reading import client_of, main_of
from tests.tokens.conftest import House, stored
from tokens import lifecycle, rotation
from tokens.models import Token

BOTH = frozenset({Capability.TOKEN_DEACTIVATE, Capability.TOKEN_REVOKE})


def test_one_step_is_both_changes_and_both_events(house: House):
    """C2, C4, S2-10, S2-22: deactivated, then revoked, by one person for one reason, and refused from then on."""
    person = make_administrator(house.merchant)
    lifecycle.condemn(house.token, by=person, reason="Seen in a public repository")
    row = stored(house.token)
    assert (row["status"], row["digest"]) == ("revoked", None)
    assert row["ended_at"] is not None
    last = list(AuditEvent.objects.order_by("-number")[:2])[::-1]
    assert [(each.type, each.target, each.actor, each.details["reason"]) for each in last] == [
        (f"token.{what}", house.token.key_id, person, "Seen in a public repository")
        for what in ("deactivated", "revoked")
    ]
    assert house.reason() == "revoked"


def test_a_retiring_token_does_not_wait_for_its_overlap(house: House):
    """S2-22, C4."""
    _, new = rotation.rotate(house.token, overlap=None, by=SETUP)
    lifecycle.condemn(Token.objects.get(pk=house.token.pk), by=SETUP)
    assert (house.reason(), house.reason(new)) == ("revoked", "good")


@pytest.mark.parametrize("status", ["inactive", "revoked", "removed"])
def test_only_an_active_token_is_condemned(house: House, status):
    """S3-20: whoever comes second is told so and leaves no event; an inactive one is revoked."""
    token = put_into(house.token, status)
    before, events = stored(token), AuditEvent.objects.count()
    assert not lifecycle.can("condemn", token, frozenset(Capability))
    with pytest.raises(Refused, match=f"“Till” is {status} already."):
        lifecycle.condemn(house.token, by=SETUP)  # as somebody has it who loaded it before
    assert (stored(token), AuditEvent.objects.count()) == (before, events)


@pytest.mark.parametrize("missing", sorted(BOTH))
def test_it_takes_the_right_to_both_steps(house: House, missing):
    assert lifecycle.can("condemn", house.token, BOTH)
    assert not lifecycle.can("condemn", house.token, BOTH - {missing})


def test_support_may_stop_a_token_but_not_end_it(house: House):
    """S2-17: the link is not there, and the address is refused."""
    client = client_of(make_user(Role.SUPPORT))
    address = reverse("tokens:condemn", args=[house.token.key_id])
    question = main_of(client.get(reverse("tokens:deactivate", args=[house.token.key_id])))
    assert address not in question.links
    assert client.post(address).status_code == HTTPStatus.FORBIDDEN
    assert stored(house.token)["status"] == "active"


def test_both_or_neither(house: House, monkeypatch):
    """Where the second half cannot be done, the first has not happened."""

    def refuse(*_: object, **__: object) -> None:
        raise Refused("Not now.")

    monkeypatch.setattr(lifecycle, "revoke", refuse)
    before, events = stored(house.token), AuditEvent.objects.count()
    with pytest.raises(Refused):
        lifecycle.condemn(house.token, by=SETUP)
    assert (stored(house.token), AuditEvent.objects.count()) == (before, events)


def test_it_is_offered_beside_deactivate(house: House):
    """S0-40, C4: on the list, on the token's page and where somebody is about to deactivate it."""
    client = client_of(make_administrator(house.merchant))
    address = reverse("tokens:condemn", args=[house.token.key_id])
    deactivate = reverse("tokens:deactivate", args=[house.token.key_id])
    for place in (house.merchant.get_absolute_url(), house.token.get_absolute_url(), deactivate):
        assert address in main_of(client.get(place)).links, place
