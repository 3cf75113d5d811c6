"""The audit log on pages: the newest first, as far back as it goes, and nobody else's."""

import pytest
from django.urls import reverse

from accounts import timeline
from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from tests.factories import give_role, make_administrator, make_entity, make_merchant, make_user
from tests.reading import client_of, main_of


@pytest.fixture
def partner(db) -> Entity:
    return make_entity("partner", "Northwind Payments")


@pytest.fixture(params=[timeline.FEW, 2], ids=["few entities", "many"])
def _few(request, monkeypatch) -> None:
    """Both ways of asking: by the entities' keys, and by where they stand."""
    monkeypatch.setattr(timeline, "FEW", request.param)


def numbers(user, within: Entity | None = None) -> list[int]:
    """Return the numbers of all events, stretch by stretch."""
    found, before = [], ""
    while True:
        stretch = timeline.stretch(user, within=within, before=before, size=7)
        found += [event.number for event in stretch.events]
        if stretch.older is None:
            return found
        assert len(stretch.events) == 7
        before = str(stretch.older)


@pytest.mark.usefixtures("_few")
def test_stretch_by_stretch_it_is_what_one_may_see_and_all_of_it(partner):
    """S2-17, S2-18, S3-12: of oneself, of what is below, of the whole platform; each event once."""
    merchants = [make_merchant(under=partner) for _ in range(9)]
    rival = make_merchant("Borealis Books", under=make_entity("partner", "Southgate"))
    for merchant in [*merchants, rival]:
        make_entity("channel", under=merchant)
    both = make_administrator(merchants[0])
    give_role(both, Role.VIEWER, on=merchants[3])
    people = [make_user(Role.PLATFORM_ADMINISTRATOR), make_user(Role.SUPPORT), make_administrator(partner), both]
    people += [make_administrator(rival), make_user()]
    for user in people:
        everywhere = AuditEvent.objects.visible_to(user)
        assert numbers(user) == list(everywhere.values_list("number", flat=True)), user
        for within in (partner, merchants[0], rival):
            assert numbers(user, within) == list(everywhere.below(within).values_list("number", flat=True)), user
    assert len(numbers(people[0])) > len(numbers(people[2])) > len(numbers(both)) > 0
    assert numbers(people[-1]) == []


@pytest.mark.parametrize("before", ["", "x", "-1", "1e9", "9" * 5000, "9" * 19, "\0", "\u0661"], ids=ascii)
def test_what_is_no_number_is_not_heard(partner, before):
    stretch = timeline.stretch(make_administrator(partner), before=before)
    assert stretch.is_newest
    assert len(stretch.events) == 1


@pytest.mark.parametrize("page", ["portal:activity", "accounts:activity"])
def test_one_reads_on_and_comes_back(partner, page):
    for number in range(30):
        make_merchant(f"Shop {number:02}", under=partner)
    client = client_of(make_administrator(partner))
    address = reverse(page, args=[partner.entity_id] if page.startswith("accounts") else [])
    newest = main_of(client.get(address))
    assert len(newest.all("li", class_="event")) == 25
    assert "Shop 29" in newest.text
    (on,) = newest.one("nav", aria_label="Pages").all("a", rel="next")
    older = main_of(client.get(address + on.attributes["href"]))
    # That an entity's log is read is an event of that entity.
    assert len(older.all("li", class_="event")) == (7 if page.startswith("accounts") else 6)
    assert "Shop 29" not in older.text
    assert older.one("nav", aria_label="Pages").one("a").text == "Newest"
