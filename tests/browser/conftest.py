"""A real browser at the portal: somebody signed in, a small account tree, and no fault of a script left unseen."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, ConsoleMessage, Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import Entity, User
from accounts.permissions import Role
from tests.factories import make_administrator, make_entity, make_merchant, make_token, make_user
from tests.reading import client_of
from tokens.models import Token

EXPECTED = re.compile(r"(the server responded with a status of|Response Status Error Code) (403|404|409|422)")
"""A refusal or a form with errors is an answer like any other; the browser notes it on its console all the same."""

Visit = Callable[..., Page]


@dataclass
class House:
    """partner > company > Aurora Coffee > two channels, one with a terminal; a second company with a merchant."""

    partner: Entity
    company: Entity
    merchant: Entity
    stores: Entity
    till: Entity
    token: Token
    secret: str
    administrator: User
    """Administrator of the partner: may do everything that is below it."""


@pytest.fixture
def house(live_server: LiveServer) -> House:
    partner = make_entity("partner", "Northwind Payments")
    company = make_entity("company", "Harbour Group", under=partner)
    merchant = make_merchant("Aurora Coffee", under=company)
    stores = make_entity("channel", "Stores", under=merchant)
    till = make_entity("terminal", "Till 1", under=stores)
    make_entity("channel", "Web shop", under=merchant)
    make_merchant("Cedar Cycles", under=make_entity("company", "Ridgeline Retail", under=partner))
    place = [Entity.objects.get(pk=each.pk) for each in (partner, company, merchant, stores, till)]
    return House(*place, *make_token(merchant, alias="Checkout backend"), make_administrator(partner))


@pytest.fixture
def platform(live_server: LiveServer) -> User:
    return make_user(Role.PLATFORM_ADMINISTRATOR)


def sign_in(context: BrowserContext, who: User | Client, address: str) -> None:
    """Sign in by the cookie alone, of `who` or of who has signed in there: `test_sign_in.py` types the password."""
    name = settings.SESSION_COOKIE_NAME
    client = who if isinstance(who, Client) else client_of(who)
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])


def breakable(page: Page, pattern: str) -> list[bool]:
    """Load the page again, with a switch: while the list that is returned holds anything, `pattern` is not found."""
    broken: list[bool] = []
    page.route(pattern, lambda route: route.fulfill(status=404) if broken else route.continue_())
    page.reload()
    return broken


def turn(page: Page, way: str) -> None:
    """Go `back` or `forward` in the history as the browser's buttons do, and wait until the page there has loaded."""
    with page.expect_navigation():
        page.evaluate(f"setTimeout(() => history.{way}())")


@pytest.fixture
def visit(live_server: LiveServer, new_context: Callable[..., BrowserContext]) -> Iterator[Visit]:
    """Return a function that opens a browser of its own for `user` (or a client of theirs; None: nobody).

    Its options are those of a browser context. Afterwards the test fails where a script broke, the content policy was
    violated, or anything else was noted on the console as an error.
    """
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not EXPECTED.search(message.text):
            faults.append(f"{message.text} ({message.location.get('url', '')})")

    def stay(url: str) -> None:
        if not url.startswith((live_server.url, "data:", "blob:")):
            faults.append(f"Something was fetched from {url}.")

    def open_page(user: User | Client | None = None, **options) -> Page:
        context = new_context(base_url=live_server.url, reduced_motion="reduce", **options)
        context.set_default_timeout(10_000)
        if user:
            sign_in(context, user, live_server.url)
        context.on("console", note)
        context.on("request", lambda request: stay(request.url))
        context.on("weberror", lambda error: faults.append(str(error.error)))
        return context.new_page()

    yield open_page
    assert not faults, "\n".join(faults)
