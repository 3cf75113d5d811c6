"""Pages that wait for something leave threads for decisions."""

import threading
import time
from collections.abc import Callable

import pytest

from portal.bulkhead import STUCK, Bulkhead
from tests.processes import wait_until


class Site:
    """Pages that wait until they are told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = 0

    def __call__(self, environ: dict, start_response: Callable) -> list[bytes]:
        self.begun += 1
        if environ["PATH_INFO"] == "/waits/":
            self.go_on.wait(30)
        if environ["PATH_INFO"] == "/breaks/":
            raise ZeroDivisionError
        start_response("200 OK", [])
        return [b"page"]


class Visitors:
    """Requests to a site that works on two of them at once."""

    def __init__(self, at_once: int = 2) -> None:
        self.site = Site()
        self.pages = Bulkhead(self.site, at_once=at_once)
        self.answers: list[str] = []

    def ask(self, path: str, method: str = "GET") -> str:
        said: list[str] = []
        self.pages({"PATH_INFO": path, "REQUEST_METHOD": method}, lambda line, _headers: said.append(line))
        self.answers.append(said[0])
        return said[0][:3]

    def come(self, number: int) -> list[threading.Thread]:
        """Let so many ask for a page that waits, and return once they do."""
        threads = [threading.Thread(target=self.ask, args=["/waits/"]) for _ in range(number)]
        for thread in threads:
            thread.start()
        return threads


@pytest.fixture
def visitors():
    visitors = Visitors()
    yield visitors
    visitors.site.go_on.set()


def test_pages_that_get_nowhere_are_the_last_that_are_worked_on(visitors):
    waiting = visitors.come(2 + 1)
    assert wait_until(lambda: visitors.pages._waiting == 1)
    begun = time.monotonic()
    assert visitors.ask("/waits/") == "503"
    assert STUCK / 2 < time.monotonic() - begun < STUCK * 5, "a turn might have come"
    begun = time.monotonic()
    assert {visitors.ask("/waits/") for _ in range(20)} == {"503"}
    assert time.monotonic() - begun < STUCK, "from then on there is nothing to wait for"
    for path in ("/livez", "/readyz", "/metrics", "/static/css/base.css"):
        assert visitors.ask(path) == "200", "what waits for nothing, and tells what is wrong, goes on"
        assert visitors.ask(path, "POST") == "503", "a body may never end, so that it takes a turn"
    visitors.site.go_on.set()
    for thread in waiting:
        thread.join()
    assert visitors.ask("/") == "200", "and so does all else, once they have ended"
    assert visitors.answers.count("200 OK") == 2 + 1 + 5, "the patient one had its turn"


def test_pages_that_get_somewhere_are_worked_on_in_turn_however_many_there_are():
    visitors = Visitors()
    visitors.site.go_on.set()
    for thread in visitors.come(50):
        thread.join()
    assert visitors.answers == ["200 OK"] * 50


def test_a_page_that_breaks_gives_its_turn_back(visitors):
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            visitors.ask("/breaks/")
    assert visitors.ask("/") == "200"


def test_without_a_limit_nobody_waits():
    visitors = Visitors(at_once=0)
    waiting = visitors.come(5)
    assert wait_until(lambda: visitors.site.begun == 5)
    visitors.site.go_on.set()
    for thread in waiting:
        thread.join()
    assert visitors.answers == ["200 OK"] * 5
