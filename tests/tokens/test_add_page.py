"""Creating an API token on its page: what is asked, what is shown once, and that one form makes one token."""

import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from uuid import uuid4

import pytest
from django.contrib.auth import get_user
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts import lifecycle as entities
from accounts.models import AuditEvent, Entity
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token
from tests.reading import HTMX, client_of, main_of, read
from tokens import digests, formats
from tokens.models import Token
from tokens.permissions import CATALOGUE, write_scope

CREATED = AuditEvent.Type.TOKEN_CREATED


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def client(merchant) -> Client:
    return client_of(make_administrator(merchant))


def address(entity: Entity) -> str:
    return reverse("tokens:add", args=[entity.entity_id])


def typed(**fields: str) -> dict[str, str | list[str]]:
    form = {"mode": "live", "alias": "Checkout backend", "permissions": sorted(CATALOGUE), "form_key": str(uuid4())}
    return form | fields


def secret_in(response) -> str:
    """Return the token that the page shows."""
    return read(response).one("code", id="secret").text


def names_of(page, tag: str) -> list[str]:
    return [field.attributes["name"] for field in page.all(tag)]


def test_the_form_asks_for_what_a_token_is_and_may_and_for_nothing_else(client, merchant):
    """S0-21, S0-30, S1-4 ... S1-12: the value is the system's; the type is live unless chosen otherwise."""
    page = main_of(client.get(address(merchant)))
    general = ["csrfmiddlewaretoken", "form_key", "mode", "mode", "alias", "expires_on", "description"]
    assert names_of(page, "input") == general + ["permissions"] * len(CATALOGUE)
    assert (names_of(page, "select"), names_of(page, "textarea")) == (["lifetime"], ["networks"])
    assert {switch.attributes["value"] for switch in page.all("input", name="permissions")} == CATALOGUE
    (chosen,) = [radio for radio in page.all("input", type="radio") if "checked" in radio.attributes]
    assert chosen.attributes["value"] == "live"
    assert "Permissions are set only now" in page.text
    assert "You will see the token once" in page.text


@pytest.mark.parametrize("missing", [("alias",), ("description",), ("alias", "description")], ids=" and ".join)
def test_name_and_description_are_optional_and_the_type_is_not(client, merchant, missing):
    """S1-6, S1-9, S1-10."""
    form = typed(description="The nightly run")
    client.post(address(merchant), {name: value for name, value in form.items() if name not in missing})
    token = Token.objects.get()
    assert token.alias == ("API token 1" if "alias" in missing else "Checkout backend")
    assert token.description == ("" if "description" in missing else "The nightly run")
    del form["mode"]
    assert client.post(address(merchant), form).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert Token.objects.count() == 1


def test_each_showing_of_the_form_has_a_key_of_its_own(client, merchant):
    keys = {main_of(client.get(address(merchant))).one("input", name="form_key").attributes["value"] for _ in range(3)}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("lifetime", "day", "sentence"),
    [
        ("date", "9999-12-31", "Choose a day within ten years."),
        ("never", "2030-01-01", "Choose “On a date” above, or leave this empty."),
        ("30", "2030-01-01", "Choose “On a date” above, or leave this empty."),
    ],
)
def test_a_day_that_cannot_be_meant_is_told_and_makes_nothing(client, merchant, lifetime, day, sentence):
    """S1-5: of two that were given, a token that never expires would be the worse guess."""
    response = client.post(address(merchant), typed(lifetime=lifetime, expires_on=day))
    assert sentence in main_of(response).text
    assert not Token.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_the_answer_shows_the_token_once(client, merchant, headers):
    """S0-22, S0-27: once in the whole answer, in a text node, in no header, never stored by a browser."""
    response = client.post(address(merchant), typed(), **headers)
    assert response.status_code == HTTPStatus.OK
    assert "no-store" in response.headers["Cache-Control"]
    secret = secret_in(response)
    token = Token.objects.get()
    assert formats.parse(secret).key_id == token.key_id
    content = response.content.decode()
    for part in (secret, secret[-49:], secret[-30:]):
        assert content.count(part) == 1
    assert not [
        each for each in read(response).elements() for value in each.attributes.values() if secret[-30:] in value
    ]
    assert secret[-30:] not in str(response.headers) + str(response.cookies)
    assert ("<html" in content) == (not headers)


def test_the_answer_warns_and_offers_to_copy_and_download(client, merchant):
    """S0-23 ... S0-26, S0-28, S2-12: Important, PCI compliance, copy, download with the entity ID, lost is lost."""
    response = client.post(address(merchant), typed(mode="test"))
    page = main_of(response)
    token = Token.objects.get()
    assert "Important: this is the only time you will see it." in page.text
    assert "For security and PCI compliance" in page.text
    assert "A lost token cannot be recovered; create a new one instead." in page.text
    copies = page.all("button", data_copy_from="#secret")
    assert [button.text for button in copies] == ["Copy token", "Copy as header"]
    assert page.one("button", data_download=f"api-token-{merchant.entity_id}-{token.key_id}.txt").text == "Download"
    assert "Test · Full access" in page.text
    assert f"Authorization: Bearer {token.masked}" in page.text


def test_the_new_token_is_on_the_list_active_and_masked(client, merchant):
    """S0-27, S0-29, S1-26: afterwards it is masked, and on the list."""
    secret = secret_in(client.post(address(merchant), typed()))
    token = Token.objects.get()
    for url in (merchant.get_absolute_url(), token.get_absolute_url()):
        content = client.get(url).content.decode()
        assert token.masked in content
        assert secret[-20:] not in content
    (row,) = main_of(client.get(merchant.get_absolute_url())).rows
    assert (row["Status"], row["Type"]) == ("Active", "Live")


def test_an_alias_left_empty_gets_a_number(client, merchant):
    """S0-30: asked at creation, may be left empty, then filled."""
    for _ in range(2):
        client.post(address(merchant), typed(alias="  "))
    assert list(Token.objects.order_by("pk").values_list("alias", flat=True)) == ["API token 1", "API token 2"]


def test_a_form_decides_nothing_but_what_it_asks_for(client, merchant):
    """S0-8, S1-22, C7: what a crafted form adds is not heard; the scope is what was ticked, in its order."""
    other = make_merchant("Cedar Cycles", under=merchant.parent)
    forged = {
        "status": "revoked",
        "scope": write_scope(CATALOGUE),
        "entity": other.pk,
        "entity_id": other.entity_id,
        "kind": "gtw",
        "key_id": "0" * 16,
        "digest": "00" * 32,
        "secret": "kh_api_live_" + "0" * 66,
        "created_by": other.pk,
        "replaces": other.pk,
        "retiring_since": "2001-01-01",
        "expires_at": "2001-01-01",
    }
    asked = {"permissions": ["customer.edit", "customer.view"], "networks": "192.0.2.0/24", "description": "Nightly"}
    secret = secret_in(client.post(address(merchant), typed(**asked, **forged)))
    token = Token.objects.get()
    assert (token.entity, token.kind, token.status) == (merchant, "api", "active")
    assert (token.scope, token.expires_at) == ("customer.view customer.edit", None)
    assert (token.networks, token.description) == ("192.0.2.0/24", "Nightly")
    assert token.key_id == formats.parse(secret).key_id != "0" * 16
    assert secret != forged["secret"]
    assert bytes(token.digest) == digests.digest(formats.parse(secret), 1)
    assert (token.created_by, token.replaces, token.retiring_since) == (get_user(client), None, None)


@pytest.mark.parametrize("permissions", [[], ["customer.steal"], ["customer.view", "token.create"], ["*"]])
def test_only_permissions_of_the_catalogue_make_a_token(client, merchant, permissions):
    """S1-4, S1-12: none at all, or one that is not there: nothing is made."""
    response = client.post(address(merchant), typed(permissions=permissions))
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert not Token.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_the_same_form_sent_again_makes_nothing_and_shows_nothing(client, merchant, headers):
    """S0-27: a second POST gets a page that says what happened, without the token."""
    form = typed()
    secret = secret_in(client.post(address(merchant), form, **headers))
    again = client.post(address(merchant), form, **headers)
    assert again.status_code == HTTPStatus.CONFLICT
    page = read(again)
    assert "This token was created already" in page.text
    assert "Checkout backend" in page.text
    assert not page.all("code", id="secret")
    assert secret[-20:] not in again.content.decode()
    if headers:  # dialog.js loads the page below again when it closes: the list there lacks the token
        assert page.one("div", class_="verb-main").attributes.get("data-stale") == ""
    assert Token.objects.count() == AuditEvent.objects.filter(type=CREATED).count() == 1


def test_an_alias_that_runs_from_the_right_stands_apart_in_the_answer(client, merchant):
    """S0-15, S0-22: so that it does not turn the words around it."""
    response = client.post(address(merchant), typed(alias="ميزان 7"), **HTMX)
    assert "ميزان 7" in [each.text for each in read(response).all("bdi")]


def test_the_same_form_from_somebody_else_is_their_own(client, merchant):
    """A form's key means something for the person alone who was shown it."""
    form = typed()
    assert client.post(address(merchant), form).status_code == HTTPStatus.OK
    assert client_of(make_administrator(merchant)).post(address(merchant), form).status_code == HTTPStatus.OK
    assert Token.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_the_same_moment_makes_one_token():
    """S0-27: a double click that reaches two workers makes one token, and one of the answers shows it."""
    merchant = make_merchant("Aurora Coffee")
    user = make_administrator(merchant)
    clients = [client_of(user) for _ in range(4)]
    form, start = typed(), threading.Barrier(len(clients))

    def send(client: Client):
        try:
            start.wait(timeout=10)
            return client.post(address(merchant), form)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(send, clients))
    assert sorted(answer.status_code for answer in answers) == [HTTPStatus.OK] + [HTTPStatus.CONFLICT] * 3
    assert sum("data-secret" in answer.content.decode() for answer in answers) == 1
    assert Token.objects.count() == AuditEvent.objects.filter(type=CREATED).count() == 1


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_no_merchant_gets_no_token(merchant, headers, method):
    """S0-6, S0-10: refused with the reason, as a page and in a dialog."""
    client = client_of(make_administrator(merchant.parent))
    response = getattr(client, method)(address(merchant.parent), typed(), **headers)
    assert response.status_code == HTTPStatus.CONFLICT
    assert "API tokens belong to merchants. Choose a merchant in the account tree." in read(response).text
    assert ("<html" in response.content.decode()) == (not headers)
    assert not Token.objects.exists()


def test_a_stopped_merchant_gets_no_token(client, merchant):
    entities.suspend(merchant.parent, by=SETUP)
    response = client.post(address(merchant), typed())
    assert response.status_code == HTTPStatus.CONFLICT
    assert "is suspended. Add tokens once it is active again." in main_of(response).text
    assert not Token.objects.exists()


def test_a_merchant_with_all_it_may_have_gets_no_more(client, merchant, settings):
    """S0-13, C5: no fixed maximum, a policy cap."""
    settings.TOKEN_QUOTA = 1
    make_token(merchant)
    response = client.post(address(merchant), typed())
    assert response.status_code == HTTPStatus.CONFLICT
    assert "This merchant has 1 tokens" in main_of(response).text
    assert Token.objects.count() == 1
