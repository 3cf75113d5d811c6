"""Step-up: what is weighty about live credentials asks for a proof that is not older than five minutes.

OWASP ASVS 5.0, 7.5.3; PCI DSS 4.0, 8.4; TRAPS: a POST that waits for a proof is never kept on the server.
"""

from http import HTTPStatus
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts import trust
from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from tests.factories import PASSWORD, make_administrator, make_merchant, make_token, make_user, put_into
from tests.reading import HTMX, client_of, let_the_proof_age, main_of, read
from tokens.models import Token

ASKED = "Confirm that it is you"


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee")


@pytest.fixture
def client(merchant) -> Client:
    """Return a client whose person signed in five minutes ago."""
    client = client_of(make_administrator(merchant))
    let_the_proof_age(client)
    return client


def wanted(mode: str = "live") -> dict[str, object]:
    return {
        "mode": mode,
        "alias": "Checkout",
        "permissions": ["customer.view", "payment_scheme.view"],
        "form_key": uuid4(),
    }


def answered(question: HttpResponse, password: str = PASSWORD) -> dict[str, list[str]]:
    """Return what the browser sends when the password is typed into `question`."""
    fields: dict[str, list[str]] = {}
    for field in read(question).all("input"):
        if field.attributes.get("name", "").startswith("proof") or field.attributes.get("type") == "hidden":
            fields.setdefault(field.attributes["name"], []).append(field.attributes.get("value", ""))
    return fields | {"proof-password": [password]}


@pytest.fixture
def adding(merchant) -> str:
    return reverse("tokens:add", args=[merchant.entity_id])


def test_a_sign_in_counts_as_a_proof_for_five_minutes(merchant, adding):
    client = client_of(make_administrator(merchant))
    assert ASKED not in read(client.post(adding, wanted())).text
    let_the_proof_age(client, trust.FRESH - 5)
    assert ASKED not in read(client.post(adding, wanted())).text
    let_the_proof_age(client, 5)
    assert ASKED in read(client.post(adding, wanted())).text
    assert Token.objects.count() == 2


def test_a_live_token_is_made_once_the_proof_is_there_and_nothing_is_typed_twice(client, adding):
    question = client.post(adding, wanted())
    assert question.status_code == HTTPStatus.CONFLICT
    assert not Token.objects.exists()
    created = client.post(adding, answered(question))
    assert created.status_code == HTTPStatus.OK
    assert read(created).one("code", id="secret").text.startswith("kh_api_live_")
    assert Token.objects.get().alias == "Checkout"
    assert Token.objects.get().scope == "customer.view payment_scheme.view"


def test_the_server_keeps_nothing_of_what_waits(client, adding):
    """TRAPS: no POST in the session."""
    before = dict(client.session.items())
    client.post(adding, wanted())
    assert dict(client.session.items()) == before


def test_a_wrong_password_is_no_proof_and_what_was_typed_stays(client, adding):
    question = client.post(adding, wanted())
    again = client.post(adding, answered(question, "a guess at the password"))
    assert again.status_code == HTTPStatus.CONFLICT
    assert "This is not your password." in main_of(again).text
    assert "a guess" not in again.content.decode()
    assert not Token.objects.exists()
    client.post(adding, answered(again))
    assert Token.objects.get().alias == "Checkout"


@pytest.mark.parametrize("mode", ["live", "test"])
def test_only_live_credentials_ask(client, adding, mode):
    """The test mode is for trying things out (S1-8)."""
    assert (ASKED in read(client.post(adding, wanted(mode))).text) == (mode == "live")


@pytest.mark.parametrize(("verb", "state"), [("rotate", "active"), ("revoke", "inactive")])
@pytest.mark.parametrize("method", ["get", "post"])
def test_rotating_and_revoking_ask_first(client, merchant, verb, state, method):
    token = put_into(make_token(merchant)[0], state)
    url = reverse(f"tokens:{verb}", args=[token.key_id])
    assert ASKED in read(getattr(client, method)(url, {"overlap": "0"})).text
    assert Token.objects.get().status == state
    test = put_into(make_token(merchant, mode="test")[0], state)
    assert ASKED not in read(client.get(reverse(f"tokens:{verb}", args=[test.key_id]))).text


@pytest.mark.parametrize("verb", ["deactivate", "edit", "duplicate", "extend"])
def test_what_can_be_undone_does_not_ask(client, merchant, verb):
    """S2-22: a compromised token is stopped without delay."""
    token, _ = make_token(merchant)
    assert ASKED not in read(client.get(reverse(f"tokens:{verb}", args=[token.key_id]))).text


def test_the_question_on_a_page_leads_back_to_it(client, merchant):
    token, _ = make_token(merchant)
    url = reverse("tokens:rotate", args=[token.key_id]) + "?from=list"
    answer = client.post(url, answered(client.get(url)))
    assert (answer.status_code, answer.headers["Location"]) == (HTTPStatus.FOUND, url)
    assert ASKED not in main_of(client.get(url)).text
    assert Token.objects.count() == 1


def test_the_question_in_a_dialog_leads_on_in_the_dialog(client, merchant):
    token, _ = make_token(merchant)
    url = reverse("tokens:rotate", args=[token.key_id])
    question = client.get(url, **HTMX)
    assert b"<html" not in question.content
    answer = client.post(url, answered(question), **HTMX)
    assert answer.headers["HX-Location"] == f'{{"path": "{url}", "target": "#dialog-body", "swap": "innerHTML"}}'
    assert not answer.content


def test_a_proof_gives_the_session_another_id(client, adding):
    """ASVS 7.2.4: a new session on every change of trust."""
    before = client.session.session_key
    client.post(adding, answered(client.post(adding, wanted())))
    assert client.session.session_key != before
    old = Client()
    old.cookies["keyhouse"] = before
    assert old.get(adding).status_code == HTTPStatus.FOUND


def test_a_proof_for_one_thing_is_a_proof_for_the_next(client, adding):
    client.post(adding, answered(client.post(adding, wanted())))
    assert ASKED not in read(client.post(adding, wanted())).text


@pytest.mark.parametrize("garbage", [None, "", "soon", True, -1, 10**12, 1e300])
def test_a_time_of_proof_that_is_none_is_no_proof(client, adding, garbage):
    session = client.session
    session[trust.PROVED_AT] = garbage
    session.save()
    assert ASKED in read(client.post(adding, wanted())).text


def test_nobody_is_asked_for_what_they_may_not_do(merchant):
    """S2-19: 403 and 404 come before the question."""
    token, _ = make_token(merchant)
    url = reverse("tokens:rotate", args=[token.key_id])
    for user, status in [
        (make_user(Role.VIEWER, on=merchant), HTTPStatus.FORBIDDEN),
        (make_administrator(make_merchant("Borealis Books")), HTTPStatus.NOT_FOUND),
    ]:
        client = client_of(user)
        let_the_proof_age(client)
        assert client.get(url).status_code == status


def test_a_proof_that_nobody_asked_for_is_checked_all_the_same(client, merchant):
    """The fields of the question reach no view, whatever address they are sent to."""
    url = reverse("accounts:edit", args=[merchant.entity_id])
    forged = {"name": "Renamed", "proof-asked_on": "POST", "proof-password": "a guess"}
    assert client.post(url, forged).status_code == HTTPStatus.CONFLICT
    assert Entity.objects.get().name == "Aurora Coffee"
    assert Client().post(url, forged).status_code == HTTPStatus.FOUND  # nobody: to the sign-in page


def test_a_proof_is_an_event_refused_or_not(client, adding):
    """PCI DSS 4.0, 10.2.1.4: every try that failed."""
    client.post(adding, answered(client.post(adding, wanted()), "a guess"))
    assert AuditEvent.objects.first().type == AuditEvent.Type.PROOF_REFUSED
    client.post(adding, answered(client.post(adding, wanted())))
    types = list(AuditEvent.objects.values_list("type", flat=True)[:2])
    assert types == [AuditEvent.Type.TOKEN_CREATED, AuditEvent.Type.IDENTITY_PROVED]
