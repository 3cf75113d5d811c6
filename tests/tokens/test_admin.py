"""The Django admin as support's tool: it finds, it reads, it deactivates. Nothing else, and every look is on record."""

from http import HTTPStatus

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from tests.factories import make_entity, make_gateway, make_merchant, make_token, make_user, put_into
from tests.reading import client_of, read
from tokens import usage
from tokens.evidence import REASONS
from tokens.models import Token

TOKENS = reverse("admin:tokens_token_changelist")
ENTITIES = reverse("admin:accounts_entity_changelist")
LISTS = [reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist") for model in admin.site._registry]
VIEWED = AuditEvent.Type.TOKENS_VIEWED


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def support(merchant) -> Client:
    return client_of(make_user(Role.SUPPORT, email="support@test.example"))


def found(client: Client, url: str, query: str) -> set[str]:
    """Return the addresses of the rows that a search finds."""
    response = client.get(url, {"q": query})
    assert response.status_code == HTTPStatus.OK
    return {link for link in read(response).links if link.split("?")[0].endswith("/change/")}


def change(thing: Entity | Token) -> str:
    return reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_change", args=[thing.pk])


def rows(model) -> list:
    return list(model._base_manager.order_by("pk").values())


def test_support_finds_an_entity_by_name_or_entity_id(support, merchant):
    """Support looks up what a caller names: part of a name, or an entity ID."""
    make_merchant("Cedar Cycles")
    for query in ("aurora", merchant.entity_id):
        assert {link.split("?")[0] for link in found(support, ENTITIES, query)} == {change(merchant)}


def test_an_expired_token_is_not_called_active(support, merchant):
    """S3-18: the desk says what every other page says."""
    token, _ = make_token(merchant, expires_at=timezone.now())
    assert "Expired" in read(support.get(change(token))).text
    shown = {cell.text for cell in read(support.get(TOKENS)).all("td")}
    assert "Expired" in shown
    assert "Active" not in shown


def test_support_finds_a_token_by_merchant_entity_id_key_id_or_alias(support, merchant):
    token, _ = make_token(merchant, alias="Checkout backend")
    make_token(make_merchant("Cedar Cycles"), alias="Another")
    for query in ("aurora", merchant.entity_id, token.key_id, "checkout"):
        assert {link.split("?")[0] for link in found(support, TOKENS, query)} == {change(token)}, query


def test_the_page_of_a_gateway_says_that_its_question_is_at_fault(support):
    gateway, _ = make_gateway()
    for _ in range(3):
        usage.count(gateway.pk, caller="192.0.2.1", outcome="question")
    usage.flush()
    assert f"{REASONS['question']}: 3" in support.get(change(gateway)).content.decode()


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PLATFORM_ADMINISTRATOR])
def test_nothing_can_be_added_changed_or_deleted(merchant, role):
    """The tree has one writer; a credential has its verbs. The admin has neither form nor button for either."""
    token, _ = make_token(merchant)
    client = client_of(make_user(role))
    forged = {
        "name": "Forged",
        "alias": "Forged",
        "status": "suspended",
        "parent": "",
        "lft": "1",
        "rght": "2",
        "post": "yes",
    }
    before = [rows(Entity), rows(Token)]
    for thing in (merchant, token):
        model = f"{thing._meta.app_label}_{thing._meta.model_name}"
        page = read(client.get(change(thing)))
        main = page.one("main")
        assert {field.attributes["type"] for field in main.all("input")} <= {"hidden"}
        assert not main.all("textarea") + main.all("select")
        for url in (
            reverse(f"admin:{model}_add"),
            change(thing),
            reverse(f"admin:{model}_delete", args=[thing.pk]),
        ):
            assert client.post(url, forged).status_code == HTTPStatus.FORBIDDEN, url
        forged_action = {"action": "delete_selected", "_selected_action": [thing.pk], "post": "yes"}
        client.post(reverse(f"admin:{model}_changelist"), forged_action)
        client.post(
            reverse(f"admin:{model}_changelist"), {"form-TOTAL_FORMS": "1", "form-0-id": thing.pk, "_save": "Save"}
        )
    assert [rows(Entity), rows(Token)] == before


def test_support_deactivates_each_chosen_token_through_its_verb(support, merchant):
    """S0-33, S2-22: once confirmed, each token is checked and recorded by itself; what cannot be done is said."""
    chosen = [make_token(merchant, alias=f"Token {number}")[0] for number in range(3)]
    put_into(chosen[0], "inactive")
    spared, _ = make_token(merchant)
    data = {"action": "deactivate_tokens", "_selected_action": [token.pk for token in chosen]}
    asked = support.post(TOKENS, data | {"select_across": "1"})
    assert "Deactivate these tokens?" in asked.content.decode()
    assert spared.masked not in asked.content.decode()
    assert Token.objects.filter(status="active").count() == 3, "asked, not yet done"
    response = support.post(TOKENS, data | {"confirmed": "yes"}, follow=True)
    messages = read(response).one("ul", class_="messagelist").text
    assert "“Token 0” is inactive already." in messages
    assert "2 tokens are inactive now." in messages
    events = AuditEvent.objects.filter(type="token.deactivated", actor__email="support@test.example")
    assert {event.target for event in events} == {token.key_id for token in chosen[1:]}
    assert {token.status for token in Token.objects.filter(pk__in=[token.pk for token in chosen])} == {"inactive"}
    assert Token.objects.get(pk=spared.pk).status == "active"


def test_who_may_not_deactivate_is_not_offered_it(merchant):
    """C9: the merchant's own administrator has no business in the admin at all."""
    token, _ = make_token(merchant)
    client = client_of(make_user(Role.ADMINISTRATOR, on=merchant))
    response = client.post(TOKENS, {"action": "deactivate_tokens", "_selected_action": [token.pk]})
    assert response.status_code == HTTPStatus.FOUND
    assert Token.objects.get(pk=token.pk).status == "active"


@pytest.mark.parametrize("field", ["digest", "pepper_id", "last4", "key_id"])
def test_no_column_that_is_not_shown_can_be_sorted_or_pointed_at(support, merchant, field):
    """An order by the digest would tell its bytes one comparison at a time."""
    for _ in range(3):
        make_token(merchant)
    orders = [read(support.get(TOKENS, {"o": order})).one("table", id="result_list") for order in (field, f"-{field}")]
    shown = [[link.split("?")[0] for link in order.links if "/change/" in link] for order in orders]
    assert len(shown[0]) >= 3
    assert shown[0] == shown[1]


def test_no_page_shows_a_digest_or_the_token(support, merchant):
    """S0-27: masked, for support as for everybody."""
    token, secret = make_token(merchant, alias="Checkout backend")
    digest = bytes(Token.objects.get().digest)
    for url in (TOKENS, change(token), change(merchant), reverse("admin:accounts_auditevent_changelist")):
        content = support.get(url).content
        for part in (secret[-40:].encode(), digest, digest.hex().encode(), repr(digest)[2:30].encode(), b"pepper"):
            assert part not in content, url
    assert token.masked in support.get(change(token)).content.decode()


def looks() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(type=VIEWED).order_by("number"))


def test_every_look_at_a_merchants_tokens_is_an_audit_event(support, merchant):
    """Each merchant learns in its own activity log that its tokens were looked at, by whom and which."""
    tokens = [make_token(merchant)[0] for _ in range(2)]
    other, _ = make_token(make_merchant("Cedar Cycles"))
    gateway, _ = make_gateway()
    support.get(TOKENS)
    seen = {event.entity.name: set(event.details["tokens"]) for event in looks()}
    assert seen == {"Aurora Coffee": {token.key_id for token in tokens}, "Cedar Cycles": {other.key_id}}
    support.get(change(tokens[0]))
    assert len(looks()) == 3
    assert (looks()[-1].target, looks()[-1].actor_label) == (tokens[0].key_id, "support@test.example")
    support.get(TOKENS, {"q": "Nobody"})
    support.get(change(gateway))
    assert len(looks()) == 3


@pytest.mark.parametrize("before", ["%20", "+", "0", "_2B"])
def test_no_spelling_of_the_address_keeps_a_look_off_the_record(support, merchant, before):
    """The admin understands more spellings of a row's number than one; what shows the row is a look."""
    token, _ = make_token(merchant)
    response = support.get(f"{TOKENS}{before}{token.pk}/change/")
    assert response.status_code == HTTPStatus.OK
    assert [look.target for look in looks()] == [token.key_id]


ODD = {
    "NUL": "\0",
    "NUL inside": "a\0b",
    "lone surrogate": "\ud800".encode("utf-8", "surrogatepass"),
    "no UTF-8": b"\xff\xfe",
    "bidi override": "\u202e",
    "wildcard": "%_",
    "quotes": "'\"\\",
    "long": "\u00e9" * 500,
    "long number": "9" * 5000,
    "negative": "-1",
    "exponent": "1e9",
}
FILTERS = {url: model.list_filter for url, model in zip(LISTS, admin.site._registry.values(), strict=True)}


@pytest.mark.parametrize("what", ODD)
def test_odd_bytes_in_the_address_are_never_a_fault(support, merchant, what):
    """TRAPS: one odd byte is a 500, on PostgreSQL more often than on SQLite."""
    make_token(merchant)
    for url in LISTS:
        for name in ["q", "p", "o", "_to_field", *(f"{field}__exact" for field in FILTERS[url])]:
            status = support.get(url, {name: ODD[what]}).status_code
            assert status < HTTPStatus.INTERNAL_SERVER_ERROR, (url, name)


ODD_NUMBERS = ["0", "9" * 30, "9" * 4301, "-1", "1.5", "abc", "%00", "_00", "%FF", "\u0661", "\u00b2"]


@pytest.mark.parametrize("value", ODD_NUMBERS, ids=lambda value: ascii(value)[:10])
def test_an_odd_row_is_not_found(support, merchant, value):
    for url in LISTS:
        for ending in ("change/", "history/", "delete/"):
            assert support.get(f"{url}{value}/{ending}").status_code < HTTPStatus.INTERNAL_SERVER_ERROR, (url, ending)


@pytest.mark.parametrize("value", ["abc", "", "9" * 30, "9" * 4301, "\0", "-1"], ids=lambda value: ascii(value)[:10])
def test_an_odd_choice_of_rows_deactivates_nothing(support, merchant, value):
    token, _ = make_token(merchant)
    response = support.post(TOKENS, {"action": "deactivate_tokens", "_selected_action": [token.pk, value]})
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert Token.objects.get(pk=token.pk).status == "active"


def test_a_look_costs_the_same_however_many_tokens_there_are(support, merchant):
    """A page of rows and its merchants, in a fixed number of statements."""
    costs = []
    for _ in range(2):
        for _ in range(5):
            make_token(merchant)
        with CaptureQueriesContext(connection) as captured:
            support.get(TOKENS)
        costs.append(len(captured))
    assert costs[0] == costs[1]
