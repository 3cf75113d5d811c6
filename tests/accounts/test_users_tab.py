"""The USERS tab: who has access and from where, searched, paged, and what is offered to whom."""

from http import HTTPStatus

import pytest
from django.urls import reverse

from accounts.models import Entity
from accounts.permissions import Role
from tests.factories import (
    make_administrator,
    make_entity,
    make_merchant,
    make_user,
)
from tests.reading import client_of, main_of


@pytest.fixture
def partner(db) -> Entity:
    return make_entity("partner", "Northwind Payments")


@pytest.fixture
def merchant(partner) -> Entity:
    return make_merchant("Aurora Coffee", under=partner)


def users_page(entity: Entity) -> str:
    return reverse("accounts:users", args=[entity.entity_id])


def test_a_long_list_is_searched_and_paged(merchant):
    client = client_of(make_administrator(merchant))
    page = main_of(client.get(users_page(merchant)))
    assert not page.all("input", name="q")
    for number in range(30):
        make_user(Role.VIEWER, on=merchant, email=f"person.{number:02}@shop.example", name=f"Person {number}")
    page = main_of(client.get(users_page(merchant)))
    assert len(page.rows) == 25
    assert page.one("nav", class_="pager").text.startswith("1\N{EN DASH}25 of 31")
    assert len(main_of(client.get(users_page(merchant), {"page": "2"})).rows) == 6
    found = main_of(client.get(users_page(merchant), {"q": "PERSON.07"})).rows
    assert [row["Person"] for row in found] == ["Person 7person.07@shop.example"]
    assert "Nobody matches" in main_of(client.get(users_page(merchant), {"q": "nobody\0 here"})).text


def test_who_may_not_manage_members_sees_them_without_buttons(merchant):
    """S2-17: developers and viewers see who else is there; operators of terminals do not."""
    make_administrator(merchant)
    for role in (Role.DEVELOPER, Role.VIEWER):
        page = main_of(client_of(make_user(role, on=merchant)).get(users_page(merchant)))
        assert "Actions" not in page.rows[0]
        assert reverse("accounts:invite", args=[merchant.entity_id]) not in page.links
    for role in (Role.TERMINAL_OPERATOR, Role.SDK_USER):
        client = client_of(make_user(role, on=merchant))
        assert client.get(users_page(merchant)).status_code == HTTPStatus.FORBIDDEN
        assert users_page(merchant) not in main_of(client.get(merchant.get_absolute_url())).links


def test_an_entity_without_people_of_its_own_says_what_to_do(partner):
    empty = make_merchant(under=make_entity("company", under=None))
    page = main_of(client_of(make_user(Role.PLATFORM_ADMINISTRATOR)).get(users_page(empty)))
    assert "Nobody has been given access here" in page.text
    assert page.links.count(reverse("accounts:invite", args=[empty.entity_id])) == 2


def test_the_people_of_the_platform_are_managed_by_their_administrators(db):
    platform, support = make_user(Role.PLATFORM_ADMINISTRATOR), make_user(Role.SUPPORT)
    url = reverse("accounts:platform_users")
    page = main_of(client_of(platform).get(url))
    assert {row["Role"] for row in page.rows} == {"Platform administrator", "Support"}
    assert reverse("accounts:remove", args=[support.memberships.get().membership_id]) in page.links
    assert "Actions" not in main_of(client_of(support).get(url)).rows[0]
    assert client_of(make_administrator(make_merchant())).get(url).status_code == HTTPStatus.FORBIDDEN
