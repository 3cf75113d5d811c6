"""The activity pages: what may be asked of the log, what it tells of each event, as a page and as CSV.

PCI DSS 4.0: 10.2.2, 10.4.1; OWASP ASVS 5.0: 1.2.10, 16.2.1, 16.4.2.
"""

import csv
import io
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlencode

import pytest
from django.db.models import Q
from django.test import Client
from django.urls import reverse

from accounts import audit, lifecycle, timeline
from accounts.events import REFUSALS, EventType, types_of
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Role
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, make_user, put_into
from tests.reading import client_of, main_of
from tokens import lifecycle as tokens
from tokens.models import Token

DAY = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture(params=[timeline.FEW, 2], ids=["few entities", "many"])
def _few(request, monkeypatch) -> None:
    """Both ways of asking: by the entities' keys, and by where they stand."""
    monkeypatch.setattr(timeline, "FEW", request.param)


@pytest.fixture
def partner(db, time_machine) -> Entity:
    """Return a partner with a story of three days, and a rival with one of their own."""
    time_machine.move_to(DAY, tick=False)
    partner = make_entity("partner", "Northwind Payments")
    merchants = [make_merchant(f"Shop {number}", under=partner) for number in range(4)]
    anna = make_administrator(partner)
    time_machine.move_to(DAY + timedelta(days=1), tick=False)
    with audit.origin("203.0.113.9", "a" * 32):
        for merchant in merchants:
            tokens.create(merchant, by=anna, alias=f"=cmd|{merchant.name}")
            lifecycle.suspend(merchant, by=anna, reason="Fraud")
    time_machine.move_to(DAY + timedelta(days=2), tick=False)
    put_into(Token.objects.get(entity=merchants[0]), "revoked")
    rival = make_merchant("Borealis Books", under=make_entity("partner", "Southgate"))
    make_token(rival, alias="Of the rival")
    with audit.transaction.atomic():
        for _ in range(3):
            audit.record(EventType.SIGN_IN_FAILED, by=audit.Operator("somebody at the sign-in page"), entity=partner)
    return partner


def listed(user: User, within: Entity | None = None, size: int = 4, **asked: object) -> list[int]:
    """Return the numbers of what is found, stretch by stretch."""
    found, before = [], ""
    while True:
        stretch = timeline.stretch(user, within=within, asked=timeline.Asked(**asked), before=before, size=size)
        found += [event.number for event in stretch.events]
        if stretch.older is None:
            return found
        before = str(stretch.older)


def anna(partner: Entity) -> User:
    return User.objects.get(memberships__entity=partner)


def questions(boss: User, shop: Entity, token: str) -> dict[str, tuple[dict, Q]]:
    """Return what may be asked, by what it is called: the words, and which events are meant."""
    noon = DAY + timedelta(days=1)
    return {
        "one kind": ({"types": ["entity.suspended"]}, Q(type="entity.suspended")),
        "a group": ({"types": types_of("tokens")}, Q(type__startswith="token.")),
        "refused": ({"outcome": "refused"}, Q(type__in=REFUSALS)),
        "done": ({"outcome": "done"}, ~Q(type__in=REFUSALS)),
        "refused of a group": ({"types": types_of("sign-in"), "outcome": "refused"}, Q(type="session.refused")),
        "done of a group": ({"types": types_of("sign-in"), "outcome": "done"}, Q(type="session.started")),
        "refused of none": ({"types": types_of("tokens"), "outcome": "refused"}, Q(pk=0)),
        "by e-mail": ({"who": boss.email.upper()}, Q(actor=boss)),
        "by person ID": ({"who": boss.person_id}, Q(actor=boss)),
        "a command": ({"who": "test setup"}, Q(actor_label="test setup")),
        "nobody": ({"who": "nobody@test.example"}, Q(pk=0)),
        "a key ID": ({"target": token}, Q(target=token)),
        "an entity ID": ({"target": shop.entity_id}, Q(entity=shop)),
        "from a day": ({"since": noon}, Q(at__gte=noon)),
        "to a day": ({"until": noon}, Q(at__lt=noon)),
        "a day": ({"since": noon, "until": noon + timedelta(days=1)}, Q(at=noon)),
        "after all": ({"since": noon + timedelta(days=9)}, Q(pk=0)),
        "before all": ({"until": noon - timedelta(days=9)}, Q(pk=0)),
        "all of it": (
            {
                "types": types_of("tokens"),
                "who": boss.email,
                "since": noon,
                "target": shop.entity_id,
                "outcome": "done",
            },
            Q(type="token.created", actor=boss, entity=shop),
        ),
    }


@pytest.mark.usefixtures("_few")
def test_what_is_asked_for_is_found_and_nothing_else(partner):
    """S2-17, PCI DSS 10.4.1: by kind, outcome, person, object and time, alone and together, and never of others."""
    boss, shop = anna(partner), Entity.objects.get(name="Shop 0")
    token = AuditEvent.objects.filter(type="token.revoked").get().target
    everything = AuditEvent.objects.visible_to(boss)
    for name, (words, meant) in questions(boss, shop, token).items():
        wanted = list(everything.filter(meant).values_list("number", flat=True))
        assert listed(boss, **words) == wanted, name
        assert listed(boss, partner, **words) == wanted, name
        assert bool(wanted) is (name not in {"nobody", "after all", "before all", "refused of none", "done of a group"})
    rival = make_administrator(Entity.objects.get(name="Borealis Books"))
    assert listed(rival, who=boss.email) == listed(rival, target=token) == listed(rival, target=shop.entity_id) == []
    assert listed(make_user(), types=types_of("tokens")) == []


def test_the_page_filters_as_the_form_says_and_keeps_it_while_one_reads_on(partner):
    """Without JavaScript: a form, links, and nothing else."""
    client = client_of(anna(partner))
    for number in range(30):
        lifecycle.edit(Entity.objects.get(pk=partner.pk), name=f"Northwind {number}", by=SETUP)
    asked = {"kind": "entities", "outcome": "done", "who": "test setup", "since": "2026-03-14"}
    page = main_of(client.get(reverse("portal:activity"), asked))
    assert len(page.all("li", class_="event")) == timeline.PAGE
    assert page.one("select", name="kind").one("option", selected="").attributes["value"] == "entities"
    assert page.one("input", name="who").attributes["value"] == "test setup"
    (older,) = page.one("nav", aria_label="Pages").all("a", rel="next")
    assert urlencode(asked) in older.attributes["href"]
    on = main_of(client.get(reverse("portal:activity") + older.attributes["href"]))
    assert {each.one("strong").text for each in on.all("li", class_="event")} == {"Entity renamed", "Entity added"}


NONSENSE = {
    "kind": ["everything", "token.", "\0", "=1"],
    "outcome": ["maybe"],
    "who": ["\0", "\u202e", "x" * 255],
    "target": ["\0", "a b", "é", "kh_api_live_0123456789abcdef_" + "s" * 49, "x" * 5000],
    "since": ["yesterday", "2026-02-30", "0001-01-01", "9999-12-31", "\0", "20260101" * 99],
    "until": ["14.3.2026", "1999-12-31", "2200-01-01"],
}


@pytest.mark.parametrize("page", ["portal:activity", "accounts:activity"])
@pytest.mark.parametrize(("field", "text"), [(name, text) for name in NONSENSE for text in NONSENSE[name]], ids=ascii)
def test_nonsense_gets_a_sentence_next_to_its_field(db, page, field, text):
    """TRAPS: one odd byte is no 500; and what is not understood is not taken for everything."""
    merchant = make_merchant("Aurora Coffee")
    client = client_of(make_administrator(merchant))
    address = reverse(page, args=[merchant.entity_id] if page.startswith("accounts") else [])
    response = client.get(address, {field: text})
    assert response.status_code == HTTPStatus.OK
    found = main_of(response)
    (marked,) = found.all(aria_invalid="true")
    assert marked.attributes["name"] == field
    (sentence,) = found.all(id=f"error_1_id_{field}")
    assert sentence.text.endswith(".")
    assert not found.all("li", class_="event")
    assert "kh_api_live_" not in found.one("form").text + str(found.one("input", name="target").attributes)
    export = client.get(
        reverse(f"{page}_export", args=[merchant.entity_id] if "accounts" in page else []), {field: text}
    )
    assert export.status_code == HTTPStatus.FOUND, "the page says what is wrong"


def test_a_time_that_ends_before_it_begins_is_told(partner):
    page = main_of(client_of(anna(partner)).get("/activity/?since=2026-03-15&until=2026-03-14"))
    assert "This day is before the one it should begin with." in page.text


def test_nothing_found_says_so_and_leads_back(partner):
    page = main_of(client_of(anna(partner)).get("/activity/?who=nobody@test.example"))
    assert "No event matches" in page.text
    assert reverse("portal:activity") in page.links


def test_each_event_tells_what_the_standard_asks_for(partner):
    """PCI DSS 10.2.2, ASVS 16.2.1: who, what, when in UTC, with what outcome, from where, about what, which request."""
    boss = anna(partner)
    page = main_of(
        client_of(boss).get("/activity/", {"kind": "token.created", "who": boss.email, "until": "2026-03-15"})
    )
    event = page.all("li", class_="event")[0]
    told = AuditEvent.objects.filter(type="token.created", actor=boss).first()
    for words in (boss.email, "Token created", "token.created", "2026-03-15 12:00:00 UTC", "Done", "from 203.0.113.9"):
        assert words in event.text
    assert f"Object {told.target}" in event.text
    assert f"Request {'a' * 32}" in event.text
    refused = main_of(client_of(boss).get("/activity/?outcome=refused")).all("li", class_="event")
    assert len(refused) == 3
    assert "Refused" in refused[0].text
    assert "on the server" in refused[0].text


def csv_of(client: Client, address: str, **asked: str) -> list[dict[str, str]]:
    response = client.get(address, asked)
    assert response.status_code == HTTPStatus.OK
    assert response.streaming
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig"))))


def test_the_csv_holds_what_the_page_shows_and_no_formula(partner, monkeypatch):
    """PCI DSS 10.2.2, ASVS 1.2.10: in batches, each event once, narrowed and scoped as the page."""
    monkeypatch.setattr(timeline, "BATCH", 3)
    boss = anna(partner)
    client, address = client_of(boss), reverse("accounts:activity_export", args=[partner.entity_id])
    rows = csv_of(client, address)
    wanted = AuditEvent.objects.visible_to(boss).below(partner)
    assert [int(row["Number"]) for row in rows] == list(wanted.values_list("number", flat=True))
    assert list(rows[0]) == list(timeline.EXPORTED)
    rows = csv_of(client, address, kind="tokens", who=boss.person_id)
    assert len(rows) == 4
    told = AuditEvent.objects.filter(type="token.created", actor=boss).first()
    assert rows[0] == {
        "Number": str(told.number),
        "Time (UTC)": "2026-03-15T12:00:00.000Z",
        "Event": "token.created",
        "Outcome": "done",
        "By": boss.email,
        "Person ID": boss.person_id,
        "From": "203.0.113.9",
        "Request ID": "a" * 32,
        "Object": told.target,
        "Entity ID": told.entity.entity_id,
        "Entity": "Shop 3",
        "Details": rows[0]["Details"],
    }
    assert "=cmd|Shop 3" in rows[0]["Details"]
    everywhere = client.get(reverse("portal:activity_export")).getvalue()
    assert b"Borealis" not in everywhere
    assert not [line for line in everywhere.decode().splitlines() if line.startswith(("=", "+", "-", "@"))]
    assert "attachment" in client.get(address).headers["Content-Disposition"]


def test_a_name_that_is_a_formula_is_text_in_the_csv(db):
    merchant = make_merchant("=HYPERLINK(1)")
    rows = csv_of(client_of(make_administrator(merchant)), reverse("portal:activity_export"))
    assert rows[0]["Entity"] == "'=HYPERLINK(1)"


def test_a_person_and_a_token_lead_to_what_the_log_has_of_them(db):
    merchant = make_merchant("Aurora Coffee")
    token, _ = make_token(merchant)
    boss = client_of(make_user(Role.PLATFORM_ADMINISTRATOR))
    person = make_administrator(merchant)
    assert f"/activity/?who={person.person_id}" in main_of(boss.get(person.get_absolute_url())).links
    history = f"{reverse('accounts:activity', args=[merchant.entity_id])}?target={token.key_id}"
    assert history in main_of(boss.get(token.get_absolute_url())).links
    assert "Token created" in main_of(boss.get(history)).text
