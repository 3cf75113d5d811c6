"""The demo: an invented platform, whole, and open to nobody but this machine."""

from datetime import datetime, timedelta
from http import HTTPStatus

import pytest
from django.db.models import Max, Q, Sum
from django.test import Client
from django.utils import timezone

from accounts import audit, tree
from accounts.models import AuditEvent, Entity, Invitation, User
from portal.demo.credentials import PASTS
from portal.demo.people import COLLEAGUES, PASSWORD, PERSONAS
from portal.demo.plans import Plan
from portal.demo.seed import seed
from portal.demo.usage import buckets
from portal.demo.world import World
from tests.reading import give_reasons, main_of
from tokens import vault, verification
from tokens.evidence import evidence_of
from tokens.keys.board import board_of
from tokens.models import SharedKey, Token, UsageBucket

pytestmark = pytest.mark.usefixtures("undone")


@pytest.fixture(scope="module")
def secrets(kept_database) -> dict[str, str]:
    """Seed the database once for all tests; return the secrets that a visitor gets."""
    return seed(timezone.now())


def merchant(name: str) -> Entity:
    return Entity.objects.get(name=name)


def sign_in(login: str, password: str = PASSWORD) -> tuple[Client, int]:
    """Return a browser after the sign-in page, and the page's status: a redirect where that went well."""
    client = Client()
    address = f"{login}@demo.keyhouse.test"
    return client, client.post("/auth/login/", {"login": address, "password": password}).status_code


# The people


def test_every_persona_signs_in_at_the_real_page_and_sees_a_dashboard(secrets):
    for person in PERSONAS:
        client, status = sign_in(person.login)
        assert status == HTTPStatus.FOUND, person.login
        assert client.get("/").status_code == HTTPStatus.OK, person.login


def test_nobody_else_of_the_demo_can_sign_in(secrets):
    for person in COLLEAGUES:
        assert sign_in(person.login)[1] == HTTPStatus.OK, person.login
    assert User.objects.count() == len(PERSONAS) + len(COLLEAGUES)


def test_each_persona_may_what_its_line_promises(secrets):
    """S2-17, S2-18: what somebody sees follows from their role and where it hangs."""
    account = f"/account/{merchant('Aurora Coffee').entity_id}/"
    add = f"{account}tokens/add/"
    ok, hidden, forbidden = HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN
    expected = {
        "platform": (ok, ok, ok),
        "support": (ok, forbidden, ok),
        "partner": (ok, ok, HTTPStatus.FOUND),
        "merchant": (ok, ok, HTTPStatus.FOUND),
        "developer": (ok, ok, HTTPStatus.FOUND),
        "viewer": (ok, forbidden, HTTPStatus.FOUND),
        "terminal": (hidden, hidden, HTTPStatus.FOUND),
        "sdk": (ok, forbidden, HTTPStatus.FOUND),
        "rival": (hidden, hidden, HTTPStatus.FOUND),
    }
    for login, statuses in expected.items():
        client = sign_in(login)[0]
        if login == "support":
            give_reasons(client)
        assert tuple(client.get(url).status_code for url in (account, add, "/admin/")) == statuses, login


# What there is


def test_the_tree_and_the_audit_chain_are_whole(secrets):
    assert list(tree.check()) == []
    assert list(audit.verify()) == []


def test_the_tree_has_the_sights_that_pages_must_cope_with(secrets):
    merchants = Entity.objects.filter(kind="merchant")
    assert Entity.objects.filter(kind="partner").count() == 2
    assert 55 <= merchants.count() <= 65
    assert max(len(name) for name in merchants.values_list("name", flat=True)) > 75
    assert merchants.filter(name="مقهى الياسمين").exists()
    assert merchants.filter(status="suspended").exists()
    assert merchants.filter(parent__status="suspended", status="active").exists()
    assert merchants.filter(tokens=None).exists()
    assert Token.objects.filter(entity__name="Kestrel Travel").count() > 50
    assert list(merchant("Aurora Coffee").get_children().values_list("name", flat=True)) == ["Web shop", "Stores"]
    assert merchant("Borealis Books").get_root().name == "Southgate Acquiring"


def test_there_is_a_token_in_every_state_type_and_preset(secrets):
    """S0-17, S1-6, S1-14: whatever a list can show is there to be seen."""
    tokens = list(Token.objects.filter(kind="api", slot=""))
    assert {token.state for token in tokens} == {"active", "retiring", "inactive", "expired", "revoked", "removed"}
    assert {token.mode for token in tokens} == {"live", "test"}
    assert {str(token.preset_label) for token in tokens} == {"Read-only", "Write", "Full access", "Custom"}


def test_aurora_coffee_looks_as_in_the_picture(secrets):
    """S3-4: the figures of the last 24 hours."""
    tokens = {token.alias: token for token in Token.objects.filter(entity__name="Aurora Coffee").api()}
    evidence = evidence_of(tokens.values())
    shown = {
        alias: (token.state, str(token.preset_label), evidence[token.pk].good, evidence[token.pk].refused)
        for alias, token in tokens.items()
    }
    assert shown == {
        "Checkout backend": ("active", "Full access", 12_408, 31),
        "Checkout backend (old)": ("retiring", "Full access", 214, 0),
        "Nightly settlement export": ("active", "Read-only", 24, 0),
        "Sandbox tests": ("inactive", "Custom", 0, 0),
        "Agency integration": ("revoked", "Write", 0, 0),
        "Summer festival till": ("expired", "Write", 0, 42),
        "Old web shop plugin": ("removed", "Full access", 0, 0),
    }
    assert tokens["Checkout backend"].replaces == tokens["Checkout backend (old)"]
    assert sum(count > 0 for count in evidence[tokens["Nightly settlement export"].pk].hourly) == 1


def test_the_tills_of_aurora_coffee_have_sdk_tokens_in_every_state(secrets):
    """S2-4, S2-13: a fleet with everything that can happen to a device, a pilot, and a person's phone."""
    tokens = list(Token.objects.sdk().select_related("entity", "user"))
    assert {token.state for token in tokens} == {"active", "retiring", "inactive", "expired", "revoked", "removed"}
    assert {token.entity.kind for token in tokens} == {"merchant", "terminal"}
    assert {str(token.user) for token in tokens if token.user} == {"Noor van Dijk"}
    evidence = evidence_of(tokens)
    assert {token.alias: evidence[token.pk].good for token in tokens if evidence[token.pk].good} == {
        "Old Harbour till 1": 186,
        "Old Harbour till 1 (old)": 38,
        "Old Harbour till 2": 143,
        "Station kiosk": 97,
        "SoftPOS pilot": 28,
        "Noor van Dijk": 31,
    }
    assert not Token.objects.filter(entity__name="Food truck").exists()


def test_aurora_coffee_is_in_the_middle_of_a_double_run(secrets):
    """S4-7, S4-19: all five live slots are filled, and the primary keys are still in use."""
    board = board_of(merchant("Aurora Coffee"), "live", held=frozenset(), stopped=False)
    assert all(place.key for place in board.places.values())
    assert [pair.step for pair in board.pairs] == ["wait", "wait"]
    for key in SharedKey.objects.all():
        assert vault.open_(key)


def test_nothing_under_a_suspended_entity_has_been_accepted_lately(secrets):
    for top in Entity.objects.filter(status="suspended"):
        used = UsageBucket.objects.filter(token__entity__in=Entity.objects.below(top))
        assert set(used.values_list("outcome", flat=True)) <= {"suspended"}
        assert used.aggregate(total=Sum("count"))["total"], top.name


def test_people_come_from_above_and_some_are_only_invited(secrets):
    """S2-17, S2-18: a merchant's list as its own administrator and its partner's see it."""
    url = f"/account/{merchant('Aurora Coffee').entity_id}/users/"
    own, above = (main_of(sign_in(login)[0].get(url)) for login in ("merchant", "partner"))
    through = {row["Through"] for row in above.rows if "Through" in row}
    assert through == {"Northwind Payments", "Harbour Group", "This entity"}
    assert {row["Through"] for row in own.rows if "Through" in row} == {"This entity"}
    links = [row["Link"] for row in own.rows if "Link" in row]
    assert sorted(link.split()[0] for link in links) == ["Expired", "good"]
    assert "The only administrator" in own.text
    assert "May not sign in" in own.text


# A past that adds up


def test_every_change_of_the_past_left_its_event_and_nothing_lies_ahead(secrets):
    events: dict[str, list[str]] = {}
    for event in AuditEvent.objects.order_by("number"):
        assert event.at <= timezone.now()
        events.setdefault(event.target, []).append(event.type)
    for token in Token.objects.all():
        created = "key.created" if token.slot else "token.created" if token.entity_id else "gateway.created"
        rotated = ["token.rotated"] if token.retiring_since else []
        assert events[token.key_id] == [created, *rotated, *PASTS[token.status]], token.alias
        assert token.created_at < (token.changed_at or timezone.now())
        assert token.entity is None or token.entity.created_at < token.created_at
    for entity in Entity.objects.all():
        suspended = ["entity.suspended"] if entity.is_suspended else []
        assert events[entity.entity_id] == ["entity.added", *suspended], entity.name
        assert entity.parent is None or entity.parent.created_at < entity.created_at
    for user in User.objects.prefetch_related("memberships"):
        switched = [] if user.is_active else ["person.disabled"]
        signed_in = ["session.started"] * events[user.person_id].count("session.started")
        assert sorted(events[user.person_id]) == sorted(["member.added", *switched, *signed_in]), user.email
        assert signed_in
        assert user.created_at < user.last_login
    for invitation in Invitation.objects.all():
        assert events[invitation.invitation_id] == ["invitation.sent"]
    times = list(AuditEvent.objects.order_by("number").values_list("at", flat=True))
    assert times == sorted(times)


def test_no_token_was_good_after_it_had_ended_and_each_knows_its_last_use(secrets):
    """S0-20."""
    for token in Token.objects.annotate(last_good=Max("usage__last_at", filter=Q(usage__outcome="good"))):
        assert token.last_good in {None, token.last_used_at}, token.alias
        ended = token.expires_at if token.state == "expired" else token.changed_at
        if token.last_used_at:
            assert token.created_at < token.last_used_at <= (ended or timezone.now()), token.alias


@pytest.mark.parametrize("rhythm", ["day", "even", "night", "rising", "falling"])
@pytest.mark.parametrize("clock", ["00:00:00", "02:00:00", "02:00:01", "11:59:59", "23:30:00"])
def test_the_hours_add_up_whenever_the_demo_is_started(rhythm, clock):
    now = datetime.fromisoformat(f"2026-03-14T{clock}+00:00")
    plan = Plan("A", born=9, good=12_408, refused={"mode": 31}, rhythm=rhythm, callers=("192.0.2.1", "2001:db8::1"))
    rows = list(buckets(World(now), plan))
    last_day = [row for row in rows if row.hour > now - timedelta(hours=24)]
    counted = {kind: sum(row.count for row in last_day if row.outcome == kind) for kind in ("good", "mode")}
    assert counted == {"good": 12_408, "mode": 31}
    assert len({(row.hour, row.caller, row.outcome) for row in rows if row.count > 0}) == len(rows)
    assert all(row.hour <= row.first_at <= row.last_at < row.hour + timedelta(hours=1) for row in rows)
    assert max(row.last_at for row in rows) <= now


def test_only_the_two_kept_secrets_are_good_for_anything(secrets):
    assert set(secrets) == {"demo-gateway", "demo-token"}
    answer = verification.decide(secrets["demo-token"], gateway=secrets["demo-gateway"], mode="live")
    told = (answer.reason, answer.entity) if answer else None
    assert told == ("good", merchant("Aurora Coffee").entity_id)
    stored = Token.objects.exclude(digest=None)
    assert len({bytes(digest) for digest in stored.values_list("digest", flat=True)}) == stored.count()
