"""Whose suspension it is: what the platform has suspended, nobody below it lifts or moves out from under it."""

from http import HTTPStatus

import pytest
from django.urls import reverse

from accounts import lifecycle
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Role
from accounts.refusals import Refused
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_user
from tests.reading import client_of, main_of


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def platform(db) -> User:
    return make_user(Role.PLATFORM_ADMINISTRATOR)


def status_of(entity: Entity) -> str:
    return Entity.objects.get(pk=entity.pk).status


@pytest.mark.parametrize("actor", ["administrator", "operator"])
def test_a_partner_does_not_lift_what_the_platform_has_suspended(merchant, platform, actor):
    """S2-18, C9: no button, a sentence for whoever types the address, and nothing changed; the platform lifts it."""
    lifecycle.suspend(merchant, by=platform if actor == "administrator" else SETUP)
    client, events = client_of(make_administrator(merchant.parent)), AuditEvent.objects.count()
    page = main_of(client.get(merchant.get_absolute_url()))
    address = reverse("accounts:reactivate", args=[merchant.entity_id])
    assert address not in page.links
    assert "until the platform, which has suspended it, lifts that" in page.text
    for response in (client.get(address), client.post(address, {"reason": "It is ours"})):
        assert response.status_code == HTTPStatus.CONFLICT
        assert "The platform has suspended “Aurora Coffee”" in main_of(response).text
    assert (status_of(merchant), AuditEvent.objects.count()) == ("suspended", events)
    assert client_of(platform).post(address).status_code == HTTPStatus.FOUND
    assert status_of(merchant) == "active"


def test_a_partner_lifts_its_own_suspension_and_so_does_the_platform(merchant, platform):
    """S2-18: each tree is its administrators' own, and the platform stands above all."""
    partner = make_administrator(merchant.parent)
    address = reverse("accounts:reactivate", args=[merchant.entity_id])
    for user in (partner, platform):
        lifecycle.suspend(Entity.objects.get(pk=merchant.pk), by=partner)
        client = client_of(user)
        assert address in main_of(client.get(merchant.get_absolute_url())).links
        assert client.post(address).status_code == HTTPStatus.FOUND
        assert status_of(merchant) == "active"


def test_what_was_read_before_the_platform_suspended_it_stays_suspended(merchant, platform):
    """C9: the partner's own suspension was lifted and the platform's came in between; the statement itself looks."""
    partner = make_administrator(merchant.parent)
    lifecycle.suspend(merchant, by=partner)
    stale = Entity.objects.get(pk=merchant.pk)
    lifecycle.reactivate(stale, by=platform)
    lifecycle.suspend(merchant, by=platform)
    with pytest.raises(Refused, match="has changed meanwhile"):
        lifecycle.reactivate(stale, by=partner)
    assert status_of(merchant) == "suspended"


def test_nothing_is_moved_out_from_under_the_platforms_suspension(platform):
    """C9: a move would lift it as well."""
    partner = make_entity("partner")
    suspended, other = (make_entity("company", under=partner) for _ in range(2))
    merchant, administrator = make_merchant(under=suspended), make_administrator(partner)
    lifecycle.suspend(suspended, by=platform)
    with pytest.raises(Refused, match="Whoever suspended that one can move this one"):
        lifecycle.move(merchant, under=other, by=administrator)
    lifecycle.reactivate(suspended, by=platform)
    lifecycle.suspend(suspended, by=administrator)
    lifecycle.move(merchant, under=other, by=administrator)
    assert Entity.objects.get(pk=merchant.pk).parent == other


def test_the_mark_comes_and_goes_with_the_suspension(merchant, platform):
    """C9: the next suspension, by somebody else, is theirs again."""
    marks = []
    for by in (platform, make_administrator(merchant.parent), platform):
        lifecycle.suspend(Entity.objects.get(pk=merchant.pk), by=by)
        marks.append(Entity.objects.get(pk=merchant.pk).suspended_by_platform)
        lifecycle.reactivate(Entity.objects.get(pk=merchant.pk), by=platform)
        assert not Entity.objects.get(pk=merchant.pk).suspended_by_platform
    assert marks == [True, False, True]
