"""People as platform staff see them: the list, and the page of one, with the tokens they made."""

from http import HTTPStatus

import pytest
from django.urls import reverse

from accounts import lifecycle
from accounts.models import Entity, User
from accounts.permissions import Role
from tests.factories import give_role, make_administrator, make_entity, make_gateway, make_merchant, make_user
from tests.reading import client_of, main_of, read
from tokens import lifecycle as token_lifecycle

PEOPLE = reverse("portal:people")


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def support(db) -> User:
    return make_user(Role.SUPPORT, name="Sven Support")


def test_the_page_tells_where_somebody_may_do_what_and_what_they_made(merchant, support):
    """What a person created stays with their name, also when their role has ended."""
    dana = make_user(Role.DEVELOPER, on=merchant, name="Dana", email="dana@shop.example")
    give_role(dana, Role.ADMINISTRATOR, on=make_merchant("Cedar Cycles"))
    for number in range(12):
        token_lifecycle.create(merchant, alias=f"Backend {number}", by=dana)
    lifecycle.add(kind="channel", name="Web shop", under=merchant, by=dana)
    client_of(dana)
    page = main_of(client_of(support).get(dana.get_absolute_url()))
    assert page.one("h1").text == "Dana"
    assert "May sign in" in page.text
    assert "Tokens: 12 · integration keys: 0 · entities: 1." in page.text
    made = page.one("section", aria_labelledby="made")
    assert [name.text for name in made.all("bdi")][:20:2] == [f"Backend {number}" for number in range(11, 1, -1)]
    assert "Aurora CoffeeDeveloper" in page.text
    assert "Cedar CyclesAdministrator · the only administrator" in page.text
    assert "in 1 browser" in page.text
    assert "Token created · Backend 3" in page.text
    assert merchant.get_absolute_url() in page.links


def test_the_page_of_somebody_without_anything_says_so(support):
    nobody = make_user(name="Nemo")
    page = main_of(client_of(support).get(nobody.get_absolute_url()))
    for words in ("No role any more", "Nothing yet", "Nowhere", "Nothing has happened here yet"):
        assert words in page.text


def test_a_gateway_credential_among_what_somebody_made_has_no_page(support):
    gateway, _secret = make_gateway()
    type(gateway).objects.update(created_by=support)
    page = main_of(client_of(support).get(support.get_absolute_url()))
    assert "Test gateway" in page.text
    assert gateway.get_absolute_url() not in page.links


def test_the_list_finds_people_by_name_and_address(merchant, support):
    for number in range(30):
        make_user(Role.VIEWER, on=merchant, email=f"person.{number:02}@shop.example", name=f"Person {number}")
    busy = make_user(email="busy@shop.example", name="Busy Bee")
    for entity in [merchant, *(make_merchant() for _ in range(4))]:
        give_role(busy, Role.DEVELOPER, on=entity)
    client = client_of(support)
    assert len(main_of(client.get(PEOPLE)).rows) == 25
    (row,) = main_of(client.get(PEOPLE, {"q": "BUSY"})).rows
    assert row["Roles"].count("Developer") == 3
    assert row["Roles"].endswith("and 2 more")
    assert [row["Person"] for row in main_of(client.get(PEOPLE, {"q": "person.07@"})).rows] == [
        "Person 7person.07@shop.example"
    ]
    assert "Nobody matches" in main_of(client.get(PEOPLE, {"q": "zephyr\0"})).text


def test_only_platform_staff_are_led_there(merchant, support):
    """S2-17: everybody else knows of others only what the Users tab of their own entities says."""
    administrator = make_administrator(merchant)
    users = reverse("accounts:users", args=[merchant.entity_id])
    assert PEOPLE in read(client_of(support).get(users)).links
    assert administrator.get_absolute_url() in main_of(client_of(support).get(users)).links
    for user in (administrator, make_user(Role.ADMINISTRATOR, on=merchant.get_root())):
        client = client_of(user)
        assert PEOPLE not in read(client.get(users)).links
        assert administrator.get_absolute_url() not in main_of(client.get(users)).links
        assert client.get(PEOPLE).status_code == HTTPStatus.FORBIDDEN
        assert client.get(administrator.get_absolute_url()).status_code == HTTPStatus.NOT_FOUND


def test_the_admin_leads_to_the_page(support):
    page = read(client_of(support).get(reverse("admin:accounts_user_change", args=[support.pk])))
    assert any("/admin/r/" in link for link in page.links)
