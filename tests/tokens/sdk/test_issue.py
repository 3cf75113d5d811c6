"""Tokens for many terminals at once: all or none, shown once, however often the form is sent."""

from http import HTTPStatus
from threading import Barrier
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts import audit, imports
from accounts import lifecycle as entities
from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.canary import database_files, tables, traces
from tests.factories import SETUP, make_administrator, make_entity, make_user
from tests.reading import client_of, let_the_proof_age, main_of, read
from tests.tokens.sdk.conftest import Shop, address
from tokens import formats
from tokens.models import IdempotencyRecord, Token
from tokens.permissions import SDK_SCOPE
from tokens.sdk import fleet
from tokens.sdk import lifecycle as sdk

CREATED = AuditEvent.Type.TOKEN_CREATED


def typed(*terminals: Entity, **fields: str) -> dict:
    chosen = {"terminal": [terminal.entity_id for terminal in terminals]} if terminals else {}
    return {"mode": "live", "form_key": str(uuid4())} | chosen | fields


def shown_in(response) -> dict[str, str]:
    """Return terminal ID -> token, as the answer shows them."""
    return {row["Terminal ID"]: row["Token"] for row in main_of(response).rows}


@pytest.fixture
def client(shop: Shop) -> Client:
    return client_of(make_administrator(shop.merchant))


def test_tokens_for_chosen_terminals_are_issued_and_shown_once(shop: Shop, tills, client):
    """S2-15, S0-22 ... S0-28: one answer with all of them, and an event for each."""
    before = AuditEvent.objects.count()
    form = typed(tills[3], shop.other_till, mode="test", description="Autumn fair")
    response = client.post(address("fleet_issue", shop.merchant), form)
    assert response.status_code == HTTPStatus.OK
    assert "no-store" in response.headers["Cache-Control"]
    shown = shown_in(response)
    assert set(shown) == {tills[3].entity_id, shop.other_till.entity_id}
    for entity_id, secret in shown.items():
        token = Token.objects.select_related("entity").get(key_id=formats.parse(secret).key_id)
        assert (token.entity.entity_id, token.alias, token.mode) == (entity_id, token.entity.name, "test")
        assert (token.kind, token.user, token.description) == ("sdk", None, "Autumn fair")
        assert set(token.scope.split()) == SDK_SCOPE
        event = AuditEvent.objects.get(target=token.key_id)
        assert (event.type, event.entity, event.details["scope"]) == (CREATED, token.entity, token.scope)
        assert response.content.decode().count(secret) == 1
    assert AuditEvent.objects.count() == before + 2
    assert list(audit.verify()) == []
    again = client.post(address("fleet_issue", shop.merchant), form)
    assert again.status_code == HTTPStatus.CONFLICT
    assert "These tokens were issued already" in read(again).text
    assert not traces(again.content, shown.values())
    assert AuditEvent.objects.count() == before + 2


def test_all_without_a_token_get_one(shop: Shop, tills, client):
    """Those that are searched for, and none whose token is merely inactive or expired; twice makes nothing more."""
    asked = main_of(client.get(f"{address('fleet_issue', shop.merchant)}?all=1&q=till"))
    assert "Issue an SDK token for 1 terminal" in asked.text
    shown = shown_in(client.post(address("fleet_issue", shop.merchant), typed(all="1", q="till")))
    assert set(shown) == {shop.other_till.entity_id}
    shown = shown_in(client.post(address("fleet_issue", shop.merchant), typed(all="1")))
    assert set(shown) == {tills[3].entity_id}
    nothing = client.post(address("fleet_issue", shop.merchant), typed(all="1"))
    assert nothing.status_code == HTTPStatus.CONFLICT
    assert "There is no terminal here that needs a token." in read(nothing).text
    assert "Every terminal has a token" in read(client.get(f"{address('fleet_issue', shop.merchant)}?all=1")).text


def test_a_suspended_terminal_is_left_out_of_all_and_refused_where_it_is_chosen(shop: Shop, tills, client):
    entities.suspend(shop.channel, by=SETUP)
    before = Token.objects.count()
    response = client.post(address("fleet_issue", shop.merchant), typed(shop.other_till, tills[3]))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "“Till 2” is suspended, so no token was issued at all." in read(response).text
    assert Token.objects.count() == before
    assert set(shown_in(client.post(address("fleet_issue", shop.merchant), typed(all="1")))) == {tills[3].entity_id}


@pytest.mark.parametrize("which", ["none", "foreign", "missing", "merchant", "nul"])
def test_what_is_no_terminal_here_gets_nothing(shop: Shop, client, which):
    """S2-18: foreign and missing ones are told apart by nothing."""
    elsewhere = make_entity("terminal", under=shop.rival)
    chosen = {
        "none": [],
        "foreign": [shop.other_till.entity_id, elsewhere.entity_id],
        "missing": [shop.other_till.entity_id, "ter_0000000000000000"],
        "merchant": [shop.merchant.entity_id],
        "nul": ["ter_\0"],
    }[which]
    before = Token.objects.count()
    form = typed() | {"terminal": chosen}
    for response in (
        client.get(address("fleet_issue", shop.merchant), {"terminal": chosen}),
        client.post(address("fleet_issue", shop.merchant), form),
    ):
        assert response.status_code == HTTPStatus.CONFLICT
        words = "Choose at least one terminal" if which == "none" else "Some of these terminals are not here any more."
        assert words in read(response).text
    assert Token.objects.count() == before


def test_the_quota_holds_for_all_of_them_together(shop: Shop, tills, client, settings):
    """C5: all or none."""
    settings.TOKEN_QUOTA = Token.objects.below(shop.merchant).living().count() + 1
    before = Token.objects.count()
    response = client.post(address("fleet_issue", shop.merchant), typed(all="1"))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "the most it may have" in read(response).text
    assert Token.objects.count() == before


def test_no_more_than_a_thousand_at_once(shop: Shop, monkeypatch):
    monkeypatch.setattr(sdk, "MOST_AT_ONCE", 1)
    person = make_administrator(shop.merchant)
    with pytest.raises(Refused, match="Choose at most 1 terminals at once"):
        sdk.issue(shop.merchant, fleet.terminals_below(person, shop.merchant), by=person, mode="live", form_key=uuid4())
    assert Token.objects.sdk().count() == 3


def test_a_thousand_can_be_ticked_and_more_are_told(shop: Shop, client, caplog):
    """S2-15, C5: exactly as many as are allowed pass; somewhat more get the form's own sentence, and no error."""
    lines = "".join(f"Kiosk {number},terminal\n" for number in range(1_001))
    imports.add_all(imports.read(f"name,kind\n{lines}".encode(), under=shop.merchant), by=SETUP)
    ticked = list(Entity.objects.filter(name__startswith="Kiosk").values_list("entity_id", flat=True))
    form = typed(mode="test", lifetime="never", expires_on="", description="", csrfmiddlewaretoken="x")
    more = [*ticked, *(f"ter_{number:016}" for number in range(399))]
    response = client.post(address("fleet_issue", shop.merchant), form | {"terminal": more})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose at most 1,000 terminals at once." in main_of(response).text
    assert Token.objects.sdk().count() == 3
    response = client.post(address("fleet_issue", shop.merchant), form | {"terminal": ticked[:1_000]})
    assert response.status_code == HTTPStatus.OK
    assert Token.objects.sdk().count() == 1_003
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_live_tokens_want_a_recent_proof(shop: Shop, client):
    """ASVS 7.5.3. What was chosen travels with the question."""
    let_the_proof_age(client)
    response = client.post(address("fleet_issue", shop.merchant), typed(shop.other_till))
    assert response.status_code == HTTPStatus.CONFLICT
    page = read(response)
    assert "Confirm that it is you" in page.text
    assert page.one("input", name="terminal").attributes["value"] == shop.other_till.entity_id
    assert Token.objects.sdk().count() == 3


def test_an_operator_of_a_channel_issues_for_its_terminals(shop: Shop):
    client = client_of(make_user(Role.TERMINAL_OPERATOR, on=shop.channel))
    shown = shown_in(client.post(address("fleet_issue", shop.channel), typed(all="1")))
    assert set(shown) == {shop.other_till.entity_id}
    assert client.get(address("fleet_issue", shop.merchant)).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.django_db(transaction=True)
def test_a_double_click_issues_once(shop: Shop):
    """Four at the same moment with one form: one of them gets the tokens, the others are told."""
    person = make_administrator(shop.merchant)
    key, line = uuid4(), Barrier(4)

    def run() -> object:
        line.wait(10)
        try:
            terminals = fleet.without_token(fleet.terminals_below(person, shop.merchant), text="")
            return sdk.issue(shop.merchant, terminals, by=person, mode="live", form_key=key)
        except Refused as refusal:
            return refusal

    with Elsewhere(4) as elsewhere:
        ends = [started.result(60) for started in [elsewhere.start(run) for _ in range(4)]]
    assert sorted(type(end).__name__ for end in ends) == ["AlreadyCreated"] * 3 + ["list"]
    assert Token.objects.of(shop.other_till).count() == 1
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_who_issue_for_all_issue_one_for_each(shop: Shop):
    people = [make_administrator(shop.merchant) for _ in range(2)]
    line = Barrier(2)

    def run(person) -> object:
        line.wait(10)
        try:
            terminals = fleet.without_token(fleet.terminals_below(person, shop.merchant), text="")
            return sdk.issue(shop.merchant, terminals, by=person, mode="live", form_key=uuid4())
        except Refused as refusal:
            return str(refusal)

    with Elsewhere(2) as elsewhere:
        ends = [started.result(60) for started in [elsewhere.start(run, person) for person in people]]
    assert sorted(type(end).__name__ for end in ends) == ["list", "str"]
    assert Token.objects.of(shop.other_till).count() == 1


@pytest.mark.django_db(transaction=True)
def test_issued_tokens_are_in_no_table_file_log_or_cookie(shop: Shop, caplog, capfd):
    """S0-27, TRAPS."""
    caplog.set_level("DEBUG")
    client, form = client_of(make_administrator(shop.merchant)), typed(all="1")
    secrets = list(shown_in(client.post(address("fleet_issue", shop.merchant), form)).values())
    form = {"subject": "entity", "mode": "live", "form_key": str(uuid4())}
    made = client.post(address("add_sdk", shop.till), form)
    secrets.append(read(made).one("code", id="secret").text)
    answers = [
        client.post(address("add_sdk", shop.till), form),
        client.get(address("fleet", shop.merchant)),
        client.get(address("developers", shop.till)),
        client.get(reverse("tokens:my_sdk_tokens")),
    ]
    sinks = tables() | {f"file {path.suffix}": path.read_bytes() for path in database_files()}
    sinks |= {"log": caplog.text, "output": "".join(capfd.readouterr())}
    sinks |= {f"answer {number}": answer.content for number, answer in enumerate(answers)}
    sinks |= {"cookies": str(client.cookies), "headers": str(made.headers)}
    assert len(set(secrets)) == 2
    assert {name: traces(sink, secrets) for name, sink in sinks.items() if traces(sink, secrets)} == {}
    assert formats.parse(secrets[0]).key_id in sinks["tokens_token"]
