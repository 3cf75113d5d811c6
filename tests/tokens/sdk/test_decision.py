"""What gateways are told about SDK tokens: which routes accept them, and when they stop."""

import json
from http import HTTPStatus
from urllib.parse import quote

import pytest

from accounts.lifecycle import suspend
from accounts.models import User
from accounts.permissions import Role
from tests.factories import SETUP, make_gateway
from tests.tokens.questions import IDENTITY, ask, introspect
from tests.tokens.sdk.conftest import Shop
from tokens import lifecycle
from tokens.gateway.authorize import KINDS
from tokens.verification import Decision, decide

SUBJECTS = ["merchant", "terminal", "person"]


@pytest.fixture
def gateway(db) -> str:
    return make_gateway()[1]


def asked(shop: Shop, gateway: str, subject: str, *, kind: str = "sdk", **bindings: str) -> Decision:
    decision = decide(shop.secrets[shop.sdk[subject].key_id], gateway=gateway, kinds=KINDS[kind], **bindings)
    assert decision is not None
    return decision


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_route_says_which_kinds_it_accepts(shop: Shop, gateway, subject):
    """S2-3, S2-4: API tokens alone where it does not say."""
    assert asked(shop, gateway, subject).reason == "good"
    assert asked(shop, gateway, subject, kind="api,sdk").reason == "good"
    assert asked(shop, gateway, subject, kind="").reason == "kind"
    assert asked(shop, gateway, subject, kind="api").reason == "kind"
    api = decide(shop.secrets[shop.api.key_id], gateway=gateway, kinds=KINDS["sdk"])
    assert api is not None
    assert api.reason == "kind"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_entity_of_an_answer_is_the_merchant(shop: Shop, gateway, subject):
    """S2-4: whoever acts on it knows merchants."""
    assert asked(shop, gateway, subject).entity == shop.merchant.entity_id
    assert asked(shop, gateway, subject).kind == "sdk"


def test_an_answer_tells_whose_token_it_is(shop: Shop, gateway):
    """S2-4, S2-12: the terminal's own ID, or the person's public one; for the merchant's own token neither."""
    told = {}
    for subject in SUBJECTS:
        bearer = f"Bearer {shop.secrets[shop.sdk[subject].key_id]}"
        identity = ask("kind=sdk", authorization=bearer, x_keyhouse_gateway=gateway).identity
        assert identity["X-Keyhouse-Kind"] == "sdk"
        told[subject] = {name: value for name, value in identity.items() if name not in IDENTITY}
    assert told == {
        "merchant": {},
        "terminal": {"X-Keyhouse-Terminal": shop.till.entity_id},
        "person": {"X-Keyhouse-User": shop.seller.person_id},
    }


def test_an_introspection_tells_it_too(shop: Shop, gateway):
    """S2-4, RFC 7662 2.2: as members of the answer."""
    told = {
        subject: json.loads(introspect(f"token={shop.secrets[shop.sdk[subject].key_id]}", gateway=gateway)[2])
        for subject in SUBJECTS
    }
    whose = [{name: answer[name] for name in ("terminal", "user") if name in answer} for answer in told.values()]
    assert whose == [{}, {"terminal": shop.till.entity_id}, {"user": shop.seller.person_id}]
    assert {answer["sub"] for answer in told.values()} == {shop.merchant.entity_id}


def test_the_token_of_a_terminal_counts_for_that_terminal_alone(shop: Shop, gateway):
    """S2-4, S2-15: not for the one beside it, nor for its merchant."""
    reasons = [
        asked(shop, gateway, "terminal", entity=entity.entity_id).reason
        for entity in (shop.till, shop.other_till, shop.merchant, shop.rival)
    ]
    assert reasons == ["good", "entity", "entity", "entity"]
    assert asked(shop, gateway, "merchant", entity=shop.till.entity_id).reason == "good"


@pytest.mark.parametrize("place", ["till", "channel", "merchant", "partner"])
def test_a_suspension_above_a_terminal_stops_its_token(shop: Shop, gateway, place):
    """S2-22."""
    suspend(getattr(shop, place), by=SETUP)
    assert asked(shop, gateway, "terminal").reason == "suspended"


def test_the_token_of_a_person_ends_with_their_access(shop: Shop, gateway):
    """S2-19, C9: at the next request, disabled or no member any more; the other tokens go on."""
    User.objects.filter(pk=shop.seller.pk).update(is_active=False)
    assert asked(shop, gateway, "person").reason == "person"
    User.objects.filter(pk=shop.seller.pk).update(is_active=True)
    assert asked(shop, gateway, "person").reason == "good"
    shop.seller.memberships.update(role=Role.VIEWER)
    assert asked(shop, gateway, "person").reason == "person", "a role that lets nobody have SDK tokens"
    shop.seller.memberships.all().delete()
    assert asked(shop, gateway, "person").reason == "person"
    assert asked(shop, gateway, "merchant").reason == "good"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_deactivated_one_is_refused_at_once(shop: Shop, gateway, subject):
    """S2-10, S2-22."""
    lifecycle.deactivate(shop.sdk[subject], by=SETUP)
    assert asked(shop, gateway, subject).reason == "inactive"


@pytest.mark.parametrize("kind", ["", "gtw", "api,gtw", "sdk,sdk", "SDK", "api sdk"])
def test_a_kind_that_does_not_exist_lets_nobody_through(shop: Shop, gateway, kind):
    """S2-4: nor does a blank one."""
    secret = shop.secrets[shop.of_merchant.key_id]
    headers = {"authorization": f"Bearer {secret}", "x_keyhouse_gateway": gateway}
    assert ask("kind=api,sdk", **headers).status == HTTPStatus.OK
    assert ask(f"kind={quote(kind)}", **headers).status == HTTPStatus.FORBIDDEN
