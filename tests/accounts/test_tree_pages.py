"""The account tree beside the pages, and the search for entities."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts import branches
from accounts.models import Entity
from accounts.permissions import Role
from tests.factories import give_role, make_administrator, make_entity, make_merchant
from tests.reading import HTMX, client_of, main_of, read


@pytest.fixture
def partner(db) -> Entity:
    return make_entity("partner", "Northwind Payments")


@pytest.fixture
def merchant(partner) -> Entity:
    return make_merchant("Aurora Coffee", under=partner)


@pytest.fixture
def client(partner) -> Client:
    return client_of(make_administrator(partner))


def test_the_tree_is_drawn_open_along_the_chosen_entity(client, partner, merchant):
    """S0-4: the merchant chosen in the account tree; what is not on its path stays closed."""
    channel = make_entity("channel", "Web shop", under=merchant)
    other = make_merchant("Cedar Cycles", under=partner)
    make_entity("channel", "Out of sight", under=other)
    tree = read(client.get(merchant.get_absolute_url())).one("aside", id="tree-panel")
    assert tree.one("a", aria_current="page").attributes["href"] == merchant.get_absolute_url()
    assert [link.one("span", class_="tree-name").text for link in tree.all("a")] == [
        "Northwind Payments",
        "Aurora Coffee",
        "Web shop",
        "Cedar Cycles",
    ]
    assert tree.links[2] == channel.get_absolute_url()
    assert tree.all("a")[3].attributes["data-open"] == "false"


def test_a_branch_comes_two_hundred_at_a_time(client, merchant, monkeypatch):
    """100,000 entities: no branch brings everything; the rest comes on Show more."""
    monkeypatch.setattr(branches, "BRANCH", 3)
    for number in range(7):
        make_entity("channel", f"Channel {number}", under=merchant)
    url, seen = reverse("accounts:branch", args=[merchant.entity_id]), []
    while url:
        branch = read(client.get(url))
        seen += [
            link.one("span", class_="tree-name").text for link in branch.all("a") if "data-more" not in link.attributes
        ]
        url = next((link.attributes["data-more"] for link in branch.all("a") if "data-more" in link.attributes), None)
    assert seen == [f"Channel {number}" for number in range(7)]


def test_a_tree_begins_at_what_one_may_see(partner, merchant):
    """S2-18: nothing above one's own entities; one below another of one's own is no top of its own."""
    other = make_merchant("Cedar Cycles", under=partner)
    channel = make_entity("channel", "Web shop", under=merchant)
    user = make_administrator(merchant)
    give_role(user, Role.VIEWER, on=other)
    give_role(user, Role.VIEWER, on=channel)
    page = read(client_of(user).get(reverse("portal:account")))
    names = [name.text for name in page.one("aside", id="tree-panel").all("span", class_="tree-name")]
    assert names == ["Aurora Coffee", "Cedar Cycles"]
    assert "Northwind" not in page.text


def test_below_a_chosen_leaf_there_is_no_empty_list(client, merchant):
    """S0-4: an empty group is read out as one."""
    page = read(client.get(make_entity("terminal", "Till 1", under=merchant).get_absolute_url()))
    assert all(each.all("li") for each in page.all("ul", class_="tree-branch"))
    assert page.one("aside", id="tree-panel").one("a", aria_current="page").text.startswith("Till 1")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "suggestions"])
@pytest.mark.parametrize("by", ["name", "entity ID"])
def test_an_entity_is_found_by_name_or_entity_id(client, merchant, headers, by):
    """S0-4: search instead of a list of everything; only what one may see."""
    make_merchant("Aurora Rivals", under=make_entity("partner", "Southgate"))
    text = merchant.entity_id[:9] if by == "entity ID" else "aurora"
    response = client.get(reverse("accounts:search"), {"q": text}, **headers)
    page = read(response) if headers else main_of(response)
    assert [link for link in page.links if link.startswith("/account/")] == [merchant.get_absolute_url()]
    assert "1 entity" in page.text


def test_a_search_shows_twenty_and_says_that_there_are_more(client, partner):
    for number in range(21):
        make_merchant(f"Shop {number:02}", under=partner)
    page = read(client.get(reverse("accounts:search"), {"q": "shop"}, **HTMX))
    assert len(page.links) == 20
    assert "There are more." in page.text


def test_there_is_no_list_of_all_entities_to_choose_from(client, partner, merchant):
    """A select of every entity would be megabytes at 100,000 of them."""
    urls = [
        reverse("portal:dashboard"),
        merchant.get_absolute_url(),
        *(reverse(f"accounts:{verb}", args=[merchant.entity_id]) for verb in ("add", "edit", "move", "suspend")),
    ]
    for url in urls:
        assert not read(client.get(url)).all("select"), url
