"""A minute before the end of a session somebody is warned, and can stay (WCAG 2.2.1; ASVS 7.3.1)."""

from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Session
from tests.browser.keys import dialog_of, tab_to
from tests.browser.test_looks import faults_of


def nearly_over(page: Page, seconds: int = 50) -> None:
    """Let fourteen minutes pass in the browser, and all but so many seconds of the session on the server."""
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=seconds))
    page.clock.fast_forward("14:00")


def test_the_warning_lets_one_stay_by_keyboard(house, visit, axe):
    page = visit(house.administrator)
    page.clock.install()
    page.goto("/settings/")
    warning = page.get_by_role("alert")
    expect(warning).to_have_count(0)
    nearly_over(page)
    expect(warning).to_contain_text("You will be signed out in a minute.")
    faults = list(faults_of(page, axe))
    assert not faults, "\n".join(faults)
    tab_to(warning.get_by_role("button", name="Stay signed in"), most=3)
    page.keyboard.press("Enter")
    expect(warning).to_have_count(0)
    assert Session.objects.get().expire_date > timezone.now() + timedelta(minutes=14)
    nearly_over(page)  # and the next time as well
    expect(warning).to_be_visible()


def test_over_an_open_dialog_it_can_be_reached(house, visit):
    page = visit(house.administrator)
    page.clock.install()
    page.goto(house.merchant.get_absolute_url())
    page.get_by_role("link", name="Edit Checkout backend").click()
    dialog = dialog_of(page, "Edit API token")
    nearly_over(page)
    expect(dialog.get_by_role("alert")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_be_visible()  # it stays when the dialog goes
    page.get_by_role("button", name="Stay signed in").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_at_the_end_the_page_is_left(house, visit):
    """Nothing of what was on the screen stays there."""
    page = visit(house.administrator)
    page.clock.install()
    page.goto(house.merchant.get_absolute_url())
    nearly_over(page, seconds=-1)
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    assert "Aurora" not in page.content()


def test_another_window_keeps_it_alive(house, visit):
    """Asked before anybody is disturbed: the session is the browser's, not the window's."""
    page = visit(house.administrator)
    page.clock.install()
    page.goto("/settings/")
    with page.expect_response("**/auth/session/") as answer:
        page.clock.fast_forward("14:00")
    assert answer.value.json()["left"] > 800
    expect(page.get_by_role("alert")).to_have_count(0)


def test_after_twelve_hours_there_is_nothing_to_press(house, visit):
    page = visit(house.administrator)
    (row,) = Session.objects.all()
    store = Session.get_session_store_class()()
    data = row.get_decoded() | {"began_at": timezone.now().timestamp() - 12 * 3600 + 50}
    Session.objects.update(session_data=store.encode(data))
    page.clock.install()
    page.goto("/settings/")
    nearly_over(page)
    expect(page.get_by_role("alert")).to_contain_text("You have been signed in for twelve hours.")
    expect(page.get_by_role("button", name="Stay signed in")).to_have_count(0)
