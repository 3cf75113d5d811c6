"""Five hundred texts that want to be markup stay text, wherever a page shows what somebody typed.

The same pages are asked for twice: with a few plain words, and filled with payloads. Whatever elements with whatever
attributes the latter have, the former have too; and no address holds a payload.
"""

import csv
import io
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts import audit, timeline
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import Role
from tests.factories import make_entity, make_merchant, make_user
from tests.payloads import COUNT, MARK, acceptable, payloads
from tests.reading import HTMX, Element, client_of, read
from tokens.lifecycle import draft
from tokens.models import Token

TEXTS = payloads()
FEW = 120
DESCRIBED = 50
"""One token in so many has a description, which only its own page shows."""
PLAIN = [f"plain words {number:03}" for number in range(FEW)]
ADDRESSES = {"href", "src", "action", "formaction", "srcdoc", "data", "poster", "content", "hx-get", "hx-post", "style"}
"""Attributes that load, send or run what stands in them. No name belongs there, but behind the `?` of an address."""


@pytest.fixture
def whole(monkeypatch) -> None:
    """Let every list stand on one page."""
    begin = Paginator.__init__
    monkeypatch.setattr(
        Paginator, "__init__", lambda self, rows, _size, *rest, **more: begin(self, rows, 2000, *rest, **more)
    )
    monkeypatch.setitem(timeline.stretch.__kwdefaults__, "size", 2000)


def fill(texts: list[str]) -> tuple[Entity, User]:
    """Put every one of `texts` wherever somebody's words are stored; return the merchant and who may see all of it."""
    partner = make_entity("partner", "Northwind")
    merchant = make_merchant("Aurora", under=partner)
    reader = make_user(Role.PLATFORM_ADMINISTRATOR, email="reader@test.example", name=texts[0])
    _import(client_of(reader), merchant, texts)
    _add_tokens(merchant, texts, reader)
    people = User.objects.bulk_create(
        User(email=f"person{number:03}@test.example", name=text, password="!") for number, text in enumerate(texts)
    )
    Membership.objects.bulk_create(Membership(user=person, entity=merchant, role=Role.VIEWER) for person in people)
    with transaction.atomic():
        words = [{"alias": text, "reason": text, "before": text, "after": text, "name": text} for text in texts]
        audit.record_all(
            AuditEvent.Type.TOKEN_RENAMED, [(merchant, merchant.entity_id, each) for each in words], by=reader
        )
    Entity.objects.filter(pk__in=[partner.pk, merchant.pk]).update(name=texts[1])
    return Entity.objects.get(pk=merchant.pk), reader


def _import(client: Client, merchant: Entity, texts: list[str]) -> None:
    """Import a channel for each text, by its name; what the import refuses is written past it."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["name", "kind"])
    writer.writerows(
        [text if acceptable(text) else f"Channel {number:03}", "channel"] for number, text in enumerate(texts)
    )
    address = reverse("accounts:import_below", args=[merchant.entity_id])
    form = {"content": file.getvalue(), "confirmed": "yes", "form_key": str(uuid4())}
    assert client.post(address, form).status_code == HTTPStatus.FOUND
    channels = list(Entity.objects.filter(parent=merchant).order_by("lft"))
    assert len(channels) == len(texts)
    for number, (channel, text) in enumerate(zip(channels, texts, strict=True)):
        channel.name = f"{number:03} {text}"[:80]
    Entity.objects.bulk_update(channels, ["name"])


def _add_tokens(merchant: Entity, texts: list[str], by: User) -> None:
    """Add a token for each text as its alias; some of them have six texts in their description."""
    made = [
        draft(Token.Kind.API, "live", "customer.view", by=by, entity=merchant, alias=text, description=text[:500])[0]
        for text in texts
    ]
    for number in range(0, len(made), DESCRIBED):
        made[number].description = " ".join(texts[number : number + 6])
    Token.objects.bulk_create(made)


def pages(client: Client, merchant: Entity, texts: list[str]) -> Iterator[tuple[str, HttpResponse]]:
    """Yield the name and the answer of each page that shows what was typed, in the same order every time."""
    token = Token.objects.earliest("pk")
    person = User.objects.get(email="person000@test.example")
    of_merchant = [merchant.entity_id]
    addresses = {
        "entity": merchant.get_absolute_url(),
        "search in the list": f"{merchant.get_absolute_url()}?{urlencode({'q': texts[7]})}",
        "users": reverse("accounts:users", args=of_merchant),
        "activity": reverse("portal:activity"),
        "people": reverse("portal:people"),
        "person": person.get_absolute_url(),
        "dashboard": reverse("portal:dashboard"),
        "merchants": reverse("portal:merchants"),
        "developers": reverse("tokens:developers", args=of_merchant),
        "settings": reverse("portal:settings"),
        "token": token.get_absolute_url(),
    }
    questions = {
        "move": reverse("accounts:move", args=of_merchant),
        "edit": reverse("accounts:edit", args=of_merchant),
        "suspend": reverse("accounts:suspend", args=of_merchant),
        "role": reverse("accounts:change_role", args=[person.memberships.get().membership_id]),
    }
    verbs = ("edit", "deactivate", "condemn", "rotate")
    questions |= {f"token, {verb}": reverse(f"tokens:{verb}", args=[token.key_id]) for verb in verbs}
    for name, address in addresses.items():
        yield name, client.get(address)
    for name, address in questions.items():
        yield name, client.get(address, **HTMX)
    for key_id in Token.objects.order_by("pk").values_list("key_id", flat=True)[::DESCRIBED]:
        yield "a description", client.get(reverse("tokens:detail", args=[key_id]))
    for text in texts[::10]:
        yield "search", client.get(reverse("accounts:search"), {"q": text}, **HTMX)
        yield "a form with errors", client.post(questions["edit"], {"name": f"{text}\u202e"}, **HTMX)
    yield "wrong file", client.post(reverse("accounts:import_below", args=of_merchant), {"content": _wrong(texts)})


def _wrong(texts: list[str]) -> str:
    """Return a file whose kinds and parents are `texts`, and whose every row is at fault for that."""
    file = io.StringIO()
    csv.writer(file).writerows([["name", "kind", "parent"], *([f"Row {text}"[:80], text, text] for text in texts)])
    return file.getvalue()


def kinds(page: Element) -> set[tuple[str, tuple[str, ...]]]:
    """Return the elements of a page without what they hold: their names, each with the names of its attributes."""
    return {(element.name, tuple(element.attributes)) for element in page.elements()}


def visit(texts: list[str]) -> list[tuple[str, Element]]:
    """Fill the portal with `texts`, look at every page, and take it all back."""
    with transaction.atomic():
        merchant, reader = fill(texts)
        found = [(name, read(answer)) for name, answer in pages(client_of(reader), merchant, texts)]
        transaction.set_rollback(True)
    return found


def spaced(text: str) -> str:
    """Return `text` as a page's words are read: single spaces."""
    return " ".join(text.split())


def test_there_are_five_hundred_and_they_are_what_they_say():
    assert len(set(TEXTS)) == len(TEXTS) == COUNT
    assert all(MARK in text and len(text) <= 80 for text in TEXTS)
    assert sum(map(acceptable, TEXTS)) > 400
    assert sum(map(acceptable, TEXTS)) < COUNT


def test_no_text_becomes_markup_on_any_page(db, whole):
    """S0-15, S1-9, S1-10, S3-6: names, aliases, descriptions, people, reasons and imported files are words alone."""
    known = set().union(*(kinds(page) for _name, page in visit(PLAIN)))
    filled = visit(TEXTS)
    for name, page in filled:
        assert kinds(page) <= known, name
        for element in page.elements():
            held = {key: value for key, value in element.attributes.items() if key in ADDRESSES}
            held = {key: value for key, value in held.items() if MARK in value.partition("?")[0]}
            assert not held, (name, element.name, held)
    words = {name: "" for name, _page in filled}
    for name, page in filled:
        words[name] += page.text + "".join(spaced(field.attributes.get("value", "")) for field in page.all("input"))
    for name in ("entity", "users", "activity", "people"):
        missing = [text for text in TEXTS if spaced(text)[:60] not in words[name]]
        assert not missing, (name, missing[:5])
    described = [TEXTS[first + more] for first in range(0, COUNT, DESCRIBED) for more in range(6)]
    assert not [text for text in described if spaced(text) not in words["a description"]]


def test_the_comparison_notices_markup():
    """What cannot fail shows nothing."""
    page = read(HttpResponse("<p>words</p>"))
    for text in ("<p>words<b>zq_7</b></p>", "<p onclick='zq_7()'>words</p>", "<p>words</p><script>zq_7()</script>"):
        assert not kinds(read(HttpResponse(text))) <= kinds(page)
