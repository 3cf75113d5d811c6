"""The account tree in the browser: the WAI-ARIA tree pattern, by keyboard alone, and its search."""

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts import branches
from tests.browser.conftest import House, Visit, breakable
from tests.browser.keys import focus_is_seen, has_focus, tab_to
from tests.factories import make_entity, make_merchant


def item(page: Page, name: str) -> Locator:
    return page.get_by_role("treeitem").filter(has=page.get_by_text(name, exact=True))


def opened(house: House, visit: Visit, **options) -> Page:
    """Return the merchant's page with the focus on its node in the tree."""
    page = visit(house.administrator, **options)
    page.goto(house.merchant.get_absolute_url())
    tab_to(item(page, "Aurora Coffee"))
    return page


def names(page: Page) -> list[str]:
    """Return what the tree shows, from the top down."""
    return [name for name in page.locator("[role=tree] .tree-name").all_inner_texts() if name]


def aria(node: Locator) -> dict[str, str | None]:
    return {name: node.get_attribute(f"aria-{name}") for name in ("level", "setsize", "posinset", "expanded")}


def test_the_tree_says_where_each_node_stands(house, visit):
    """S0-4: level, place among its siblings, open or closed; one stop for Tab in the whole tree."""
    page = opened(house, visit)
    told = {
        "Northwind Payments": ("1", "1", "1", "true"),
        "Harbour Group": ("2", "2", "1", "true"),
        "Aurora Coffee": ("3", "1", "1", "true"),
        "Stores": ("4", "2", "1", "false"),
        "Web shop": ("4", "2", "2", None),
        "Ridgeline Retail": ("2", "2", "2", "false"),
    }
    assert {name: tuple(aria(item(page, name)).values()) for name in told} == told
    assert item(page, "Aurora Coffee").get_attribute("aria-current") == "page"
    assert page.locator("[role=tree] [tabindex='0']").count() == 1
    assert page.locator("[role=tree]").get_attribute("aria-label") == "Account tree"
    # Between the tree and its items, and between an item and its group, nothing that has a role of its own.
    assert page.locator("[role=tree] li:not([role=none])").count() == 0
    assert page.locator("[role=tree] ul:not([role=group])").count() == 0


def test_every_key_of_a_tree_does_what_it_should(house, visit):
    """S0-4: arrows, Home, End, letters, *, Enter; the focus is always seen, and always on one node alone."""
    page = opened(house, visit)

    def press(key: str, lands_on: str) -> None:
        page.keyboard.press(key)
        expect(item(page, lands_on)).to_be_focused()
        assert page.locator("[role=tree] [tabindex='0']").count() == 1
        assert focus_is_seen(page)

    press("ArrowDown", "Stores")
    press("ArrowUp", "Aurora Coffee")
    press("ArrowRight", "Stores")
    press("ArrowRight", "Stores")
    expect(item(page, "Stores")).to_have_attribute("aria-expanded", "true")
    press("ArrowRight", "Till 1")
    assert aria(item(page, "Till 1")) == {"level": "5", "setsize": "1", "posinset": "1", "expanded": None}
    press("ArrowRight", "Till 1")
    press("ArrowLeft", "Stores")
    press("ArrowLeft", "Stores")
    expect(item(page, "Till 1")).to_be_hidden()
    press("ArrowLeft", "Aurora Coffee")
    press("End", "Ridgeline Retail")
    press("ArrowDown", "Ridgeline Retail")
    press("Home", "Northwind Payments")
    press("ArrowUp", "Northwind Payments")
    press("w", "Web shop")
    page.wait_for_timeout(800)  # a pause begins a new word
    press("h", "Harbour Group")
    press("*", "Harbour Group")
    expect(item(page, "Cedar Cycles")).to_be_visible()
    press("End", "Cedar Cycles")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cedar Cycles")).to_be_visible()


def test_letters_typed_one_after_the_other_are_one_word(house, visit):
    for name in ("Stands", "Stalls"):
        make_entity("channel", name, under=house.merchant)
    page = opened(house, visit)
    page.keyboard.type("stan")
    expect(item(page, "Stands")).to_be_focused()


def test_a_branch_that_is_closed_over_the_focus_takes_it(house, visit):
    """No focus is lost in what is hidden."""
    page = opened(house, visit)
    page.keyboard.press("ArrowRight")
    expect(item(page, "Stores")).to_be_focused()
    item(page, "Harbour Group").locator(".tree-twist").click()
    expect(item(page, "Aurora Coffee")).to_be_hidden()
    assert page.locator("[role=tree] [tabindex='0']").count() == 1
    assert item(page, "Harbour Group").get_attribute("tabindex") == "0"


def test_a_branch_is_fetched_once_when_it_is_opened(house, visit):
    """100,000 entities: what was never opened was never sent."""
    page = opened(house, visit)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/account/tree/" in request.url else None)
    assert "Cedar Cycles" not in names(page)
    for _ in range(2):
        for twist in range(2):
            item(page, "Ridgeline Retail").locator(".tree-twist").click()
            expect(item(page, "Ridgeline Retail")).to_have_attribute("aria-expanded", str(twist == 0).lower())
    assert "Cedar Cycles" in names(page)
    assert len(asked) == 1


def test_a_branch_that_cannot_be_fetched_can_be_tried_again(house, visit):
    page = opened(house, visit)
    broken = breakable(page, "**/account/tree/**")
    broken.append(True)
    item(page, "Ridgeline Retail").locator(".tree-twist").click()
    failed = page.get_by_role("treeitem", name="Could not be loaded. Try again")
    expect(failed).to_be_visible()
    broken.clear()
    failed.click()
    expect(item(page, "Cedar Cycles")).to_be_focused()


def test_open_branches_are_still_open_on_the_next_page(house, visit):
    page = opened(house, visit)
    item(page, "Ridgeline Retail").locator(".tree-twist").click()
    item(page, "Cedar Cycles").click()
    expect(page.get_by_role("heading", name="Cedar Cycles")).to_be_visible()
    expect(item(page, "Aurora Coffee")).to_be_visible()
    item(page, "Harbour Group").locator(".tree-twist").click()
    page.get_by_role("link", name="Developers").click()
    expect(page.get_by_role("heading", name="Connect a system")).to_be_visible()
    expect(item(page, "Aurora Coffee")).to_be_hidden()


def test_more_than_a_branch_holds_comes_on_show_more(house, visit, monkeypatch):
    """Beyond 100 children (here: 4) the rest comes on demand, by keyboard; the count is unknown until all are there."""
    monkeypatch.setattr(branches, "BRANCH", 4)
    for number in range(9):
        make_merchant(f"Shop {number}", under=house.company)
    page = visit(house.administrator)
    page.goto(house.company.get_absolute_url())
    tab_to(item(page, "Harbour Group"))
    assert aria(item(page, "Shop 0"))["setsize"] == "-1"
    more = page.get_by_role("treeitem", name="Show more")
    for first in ("Shop 3", "Shop 7"):
        page.keyboard.type("show")
        expect(more).to_be_focused()
        page.keyboard.press("Enter")
        expect(item(page, first)).to_be_focused()
        page.wait_for_timeout(800)  # a pause begins a new word
    expect(more).to_have_count(0)
    assert aria(item(page, "Shop 8")) == {"level": "3", "setsize": "10", "posinset": "10", "expanded": None}
    assert len(names(page)) == len(set(names(page)))


def test_in_a_right_to_left_page_the_arrows_are_mirrored(house, visit):
    page = opened(house, visit)
    page.evaluate("document.documentElement.dir = 'rtl'")
    page.keyboard.press("ArrowLeft")
    expect(item(page, "Stores")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(item(page, "Aurora Coffee")).to_be_focused()


def test_the_search_is_one_key_away_and_leads_to_what_is_chosen(house, visit):
    """S0-4: / from anywhere, answers while one types, arrows, Enter."""
    page = opened(house, visit)
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Find an entity by name or ID")
    expect(field).to_be_focused()
    page.keyboard.type("group")
    options = page.get_by_role("option")
    expect(options).to_contain_text(["Harbour Group"])
    assert field.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Control+A")
    page.keyboard.type("cedar")
    expect(options).to_contain_text(["Cedar Cycles"])
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    assert has_focus(field)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cedar Cycles")).to_be_visible()


def test_the_arrows_go_round_and_escape_gives_the_tree_back(house, visit):
    for number in range(3):
        make_merchant(f"Outlet {number}", under=house.company)
    page = opened(house, visit)
    page.keyboard.press("/")
    page.keyboard.type("outlet ")
    options = page.get_by_role("option")
    expect(options).to_have_count(3)
    for key, chosen in [("ArrowUp", 2), ("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0)]:
        page.keyboard.press(key)
        expect(options.nth(chosen)).to_have_attribute("aria-selected", "true")
        assert page.locator("[role=option][aria-selected=true]").count() == 1
    expect(page.get_by_role("tree")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_role("tree")).to_be_visible()
    expect(page.get_by_role("combobox").first).to_have_value("")
    assert options.count() == 0


def test_a_search_that_finds_nothing_or_fails_says_so(house, visit):
    page = opened(house, visit)
    broken = breakable(page, "**/search/**")
    page.keyboard.press("/")
    page.keyboard.type("zephyr")
    expect(page.get_by_text("Nothing found for “zephyr”").first).to_be_visible()
    expect(page.locator("#tree-results + [role=status]")).to_contain_text("Nothing found")
    broken.append(True)
    page.keyboard.type("s")
    expect(page.get_by_text("The search did not work. Try again.").first).to_be_visible()


@pytest.mark.parametrize("path", ["search", "account"])
def test_without_javascript_tree_and_search_are_links_and_a_form(house, visit, path):
    """S0-4: every node is a link, the search a page of answers."""
    page = visit(house.administrator, java_script_enabled=False)
    page.goto(house.partner.get_absolute_url())
    if path == "search":
        page.get_by_role("searchbox", name="Find an entity by name or ID").fill("aurora")
        page.keyboard.press("Enter")
        page.get_by_role("main").get_by_role("link", name="Aurora Coffee").click()
    else:
        page.get_by_role("complementary").get_by_role("link", name="Harbour Group").click()
        page.get_by_role("complementary").get_by_role("link", name="Aurora Coffee").click()
    expect(page.get_by_role("heading", name="Aurora Coffee")).to_be_visible()
    expect(page.get_by_role("heading", name="API Tokens")).to_be_visible()
