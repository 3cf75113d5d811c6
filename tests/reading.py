"""Pages as a person reads them, for tests without a browser: what they say, where they lead, what their tables hold."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from time import time

from django.http import HttpResponse
from django.test import Client

from accounts import support, trust
from accounts.models import Entity, User
from tokens.lifecycle import NEEDS

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
HTMX = {"HTTP_HX_REQUEST": "true"}
"""What a request from a dialog carries."""


class Element:
    """One element of a page: its name, its attributes, its children in their order."""

    def __init__(self, name: str, attributes: dict[str, str] | None = None) -> None:
        self.name = name
        self.attributes = attributes or {}
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        """All words inside, single spaces between them."""
        return " ".join("".join(self._words()).split())

    def _words(self) -> Iterator[str]:
        for child in self.children:
            yield from [child] if isinstance(child, str) else child._words()

    def all(self, tag: str = "", /, **attributes: str) -> list[Element]:
        """Return every element `tag` inside that has these attributes; `_` in their names stands for `-`."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [
            element
            for element in self.elements()
            if tag in {"", element.name} and wanted.items() <= element.attributes.items()
        ]

    def one(self, tag: str = "", /, **attributes: str) -> Element:
        (found,) = self.all(tag, **attributes)
        return found

    def elements(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.elements()

    @property
    def links(self) -> list[str]:
        return [link.attributes["href"] for link in self.all("a")]

    @property
    def rows(self) -> list[dict[str, str]]:
        """Return each row of the tables inside, column -> words."""
        rows = [{cell.attributes["data-label"]: cell.text for cell in row.all("td")} for row in self.all("tr")]
        return [row for row in rows if row]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(response: HttpResponse) -> Element:
    """Return the page of `response`. Fails for one whose elements do not close in their order."""
    builder = _Builder()
    builder.feed(response.content.decode())
    builder.close()
    assert builder.open == [builder.root], f"<{builder.open[-1].name}> is never closed"
    return builder.root


def main_of(response: HttpResponse) -> Element:
    """Return what stands in the middle of the page, without navigation and tree."""
    return read(response).one("main")


def verbs_in(element: Element) -> list[str]:
    """Return the verbs on tokens that `element` links to, each once, in their order."""
    last = [link.rstrip("/").rsplit("/", 1)[-1] for link in element.links]
    return list(dict.fromkeys(word for word in last if word in {"edit", *NEEDS}))


def client_of(user: User | None, **options: bool) -> Client:
    """Return a client in which `user` has just signed in; support has said there why it opens whatever there is now."""
    client = Client(**options)
    if user:
        client.force_login(user)
        if support.is_support(user):
            give_reasons(client)
    return client


def give_reasons(client: Client) -> None:
    """Let a reason hold, in the session of `client`, for every entity and for the Django admin."""
    session = client.session
    people = User.objects.values_list("person_id", flat=True)
    places = [support.DESK, *people, *Entity.objects.values_list("entity_id", flat=True)]
    session[support.REASONS] = dict.fromkeys(places, time() + support.LASTS)
    session.save()


def let_the_proof_age(client: Client, seconds: float = trust.FRESH) -> None:
    """Let it be that long ago that the person behind `client` proved who they are (to begin with, by signing in)."""
    session = client.session
    session[trust.PROVED_AT] -= seconds
    session.save()
