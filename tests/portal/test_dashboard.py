"""The dashboard of each role: what needs attention, what happened, how much there is, and never a dead end."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import lifecycle as entities
from accounts.models import Entity, User
from accounts.permissions import Role
from portal import attention, overview
from tests.accounts.signin.device import Device, make_passkey
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, make_user, put_into
from tests.reading import Element, client_of, main_of
from tokens import rotation, usage
from tokens.models import Token, UsageTotal
from tokens.verification import GOOD

NOW = timezone.now()


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def busy(merchant: Entity) -> dict[str, Token]:
    """Give the merchant a token of each kind that somebody should look at, and one that nobody has to."""
    made = {
        name: make_token(merchant, alias=f"The {name} one")[0] for name in ("quiet", "unused", "refused", "retiring")
    }
    made["expiring"] = make_token(merchant, alias="The expiring one", expires_at=NOW + timedelta(days=9, minutes=5))[0]
    rotation.rotate(made["retiring"], overlap=timedelta(hours=24), by=SETUP)
    long_ago = {"created_at": NOW - timedelta(days=60)}
    Token.objects.filter(pk=made["unused"].pk).update(**long_ago)
    Token.objects.filter(pk=made["quiet"].pk).update(**long_ago, last_used_at=NOW)
    put_into(make_token(merchant, alias="The ended one")[0], "revoked")
    for outcome, count in ((GOOD, 30), ("mode", 25)):
        for _ in range(count):
            usage.count(made["refused"].pk, caller="192.0.2.7", outcome=outcome)
    for _ in range(40):
        usage.count(made["quiet"].pk, caller="192.0.2.7", outcome=GOOD)
    usage.count(made["quiet"].pk, caller="192.0.2.7", outcome="mode")
    usage.flush()
    return made


def dashboard(user: User | Client) -> Element:
    client = user if isinstance(user, Client) else client_of(user)
    return main_of(client.get(reverse("portal:dashboard")))


def groups(page: Element) -> dict[str, list[str]]:
    """Return heading -> lines of everything that needs attention."""
    return {
        group.one("h3").text: [line.text for line in group.all("li")] for group in page.all("div", class_="attention")
    }


def tiles(page: Element) -> dict[str, str]:
    return {tile.one("dt").text: tile.one("dd").text for tile in page.all("div", class_="tile")}


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.DEVELOPER, Role.VIEWER])
def test_each_token_that_needs_attention_is_named_with_its_reason(merchant, busy, settings, role):
    """S2-18, S3-4, C10: expiring, retiring, never used, refused again and again; what is well is not named."""
    settings.REQUIRE_MFA = True
    page = dashboard(passed(make_user(role, on=merchant)))
    found = groups(page)
    assert list(found) == [
        "Refused often 1",
        "Expire within 14 days 1",
        "Retiring 1",
        "Not used in their first 30 days 1",
    ]
    (refused,), (expiring,), (retiring,), (unused,) = found.values()
    assert refused.startswith("The refused oneAurora Coffee")
    assert refused.endswith("25 of 55 requests")
    assert expiring.endswith("in 9 days")
    assert retiring.startswith("The retiring one")
    assert retiring.endswith("in 24 h")
    assert unused.endswith("made 2 months ago")
    assert busy["refused"].get_absolute_url() in page.links
    assert "The quiet one" not in str(found)


def passed(user: User) -> Client:
    """Return a client of somebody who has a second factor."""
    client = client_of(user)
    make_passkey(client, Device())
    return client


def test_many_are_counted_and_a_few_named(merchant, settings):
    settings.REQUIRE_MFA = False
    for number in range(7):
        make_token(merchant, alias=f"Token {number}", expires_at=NOW + timedelta(days=number + 1))
    found = groups(dashboard(passed(make_user(Role.VIEWER, on=merchant))))
    lines = found["Expire within 14 days 7"]
    assert [line[:7] for line in lines[:4]] == ["Token 0", "Token 1", "Token 2", "Token 3"]
    assert lines[4:] == ["and 3 more"]


def test_whoever_sees_very_much_is_told_of_the_most_urgent(merchant, busy, settings, monkeypatch):
    """S2-18: without counting them all, of what one sees and nothing else; refusals by merchant."""
    settings.REQUIRE_MFA = True
    monkeypatch.setattr(overview, "MOST_COUNTED", 3)
    monkeypatch.setattr(attention, "FEW", 2)
    other = make_merchant("Borealis Books", under=make_entity("partner"))
    make_token(other, alias="Of others", expires_at=NOW + timedelta(days=1))
    for _ in range(30):
        usage.count(make_token(other)[0].pk, caller="192.0.2.7", outcome="mode")
    usage.flush()
    partner = groups(dashboard(passed(make_administrator(merchant.parent))))
    assert {name: [line.split("Aurora")[0] for line in lines] for name, lines in partner.items()} == {
        "Refused often 1": [""],
        "Expire within 14 days 2": ["The retiring one (old)", "The expiring one"],
    }
    assert partner["Refused often 1"][0].endswith("26 in 1 hour")
    platform = groups(dashboard(passed(make_user(Role.PLATFORM_ADMINISTRATOR))))
    assert platform["Expire within 14 days 3"][0].startswith("Of others")
    assert [line.split("Merchant")[0] for line in platform["Refused often 2"]] == ["Borealis Books", "Aurora Coffee"]


def test_what_is_not_looked_for_among_many_is_said(merchant, settings, monkeypatch):
    """S2-22, C10: 42 of 42 refused ten hours ago are found by entity, and the card says what it does not look for."""
    settings.REQUIRE_MFA = True
    viewer = passed(make_user(Role.VIEWER, on=merchant))
    make_token(merchant)
    assert "You see" not in dashboard(viewer).text
    monkeypatch.setattr(attention, "FEW", 0)
    hour = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=10)
    UsageTotal(entity=merchant, kind="api", hour=hour, good=0, refused=42).save(force_insert=True)
    page = dashboard(viewer)
    assert groups(page)["Refused often 1"][0].endswith("42 in 1 hour")
    assert "looked for by entity, 20 times in an hour." in page.text
    monkeypatch.setattr(overview, "MOST_COUNTED", 0)
    assert "what was never used is not looked for." in dashboard(viewer).text


def test_what_is_suspended_is_told_to_those_whose_tokens_stop(merchant, settings):
    """S2-18: below what one administers; and above oneself, without a name that is not one's to see."""
    settings.REQUIRE_MFA = True
    cedar = make_merchant("Cedar Cycles", under=merchant.parent)
    entities.suspend(cedar, by=SETUP)
    partner = passed(make_administrator(merchant.parent))
    (line,) = groups(dashboard(partner))["Suspended 1"]
    assert line.startswith("Cedar CyclesMerchant")
    seller = passed(make_user(Role.SDK_USER, on=merchant))
    assert groups(dashboard(seller)) == {}
    entities.suspend(merchant.parent, by=SETUP)
    (line,) = groups(dashboard(seller))["Suspended 1"]
    assert line.startswith("Aurora Coffee")
    assert line.endswith("by one above it")
    assert "Northwind" not in dashboard(seller).text


def test_people_without_a_second_factor_are_named_to_those_who_manage_them(merchant, settings):
    """C9, PCI DSS 8.4: where it is not required of everybody; oneself first, and a way to each of them."""
    settings.REQUIRE_MFA = False
    manager, viewer = make_administrator(merchant), make_user(Role.VIEWER, on=merchant, name="Mei Tanaka")
    make_user(Role.VIEWER, on=merchant.parent, name="From above")
    passed(make_user(Role.DEVELOPER, on=merchant, name="Has a passkey"))
    page = dashboard(manager)
    assert groups(page) == {
        "Without a second factor 2": ["YouSet up an authenticator app or a passkey", f"Mei Tanaka{viewer.email}"]
    }
    users = reverse("accounts:users", args=[merchant.entity_id])
    address = next(link for link in page.links if link.startswith(users))
    assert "Mei Tanaka" in main_of(client_of(manager).get(address)).text
    assert list(groups(dashboard(viewer)).values()) == [["YouSet up an authenticator app or a passkey"]]
    staff = make_user(Role.SUPPORT, name="Sam Support")
    assert [
        line[:11]
        for line in groups(dashboard(passed(make_user(Role.PLATFORM_ADMINISTRATOR))))["Without a second factor 1"]
    ] == ["Sam Support"]
    settings.REQUIRE_MFA = True
    assert "Without a second factor" not in " ".join(groups(dashboard(passed(staff))))


def test_nothing_to_do_is_said_too(merchant, settings):
    settings.REQUIRE_MFA = False
    make_token(merchant)
    page = dashboard(passed(make_user(Role.DEVELOPER, on=merchant)))
    assert "Nothing needs your attention" in page.text
    assert groups(page) == {}


@pytest.mark.parametrize(
    ("role", "kind", "title", "leads_to"),
    [
        (Role.ADMINISTRATOR, "partner", "There is no merchant yet", "/merchants/add/"),
        (Role.ADMINISTRATOR, "merchant", "There is no token yet", "/tokens/add/"),
        (Role.DEVELOPER, "merchant", "There is no token yet", "/tokens/add/"),
        (Role.VIEWER, "merchant", "There is no token yet", "/account/"),
        (Role.ADMINISTRATOR, "channel", "You have no SDK token yet", "/settings/sdk-tokens/"),
        (Role.TERMINAL_OPERATOR, "terminal", "You have no SDK token yet", "/settings/sdk-tokens/"),
        (Role.SDK_USER, "merchant", "You have no SDK token yet", "/settings/sdk-tokens/"),
        (Role.SUPPORT, "", "There is no token yet", "/account/"),
        (Role.PLATFORM_ADMINISTRATOR, "", "There is no merchant yet", "/account/add/"),
        (None, "", "You have no access yet", ""),
    ],
)
def test_where_there_is_nothing_yet_the_next_step_leads_on(db, role, kind, title, leads_to):
    """S2-17, S2-19: for each role a page with a step that it may take, and that is there."""
    place = stand(kind)
    client = client_of(make_user(role, on=place) if role else make_user())
    page = dashboard(client)
    assert title in page.text
    if leads_to:
        (step,) = [link for link in page.one("section", aria_labelledby="attention").links if link.endswith(leads_to)]
        assert client.get(step).status_code in {HTTPStatus.OK, HTTPStatus.FOUND}


def stand(kind: str) -> Entity | None:
    """Return an entity of that kind with what has to stand above it."""
    if not kind or kind == "partner":
        return make_entity("partner") if kind else None
    merchant = make_merchant("Aurora Coffee", under=make_entity("partner"))
    return make_entity(kind, under=merchant) if kind != "merchant" else merchant


def test_each_role_gets_its_own_figures(merchant, settings):
    """S2-14, S2-17: a tree for its administrators, terminals for a merchant, own devices for whoever has only those."""
    settings.REQUIRE_MFA = True
    stores = make_entity("channel", under=merchant)
    till, _other = (make_entity("terminal", under=stores) for _ in range(2))
    seller, operator = make_user(Role.SDK_USER, on=merchant), make_user(Role.TERMINAL_OPERATOR, on=till)
    make_token(merchant, alias="Secret of the back office")
    make_token(till, kind="sdk", alias="Till token")
    make_token(merchant, kind="sdk", user=seller, alias="My phone")
    shown = {
        "partner": tiles(dashboard(passed(make_administrator(merchant.parent)))),
        "merchant": tiles(dashboard(passed(make_administrator(merchant)))),
        "operator": tiles(dashboard(passed(operator))),
        "seller": tiles(dashboard(passed(seller))),
    }
    traffic = {"Accepted, last 24 h": "0requests", "Refused, last 24 h": "0requests"}
    assert shown == {
        "partner": {"Merchants": "1", "Active tokens": "30 inactive · 0 expired"} | traffic,
        "merchant": {"Terminals": "2in 1 channel", "Active tokens": "30 inactive · 0 expired"} | traffic,
        "operator": {"Terminals": "1", "Active tokens": "10 inactive · 0 expired"} | traffic,
        "seller": {"Active tokens": "10 inactive · 0 expired"} | traffic,
    }
    for user, own, others in ((seller, "My phone", "Till token"), (operator, "Till token", "My phone")):
        page = dashboard(passed(user))
        assert own in page.one("section", aria_labelledby="recent").text
        assert others not in page.text
        assert "Secret of the back office" not in page.text
        assert not page.all("section", aria_labelledby="events")


def test_a_member_of_the_platform_finds_a_merchant_from_here(merchant):
    """S1-1: support begins with a name or an entity ID."""
    for role in (Role.SUPPORT, Role.PLATFORM_ADMINISTRATOR):
        form = dashboard(make_user(role)).one("form", role="search")
        assert form.attributes["action"] == reverse("portal:merchants")
    assert not dashboard(make_administrator(merchant)).all("form", role="search")
