"""The pages of one token: details, alias, and the confirmation before each step that can hurt."""

from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, Entity
from tests.factories import make_administrator, make_entity, make_gateway, make_merchant, make_token, put_into
from tests.reading import HTMX, client_of, main_of, read, verbs_in
from tokens import usage
from tokens.models import Token
from tokens.permissions import CATALOGUE
from tokens.verification import GOOD, decide

VERBS = ("edit", "deactivate", "condemn", "reactivate", "revoke", "remove")
AFTER = {"deactivate": "inactive", "condemn": "revoked", "reactivate": "active"}
AFTER |= {"revoke": "revoked", "remove": "removed"}
BEFORE = {"deactivate": "active", "condemn": "active"}
BEFORE |= dict.fromkeys(("reactivate", "revoke", "remove"), "inactive")
WANT_THE_ALIAS = {"deactivate", "condemn", "remove"}
SAID = {
    "condemn": "“Checkout backend” is revoked for good. Requests that carry it are refused from now on.",
    "deactivate": "“Checkout backend” is inactive. Requests that carry it are refused from now on.",
    "reactivate": "“Checkout backend” is active again.",
    "revoke": "“Checkout backend” is revoked for good.",
    "remove": "“Checkout backend” was removed for good.",
}


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def client(merchant) -> Client:
    return client_of(make_administrator(merchant))


@pytest.fixture
def token(merchant) -> Token:
    return make_token(merchant, alias="Checkout backend")[0]


def address(verb: str, token: Token) -> str:
    return reverse(f"tokens:{verb}", args=[token.key_id])


def use(token: Token, times: int = 5, *, caller: str = "192.0.2.7", outcome: str = GOOD) -> None:
    for _ in range(times):
        usage.count(token.pk, caller=caller, outcome=outcome)
    usage.flush()


def row(token: Token) -> dict:
    return Token.objects.filter(pk=token.pk).values().get()


def test_the_detail_page_tells_everything_but_the_token(client, merchant):
    """S0-20, S3-5, S3-11, S3-12: creation, key ID, creator, latest update, use by hour and caller, history."""
    made = client.post(reverse("tokens:add", args=[merchant.entity_id]), {
        "mode": "live", "alias": "Checkout", "form_key": "7b1a3e0e-5d6e-4b6e-9f9a-0a4c0f3b1c2d",
        "permissions": sorted(CATALOGUE),
    })  # fmt: skip
    secret, token = read(made).one("code", id="secret").text, Token.objects.get()
    client.post(address("edit", token), {"alias": "Checkout backend"})
    use(token, 4)
    use(token, 1, caller="2001:db8::7", outcome="mode")
    response = client.get(token.get_absolute_url())
    page, content = main_of(response), response.content.decode()
    general, history = (page.one("section", aria_labelledby=name) for name in ("general", "history"))
    facts = {
        each.one("dt").text: each.one("dd").text
        for region in (general, history)
        for each in region.one("dl", class_="card-body facts").all("div")
    }
    person = AuditEvent.objects.get(target=token.key_id, type="token.created").actor
    assert token.masked in page.text
    assert token.key_id in page.text
    assert secret[-20:] not in content
    assert token.digest.hex() not in content
    assert facts["Type"] == "Live"
    assert facts["Permissions"] == "Full access"
    assert str(person) in facts["Created"]
    assert f"{timezone.now():%Y}" in facts["Created"]
    assert str(person) in facts["Latest update"]
    assert facts["Expires"] == "Never"
    callers = page.one("table", aria_label="Callers").rows
    assert {row["Caller"]: (row["Accepted"], row["Refused"]) for row in callers} == {
        "192.0.2.7": ("4", "0"),
        "2001:db8::7": ("0", "1"),
    }
    assert "Token created" in history.text
    assert "Token renamed" in history.text
    assert "from “Checkout” to “Checkout backend”" in history.text


@pytest.mark.parametrize(
    ("status", "verbs"),
    [
        ("active", ["deactivate", "condemn"]),
        ("inactive", ["reactivate", "revoke", "remove"]),
        ("revoked", ["remove"]),
        ("removed", []),
    ],
)
def test_the_detail_page_offers_what_the_state_allows(client, token, status, verbs):
    """S0-36, S3-15, S3-22: no step is offered that would be refused; an ended token stays readable."""
    assert verbs_in(main_of(client.get(put_into(token, status).get_absolute_url()))) == verbs


def test_the_alias_is_all_that_can_be_edited(client, token, merchant):
    """S0-31, S3-6, S1-27, C6, C7: alias and description; whatever else a crafted form holds is not heard."""
    page = main_of(client.get(address("edit", token)))
    assert [field.attributes["name"] for field in page.all("input")] == ["csrfmiddlewaretoken", "alias", "description"]
    before = row(token)
    other = make_merchant("Cedar Cycles", under=merchant.parent)
    forged = {
        "mode": "test",
        "status": "revoked",
        "scope": "",
        "entity": other.pk,
        "kind": "sdk",
        "expires_at": "2001-01-01",
    }
    response = client.post(address("edit", token), {"alias": "Renamed"} | forged, follow=True)
    after = row(token)
    assert "The changes were saved." in main_of(response).text
    assert after.pop("alias") == "Renamed"
    assert after.pop("changed_at")
    assert after.pop("changed_by_id")
    assert after == {name: before[name] for name in after}


def test_the_same_alias_again_leaves_no_trace(client, token):
    before = row(token)
    client.post(address("edit", token), {"alias": "Checkout backend"})
    assert row(token) == before
    assert not AuditEvent.objects.filter(type="token.renamed").exists()


@pytest.mark.parametrize("status", ["revoked", "removed"])
def test_an_ended_token_keeps_its_alias(client, token, status):
    """S3-20: revoked is final."""
    put_into(token, status)
    response = client.post(address("edit", token), {"alias": "Renamed"})
    assert response.status_code == HTTPStatus.CONFLICT
    assert row(token)["alias"] == "Checkout backend"


@pytest.mark.parametrize("verb", AFTER)
def test_a_confirmation_shows_the_evidence(client, token, verb):
    """S0-20, S0-33, S0-37: last used, requests and callers of the last 24 hours, before anything is done."""
    put_into(token, BEFORE[verb])
    use(token, 1200)
    use(token, 34, caller="192.0.2.9", outcome="mode")
    page = main_of(client.get(address(verb, token)))
    facts = {tile.one("dt").text: tile.one("dd").text for tile in page.all("div", class_="tile")}
    assert facts["Requests, last 24 h"] == "1,234 34 of them failed"
    assert facts["Callers, last 24 h"] == "2 addresses"
    assert facts["Last used"].endswith("s ago")
    assert row(token)["status"] == BEFORE[verb]


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("deactivate", "Active integrations may be affected."),
        ("reactivate", "can use it again the moment you confirm"),
        ("revoke", "This cannot be undone."),
        ("condemn", "it can never work again"),
        ("remove", "Removal is permanent and cannot be undone."),
    ],
)
def test_a_confirmation_says_what_will_happen(client, token, verb, words):
    """S0-33, S0-37, S3-16: integrations may be affected; permanent is said before it is."""
    put_into(token, BEFORE[verb])
    assert words in main_of(client.get(address(verb, token))).text


@pytest.mark.parametrize("verb", AFTER)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_a_step_is_done_and_said_on_the_list(client, token, merchant, verb, headers):
    """S0-18, S0-32, S0-34 ... S0-39: one POST, back to the list, the result in a sentence."""
    put_into(token, BEFORE[verb])
    response = client.post(address(verb, token), {}, **headers)
    if headers:
        assert response.status_code == HTTPStatus.OK
        assert response.headers["HX-Redirect"] == merchant.get_absolute_url()
        assert not response.content
    else:
        assert response.headers["Location"] == merchant.get_absolute_url()
    page = main_of(client.get(merchant.get_absolute_url()))
    assert SAID[verb] in page.one("ul", class_="messages").text
    assert row(token)["status"] == AFTER[verb]
    assert (row(token)["digest"] is None) == (verb in {"condemn", "revoke", "remove"})


@pytest.mark.parametrize("verb", AFTER)
def test_a_token_in_use_wants_its_alias_typed(client, token, verb):
    """S0-33, S0-37: nobody stops what is in use by one click. Wrong or missing: told at the field, nothing done."""
    ask = verb in WANT_THE_ALIAS
    put_into(token, BEFORE[verb])
    use(token)
    assert bool(main_of(client.get(address(verb, token))).all("input", name="alias")) == ask
    if ask:
        for wrong in ({}, {"alias": ""}, {"alias": "checkout backend"}):
            response = client.post(address(verb, token), wrong)
            assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
            field = main_of(response).one("input", name="alias")
            assert field.attributes["aria-invalid"] == "true"
            assert field.attributes["aria-describedby"]
            assert row(token)["status"] == BEFORE[verb]
    client.post(address(verb, token), {"alias": "Checkout backend"})
    assert row(token)["status"] == AFTER[verb]


@pytest.mark.parametrize("verb", ["remove", "revoke"])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_an_active_token_cannot_be_ended(client, token, verb, method, headers):
    """S0-36, S3-15, C4: deactivate first; a crafted POST is refused in a sentence and changes nothing."""
    before, events = row(token), AuditEvent.objects.count()
    response = getattr(client, method)(address(verb, token), {"alias": "Checkout backend"}, **headers)
    assert response.status_code == HTTPStatus.CONFLICT
    assert "“Checkout backend” is active. Deactivate it first." in read(response).text
    assert ("<html" in response.content.decode()) == (not headers)
    assert token.get_absolute_url() in read(response).links, "and leads back to the token"
    assert (row(token), AuditEvent.objects.count()) == (before, events)


@pytest.mark.parametrize(
    ("verb", "status"),
    [(verb, status) for verb in AFTER for status in AFTER.values() if status != BEFORE[verb]],
)
def test_a_step_from_any_other_state_is_refused(client, token, verb, status):
    """S0-34, S3-20: the second of two who press the button gets a sentence, not a second event."""
    put_into(token, status)
    before, events = row(token), AuditEvent.objects.count()
    response = client.post(address(verb, token), {"alias": "Checkout backend"})
    if (verb, status) == ("remove", "revoked"):
        assert (response.status_code, row(token)["status"]) == (HTTPStatus.FOUND, "removed")
        return
    assert response.status_code == HTTPStatus.CONFLICT
    assert (row(token), AuditEvent.objects.count()) == (before, events)


def test_deactivate_stops_a_token_at_once_and_reactivate_brings_it_back(client, merchant):
    """S0-32, S0-34, S0-40: the very next request is refused, and accepted again after reactivation."""
    token, secret = make_token(merchant)
    _, gateway = make_gateway()
    assert decide(secret, gateway=gateway).reason == GOOD
    client.post(address("deactivate", token))
    assert decide(secret, gateway=gateway).reason == "inactive"
    client.post(address("reactivate", token))
    assert decide(secret, gateway=gateway).reason == GOOD


def test_an_expired_token_cannot_come_back(client, merchant):
    token, _ = make_token(merchant, alias="Checkout backend", expires_at=timezone.now())
    put_into(token, "inactive")
    response = client.post(address("reactivate", token))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "has expired. Create a new token instead." in main_of(response).text


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_a_page_and_a_dialog(client, token, verb):
    """DESIGN 7: the same template, whole for a browser and its dialog alone for htmx."""
    put_into(token, BEFORE.get(verb, "active"))
    page, dialog = client.get(address(verb, token)), client.get(address(verb, token), **HTMX)
    assert len(read(page).all("h1")) == 1
    assert "<html" not in dialog.content.decode()
    assert read(dialog).one("h2", id="dialog-title").text == main_of(page).one("h1").text
    for response in (page, dialog):
        assert "no-store" in response.headers["Cache-Control"]
        form = (main_of(page) if response is page else read(dialog)).one("form")
        assert form.attributes == {"method": "post", "action": address(verb, token), "novalidate": ""}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_dialog_of_somebody_signed_out_leads_to_the_sign_in_page(token, verb, method):
    """S2-19: the whole page goes to the sign-in page and back to the question; it is never drawn in the dialog."""
    response = getattr(Client(), method)(address(verb, token), **HTMX)
    assert response.status_code == HTTPStatus.OK
    assert response.headers["HX-Redirect"] == f"{reverse('account_login')}?next={address(verb, token)}"
    assert not response.content
