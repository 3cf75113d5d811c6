"""Bad input of every form field: a sentence at the field, never a 500, and nothing changed (TRAPS: one odd byte)."""

from http import HTTPStatus
from urllib.parse import quote, urlencode

import pytest
from django.test import Client
from django.urls import reverse

from accounts import lifecycle
from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from tests.factories import SETUP, make_entity, make_merchant, make_token, make_user, put_into
from tokens.models import Token

FORM = "application/x-www-form-urlencoded"
KEY = "7b1a3e0e-5d6e-4b6e-9f9a-0a4c0f3b1c2d"

# What is wrong, as the bytes of the request, and a word of the sentence that says so.
UNREADABLE = {
    "control character": (b"Shop%07", "U+0007"),
    "NUL": (b"Shop%00", "U+0000"),
    "line break": (b"Shop%0A1", "U+000A"),
    "bidi override": (b"Shop%E2%80%AE", "U+202E"),
    "zero-width space": (b"Sh%E2%80%8Bop", "U+200B"),
    "lone surrogate": (b"Shop%ED%A0%80", "U+FFFD"),
    "half a character": (b"Shop%C3", "U+FFFD"),
    "private use": (b"Shop%EE%80%80", "U+E000"),
    "81 characters": (b"x" * 81, "80 characters"),
    "81 characters beyond the first plane": (quote("🏪" * 81).encode(), "80 characters"),
}
MARKUP = "<script>alert(1)</script>\"'><img src=x>"


@pytest.fixture
def shop(db):
    """Return a merchant's world with a platform administrator signed in, who may use every form."""
    partner = make_entity("partner", "Northwind Payments")
    merchant = make_merchant("Aurora Coffee", under=partner)
    suspended = make_merchant("Asleep", under=partner)
    lifecycle.suspend(suspended, by=SETUP)
    client = Client()
    client.force_login(make_user(Role.PLATFORM_ADMINISTRATOR))
    return {
        "client": client,
        "merchant": merchant,
        "suspended": suspended,
        "active": make_token(merchant, alias="In use")[0],
        "inactive": put_into(make_token(merchant, alias="Idle")[0], "inactive"),
    }


def fields(shop) -> dict[str, tuple[str, str, dict]]:
    """Return form field -> URL, its name, and what stands in the other fields."""
    merchant, token = shop["merchant"].entity_id, shop["active"].key_id
    wanted = {"mode": "live", "form_key": KEY, "permissions": "customer.view"}
    return {
        "name of a new entity": (reverse("accounts:add", args=[merchant]), "name", {"kind": "channel"}),
        "name of a new top": (reverse("accounts:add_top"), "name", {"kind": "partner"}),
        "name of an entity": (reverse("accounts:edit", args=[merchant]), "name", {}),
        "destination": (reverse("accounts:move", args=[merchant]), "destination", {}),
        "alias of a new token": (reverse("tokens:add", args=[merchant]), "alias", wanted),
        "alias of a token": (reverse("tokens:edit", args=[token]), "alias", {}),
    }


FIELDS = (
    "name of a new entity",
    "name of a new top",
    "name of an entity",
    "destination",
    "alias of a new token",
    "alias of a token",
)


def counts() -> tuple:
    return (
        AuditEvent.objects.count(),
        list(Entity.objects.order_by("pk").values_list("name", "parent", "status")),
        list(Token.objects.order_by("pk").values_list("alias", "status", "mode")),
    )


def post(shop, url: str, field: str, value: bytes, others: dict):
    body = urlencode(others).encode() + b"&" + field.encode() + b"=" + value
    return shop["client"].post(url, body, content_type=FORM)


def assert_told_at(response, field: str, word: str) -> None:
    """The sentence stands in the page, tied to its field for those who hear the page."""
    page = response.content.decode()
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert word in " ".join(response.context["form"].errors[field])
    assert word in page
    assert 'aria-invalid="true"' in page
    assert f"id_{field}_error" in page


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("what", UNREADABLE)
def test_unreadable_text_is_told_at_its_field(shop, name, what):
    """S0-30, S0-31: an alias or a name that lies about itself is refused in a sentence; nothing changes."""
    url, field, others = fields(shop)[name]
    value, word = UNREADABLE[what]
    before = counts()
    assert_told_at(post(shop, url, field, value, others), field, word)
    assert counts() == before


@pytest.mark.parametrize("name", ["name of a new entity", "name of a new top", "name of an entity", "alias of a token"])
@pytest.mark.parametrize("value", [b"", b"+++", b"%E2%80%8D%E2%80%8D"], ids=["nothing", "spaces", "only joiners"])
def test_a_name_has_something_to_read(shop, name, value):
    url, field, others = fields(shop)[name]
    before = counts()
    response = post(shop, url, field, value, others)
    assert_told_at(response, field, "")
    assert counts() == before


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "destination"])
def test_markup_is_kept_as_text(shop, name):
    """S0-15: a name is text, whatever it looks like, on every page that shows it."""
    url, field, others = fields(shop)[name]
    response = post(shop, url, field, quote(MARKUP).encode(), others)
    assert response.status_code in {HTTPStatus.OK, HTTPStatus.FOUND}
    page = shop["client"].get(shop["merchant"].get_absolute_url()).content.decode()
    activity = shop["client"].get(reverse("portal:activity")).content.decode()
    assert "<script>alert" not in response.content.decode() + page + activity
    assert "&lt;script&gt;alert(1)" in response.content.decode() + page + activity


@pytest.mark.parametrize("verb", ["suspend", "reactivate"])
@pytest.mark.parametrize("what", [what for what in UNREADABLE if "81" not in what])
def test_an_unreadable_reason_is_told_at_its_field(shop, verb, what):
    entity = shop["suspended"] if verb == "reactivate" else shop["merchant"]
    value, word = UNREADABLE[what]
    before = counts()
    assert_told_at(
        post(shop, reverse(f"accounts:{verb}", args=[entity.entity_id]), "reason", value, {}), "reason", word
    )
    assert counts() == before


FORGED = [
    ("mode", "production"),
    ("mode", ""),
    ("mode", "live\0"),
    ("form_key", "not a key"),
    ("form_key", ""),
    ("permissions", ""),
    ("permissions", "everything.edit"),
    ("permissions", "customer.view\0"),
    ("lifetime", "forever"),
    ("networks", "192.0.2.0/33"),
    ("networks", "everywhere"),
    ("networks", "\0"),
    ("networks", "\n".join(f"192.0.2.{n}" for n in range(21))),
    ("description", "x" * 501),
    ("description", "a\u202eb"),
]


@pytest.mark.parametrize(
    ("field", "value"),
    FORGED,
)
def test_a_forged_choice_creates_nothing(shop, field, value):
    """S1-6: the type is Live or Test; a form without its own key is incomplete."""
    before = counts()
    data = {"mode": "live", "alias": "Forged", "form_key": KEY, "permissions": "customer.view"} | {field: value}
    response = shop["client"].post(reverse("tokens:add", args=[shop["merchant"].entity_id]), data)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert response.context["form"].errors
    assert counts() == before


@pytest.mark.parametrize("value", ["terminal\0", "castle", "partner", ""])
def test_a_kind_that_may_not_stand_there_is_told(shop, value):
    before = counts()
    url = reverse("accounts:add", args=[shop["merchant"].entity_id])
    response = shop["client"].post(url, {"kind": value, "name": "Wrong"})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert response.context["form"].errors["kind"]
    assert counts() == before


ODD_WORDS = ("\0", "\x07", "\u202e", "%", "_", "'", '"', "\\", "<script>", "é" * 500, "١٢", "-1", "9" * 5000, "1e9")


@pytest.mark.parametrize("word", ODD_WORDS, ids=lambda word: ascii(word)[:12])
def test_an_odd_address_is_a_page_all_the_same(shop, word):
    """S0-14: whatever stands in a page's address, there is a page."""
    merchant = shop["merchant"]
    for url, names in {
        merchant.get_absolute_url(): ("status", "q", "sort", "page", "per_page", "children"),
        shop["merchant"].parent.get_absolute_url(): ("merchants", "children"),
        reverse("portal:merchants"): ("q", "page"),
        reverse("portal:activity"): ("before",),
        reverse("accounts:activity", args=[merchant.entity_id]): ("before",),
        reverse("accounts:search"): ("q",),
        reverse("accounts:branch", args=[merchant.entity_id]): ("offset", "level"),
        reverse("accounts:roots"): ("offset",),
    }.items():
        for name in names:
            assert shop["client"].get(url, {name: word}).status_code == HTTPStatus.OK, (url, name)


@pytest.mark.parametrize("word", ["\0", "\u202e", "é" * 500, "'", "..", "%2e%2e", "mer_" + "0" * 400], ids=ascii)
def test_an_odd_identifier_is_not_found(shop, word):
    for path in (f"/account/{quote(word, safe='')}/", f"/tokens/{quote(word, safe='')}/"):
        assert shop["client"].get(path).status_code == HTTPStatus.NOT_FOUND, path


@pytest.mark.parametrize("field", ["login", "password"])
@pytest.mark.parametrize("value", [b"", b"%00", b"%FF%FE", b"x" * 5000, b"%ED%A0%80%40b.example", b"%E2%80%AE"])
def test_the_sign_in_page_takes_any_bytes(db, field, value):
    """S2-19: a try to sign in with anything at all is a page with a sentence."""
    others = {"login": "a@b.example", "password": "long enough but wrong"}
    del others[field]
    body = urlencode(others).encode() + b"&" + field.encode() + b"=" + value
    response = Client().post(reverse("account_login"), body, content_type=FORM)
    assert response.status_code == HTTPStatus.OK
    assert response.context["form"].errors


def test_nobody_chooses_how_long_a_page_is(shop):
    """S0-14: a page of 25, whatever is asked for."""
    for number in range(30):
        make_token(shop["merchant"], alias=f"Token {number}")
    for asked in ("-5", "0", "1000000"):
        page = shop["client"].get(shop["merchant"].get_absolute_url(), {"per_page": asked})
        assert page.status_code == HTTPStatus.OK
        assert len(page.context["table"].tokens()) == 25
