"""What every test may ask for: a Chromium, axe, nginx, and the certainty that nothing leaves this machine."""

import os
import shutil
import sys
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.db import connection, transaction
from django.test import TransactionTestCase
from playwright.sync_api import ConsoleMessage, Page
from pytest_django import DjangoDbBlocker

from accounts import audit_triggers, journal
from tokens import usage
from tokens.gateway import authorize

# The browser's driver runs an event loop in the thread of the test, which Django takes for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# Argon2id with little to do: passwords are hashed and checked by the real code, a hundred times faster.
Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism = 1, 8, 1

WHOLE_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM = shutil.which("chromium-headless-shell") or WHOLE_CHROMIUM
"""The same engine, preferably without a desktop's windows around it: each page takes a third less of the processor."""
NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104 - compared with, never bound to


def _stay_here(event: str, arguments: tuple) -> None:
    """Refuse a connection of this process to another machine; a test that needs one does not belong here."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
        if not str(host).startswith(LOOPBACK):
            raise ConnectionRefusedError(f"Tests talk to the loopback only, not to {host}.")


sys.addaudithook(_stay_here)


def pytest_xdist_auto_num_workers() -> int:
    """Run one process more than there are cores: many tests wait for a browser, a server or a clock."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what opens a browser, so that `-m "not browser"` leaves it out; skip what another database told already."""
    again = pytest.mark.skip(reason="tells the same on every database; run on SQLite")
    for item in items:
        if connection.vendor != "sqlite" and item.get_closest_marker("any_database"):
            item.add_marker(again)
        if {"page", "context", "browser", "new_context"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")


@pytest.fixture(autouse=True, scope="session")
def _audit_log_can_be_emptied_between_tests() -> Iterator[None]:
    """Let Django empty all tables after a test that commits: the audit log's triggers would rightly refuse."""
    empty = TransactionTestCase._fixture_teardown

    def empty_without_triggers(test: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            for statement in audit_triggers.DROP[connection.vendor]:
                cursor.execute(statement)
        try:
            empty(test)
        finally:
            with connection.cursor() as cursor:
                for statement in audit_triggers.CREATE[connection.vendor]:
                    cursor.execute(statement)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_without_triggers)
        yield


@pytest.fixture(autouse=True)
def _fresh_counts() -> None:
    """Forget what other tests counted and made the log say: sign-in attempts, the use of tokens, faults, events."""
    cache.clear()
    for path in journal.files():
        path.unlink()
    usage._counter.__init__()
    authorize._said_at.clear()


@pytest.fixture(scope="module")
def kept_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let a module fill the database once for all of its tests, which ask for `undone` and never for `db`."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def undone(kept_database: None) -> Iterator[None]:
    """Undo afterwards what a test does to the database that its module keeps."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the machine's Chromium."""
    return CHROMIUM or pytest.skip("no Chromium on this machine (apt-get install chromium)")


@pytest.fixture(scope="session")
def whole_chromium() -> str:
    """Return the path of a Chromium that keeps on the disk what it keeps for a person."""
    return WHOLE_CHROMIUM or pytest.skip("no Chromium on this machine (apt-get install chromium)")


@pytest.fixture(scope="session")
def nginx() -> str:
    """Return the path of the machine's nginx."""
    return NGINX or pytest.skip("no nginx on this machine (apt-get install nginx-light)")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict, chromium: str) -> dict:
    """Start the machine's Chromium, silent towards the network: any other host than the loopback is unknown to it."""
    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ]
    return browser_type_launch_args | {"executable_path": chromium, "args": quiet}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    """Show pages as the mockups do; a test that needs a phone or the dark asks for its own context."""
    return browser_context_args | {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", "timezone_id": "UTC"}


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """Return a page that fails its test afterwards where a script broke or the content policy was violated."""
    faults: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "content security policy" in message.text.lower():
            faults.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.set_default_timeout(10_000)
    yield page
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Return the accessibility checker: `axe.run(page).violations_count == 0`."""
    return Axe()
