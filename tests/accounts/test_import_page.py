"""The page of an import: a file is looked at, then confirmed; no more of an upload is kept than that takes."""

from http import HTTPStatus
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts import imports
from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from tests.factories import make_administrator, make_entity, make_merchant, make_user
from tests.reading import client_of, main_of, read

SHOPS = """name,kind,parent
Harbour Group,company,
Aurora Coffee,merchant,2
Web shop,channel,3
Stores,channel,3
Till 1,terminal,5
"""


@pytest.fixture
def partner(db) -> Entity:
    return make_entity("partner", "Northwind Payments")


def outline(under: Entity) -> list[str]:
    """Return the names below `under`, each behind as many dots as it stands deep."""
    top = Entity.objects.get(pk=under.pk)
    rows = Entity.objects.below(under).exclude(pk=under.pk).order_by("lft")
    return ["." * (row.level - top.level) + row.name for row in rows]


def send(client: Client, entity: Entity | None, content: bytes | str, **fields: str):
    url = reverse("accounts:import_below", args=[entity.entity_id]) if entity else reverse("accounts:import_at_top")
    content = content.encode() if isinstance(content, str) else content
    return client.post(url, {"file": SimpleUploadedFile("shops.csv", content)} | fields)


def confirmation_in(response) -> dict[str, str]:
    """Return what the preview's button sends, its lines ended as a browser ends them."""
    page = main_of(response)
    sent = {name: page.one("input", type="hidden", name=name).attributes["value"] for name in ("content", "form_key")}
    return {"content": sent["content"].replace("\n", "\r\n"), "form_key": sent["form_key"], "confirmed": "yes"}


def test_a_file_is_looked_at_before_it_is_added(partner):
    """The page shows what would be added; what it shows is what a confirmation adds, without JavaScript."""
    client = client_of(make_administrator(partner))
    assert (
        reverse("accounts:import_below", args=[partner.entity_id])
        in main_of(client.get(partner.get_absolute_url())).links
    )
    response = send(client, partner, "\ufeff" + SHOPS)
    page = main_of(response)
    assert response.status_code == HTTPStatus.OK
    assert "5 entities would be added" in page.text
    assert "Company: 1 · Merchant: 1 · Channel: 2 · Terminal: 1" in page.text
    assert page.rows[4] == {"Name": "Till 1", "Kind": "Terminal", "Below": "Stores", "Row": "6"}
    assert outline(partner) == []
    url = reverse("accounts:import_below", args=[partner.entity_id])
    answer = client.post(url, confirmation_in(response))
    assert answer.headers["Location"] == partner.get_absolute_url()
    assert "5 entities were added." in main_of(client.get(partner.get_absolute_url())).text
    assert len(outline(partner)) == 5


def test_the_page_tells_of_every_row_that_is_wrong(partner):
    client = client_of(make_administrator(partner))
    response = send(client, partner, "name,kind\nShop,shop\nTill,terminal\n" + ",merchant\n" * 150)
    page = main_of(response)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "152 things are not right" in page.text
    assert page.rows[1] == {"Row": "3", "What is wrong": "A terminal cannot stand under a partner."}
    assert len(page.rows) == 100
    assert "Only the first 100 are shown." in page.text
    assert not page.all("input", name="content")
    confirmed = client.post(
        reverse("accounts:import_below", args=[partner.entity_id]),
        {"content": "name,kind\nX,y", "confirmed": "yes", "form_key": str(uuid4())},
    )
    assert confirmed.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert outline(partner) == []


def test_a_confirmation_that_is_sent_twice_adds_once(partner):
    """S0-1, C9: back and confirm, or an answer that was lost; the second time it is told, and nothing is made."""
    client = client_of(make_administrator(partner))
    url, form = (
        reverse("accounts:import_below", args=[partner.entity_id]),
        confirmation_in(send(client, partner, SHOPS)),
    )
    assert client.post(url, form).status_code == HTTPStatus.FOUND
    events = AuditEvent.objects.count()
    again = client.post(url, form)
    assert again.status_code == HTTPStatus.CONFLICT
    assert "This file was imported already" in read(again).text
    assert (len(outline(partner)), AuditEvent.objects.count()) == (5, events)
    for wrong in ({"form_key": ""}, {"form_key": "x"}):
        assert client.post(url, form | wrong).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(outline(partner)) == 5
    another = confirmation_in(send(client, partner, SHOPS))
    assert client.post(url, another).status_code == HTTPStatus.FOUND
    assert len(outline(partner)) == 10


def test_what_was_previewed_is_not_too_large_once_it_is_confirmed(partner):
    """S1-2: a browser ends the lines of what it posts with two characters; those that it adds do not count."""
    client = client_of(make_administrator(partner))
    file = "name,kind\nShop,merchant\n" + (" " * 99_999 + "\n") * 19
    file += " " * (imports.MOST_BYTES - len(file))
    response = send(client, partner, file)
    assert response.status_code == HTTPStatus.OK
    form = confirmation_in(response)
    assert len(form["content"]) > imports.MOST_BYTES
    url = reverse("accounts:import_below", args=[partner.entity_id])
    assert client.post(url, form).status_code == HTTPStatus.FOUND
    assert outline(partner) == [".Shop"]
    assert send(client, partner, file.replace("\n", "\r\n")).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    larger = form | {"content": form["content"] + " ", "form_key": str(uuid4())}
    assert client.post(url, larger).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The submitted file is empty."),
        (b"name,kind\n" + b"x" * 3_000_000, "The file is larger than 2 MB."),
    ],
)
def test_what_is_no_file_is_told(partner, content, sentence):
    client = client_of(make_administrator(partner))
    response = send(client, partner, content)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert sentence in main_of(response).text
    nothing = client.post(reverse("accounts:import_below", args=[partner.entity_id]))
    assert "Choose a file." in main_of(nothing).text


def test_of_a_huge_upload_no_more_is_kept_than_a_page_takes(settings):
    """Whoever sends it, signed in or not: nothing of it goes to the disk, and little into memory."""
    settings.FILE_UPLOAD_TEMP_DIR = "/nowhere"
    files = {f"file{number}": SimpleUploadedFile("x", b"x" * 1_500_000) for number in range(3)}
    request = RequestFactory().post(reverse("account_login"), files)
    sizes = [len(file.read()) for file in request.FILES.values()]
    assert sizes == [1_500_000, imports.MOST_BYTES + 1 - 1_500_000, 0]


def test_the_top_is_for_the_platform(db):
    platform = client_of(make_user(Role.PLATFORM_ADMINISTRATOR))
    assert reverse("accounts:import_at_top") in main_of(platform.get(reverse("portal:account"))).links
    page = main_of(send(platform, None, "name,kind,parent\nWestfield,partner,\nShop,merchant,2"))
    assert page.rows[0]["Below"] == "The top"
    terminal = make_entity("terminal", under=make_merchant())
    response = platform.get(reverse("accounts:import_below", args=[terminal.entity_id]))
    assert response.status_code == HTTPStatus.CONFLICT


@pytest.mark.parametrize("kind", ["", "partner", "company", "merchant", "channel"])
def test_the_example_is_one_that_can_be_imported_there(db, kind):
    """S1-2: whoever takes the page at its word, and sends its example, is shown what that would add."""
    above = {"channel": "merchant", "merchant": "company", "company": "partner"}.get(kind)
    place = make_entity(kind, under=make_entity(above) if above else None) if kind else None
    client = client_of(make_user(Role.PLATFORM_ADMINISTRATOR))
    address = reverse("accounts:import_below", args=[place.entity_id]) if place else reverse("accounts:import_at_top")
    example = "".join(main_of(client.get(address)).one("pre").children)
    response = send(client, place, example)
    assert response.status_code == HTTPStatus.OK
    assert "entities would be added" in main_of(response).text
