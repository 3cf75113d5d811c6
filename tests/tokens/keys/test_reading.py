"""`/gateway/keys`: the payment core reads a key, nobody else does, and each time is on record (S4-3, C1)."""

from http import HTTPStatus

import pytest

from accounts.lifecycle import suspend
from accounts.models import AuditEvent, Entity
from tests.commands import run
from tests.factories import SETUP, make_gateway, put_into
from tests.tokens.keys.conftest import House
from tests.tokens.keys.messages import BAD, FORBIDDEN, OK, UNAUTHORIZED, Answer, about, post
from tests.tokens.test_authorize_faults import renamed
from tokens.keys import lifecycle
from tokens.keys.slots import SLOTS
from tokens.models import SharedKey, Token
from tokens.permissions import KEYS_READ

PATH = "/gateway/keys"
READABLE = [name for name, slot in SLOTS.items() if slot.is_recoverable]
READER = frozenset({KEYS_READ})


@pytest.fixture
def core(house: House) -> tuple[Token, str]:
    """Return the gateway credential of the payment core, and its secret."""
    return make_gateway(permissions=READER)


def read(house: House, slot: str, gateway: str, *, query: str = "", **given: object) -> Answer:
    return post(PATH, f"{query or about(house.merchant)}&slot={slot}", gateway=gateway, **given)


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(type="key.read").order_by("number"))


@pytest.mark.parametrize("slot", READABLE)
def test_the_core_gets_the_key_and_the_merchants_log_says_so(house: House, core, slot):
    """S4-3, C1: audited, and the actor is the gateway's key ID."""
    gateway, secret = core
    answer = read(house, slot, secret)
    assert (answer.status, answer.headers["Content-Type"]) == (OK, "application/json")
    key = house.key(slot)
    assert answer.told == {
        "entity": house.merchant.entity_id,
        "mode": "live",
        "slot": slot,
        "key_id": key.key_id,
        "value": house.secrets[slot],
    }
    (event,) = events()
    assert (event.actor, event.actor_label) == (None, f"gateway {gateway.key_id}")
    assert (event.entity, event.target, event.origin) == (house.merchant, key.key_id, "192.0.2.1")
    assert event.details == {"slot": slot, "mode": "live"}


def test_a_channel_is_its_merchant(house: House, core):
    answer = read(house, "encryption", core[1], query=about(house.channel))
    assert (answer.told["entity"], answer.told["value"]) == (house.merchant.entity_id, house.secrets["encryption"])


def test_each_verb_is_in_force_for_the_next_question(house: House, core):
    """S4-15, S4-16: no key is cached."""
    _, new = lifecycle.renew(house.key("encryption"), by=SETUP)
    assert read(house, "encryption", core[1]).told["value"] == new
    lifecycle.revoke(house.key("encryption"), by=SETUP)
    answer = read(house, "encryption", core[1])
    assert (answer.status, answer.sentence) == (
        HTTPStatus.CONFLICT,
        "This slot is empty: the merchant has no such key in this mode.",
    )
    assert len(events()) == 1


def test_a_gateway_without_the_scope_gets_nothing_and_leaves_no_event(house: House):
    """Whoever decides on requests need not be able to carry keys away."""
    for permissions in (frozenset(), frozenset({"customer.view"})):
        _, secret = make_gateway(permissions=permissions)
        for query in (about(house.merchant), "entity=mer_0000000000000000&mode=live"):
            answer = read(house, "encryption", secret, query=query)
            assert (answer.status, answer.sentence) == (
                FORBIDDEN,
                "This gateway's credential lacks the scope `keys.read`.",
            )
    assert events() == []


def test_the_operator_gives_the_scope_and_says_so_in_the_log(house: House):
    code, out, err = run("create_gateway", "Payment core", "--may-read-keys")
    assert (code, out.count("\n")) == (0, 1)
    assert "keep it to the payment core" in err
    assert Token.objects.get(alias="Payment core").scope == "keys.read"
    assert AuditEvent.objects.get(type="gateway.created", details__alias="Payment core").details["scope"] == "keys.read"
    assert read(house, "encryption", out.strip()).status == OK


@pytest.mark.parametrize("slot", ["rest_primary", "rest_secondary"])
def test_a_rest_api_key_cannot_be_read(house: House, core, slot):
    """C1: shown once, and stored as a digest."""
    answer = read(house, slot, core[1])
    assert (answer.status, answer.sentence) == (
        BAD,
        "A REST API key is shown once, at its creation. Nobody can read it again.",
    )


@pytest.mark.parametrize("slot", ["", "HMAC_PRIMARY", "x", "%00", "hmac_primary&slot=encryption", "é"])
def test_another_slot_is_none(house: House, core, slot):
    assert read(house, slot, core[1]).status == BAD
    assert events() == []


def test_nobody_asks_without_a_good_credential(house: House, core):
    gateway, secret = core
    for wrong in ("", "nonsense", house.secrets["rest_primary"]):
        assert read(house, "encryption", wrong).status == UNAUTHORIZED
    put_into(gateway, "inactive")
    assert read(house, "encryption", secret).status == UNAUTHORIZED
    assert events() == []


def test_a_test_gateway_reads_test_keys_only(house: House):
    """C8."""
    _, secret = make_gateway(mode="test", permissions=READER)
    assert read(house, "encryption", secret).status == FORBIDDEN
    assert read(house, "encryption", secret, query=about(house.merchant, "test")).status == HTTPStatus.CONFLICT


def test_a_suspended_merchants_keys_are_not_read(house: House, core):
    suspend(Entity.objects.get(pk=house.merchant.pk), by=SETUP)
    assert read(house, "encryption", core[1]).status == FORBIDDEN
    assert events() == []


def test_only_post_reads(house: House, core):
    answer = read(house, "encryption", core[1], REQUEST_METHOD="GET")
    assert (answer.status, answer.headers["Allow"]) == (HTTPStatus.METHOD_NOT_ALLOWED, "POST")
    assert events() == []


def test_a_key_that_cannot_be_opened_is_a_fault(house: House, core, settings, caplog):
    settings.VAULT_KEYS = {1: bytes(32)}
    assert read(house, "encryption", core[1]).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "Unreadable" in caplog.text
    assert events() == []


@pytest.mark.django_db(transaction=True)
def test_a_key_whose_reading_cannot_be_recorded_is_not_given(house: House, core):
    with renamed("accounts_auditevent"):
        answer = read(house, "encryption", core[1])
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert house.secrets["encryption"].encode() not in answer.body
    assert read(house, "encryption", core[1]).status == OK


def test_a_key_that_was_renewed_between_the_two_looks_is_asked_for_again(house: House, core, monkeypatch):
    """S4-15: the question reads the row, the verb reads it again and decides."""
    real = lifecycle.read

    def renew_first(key: SharedKey, **given: object) -> str:
        lifecycle.renew(house.key(key.slot), by=SETUP)
        return real(key, **given)

    monkeypatch.setattr(lifecycle, "read", renew_first)
    answer = read(house, "encryption", core[1])
    assert (answer.status, answer.sentence) == (
        HTTPStatus.CONFLICT,
        "This key has been revoked or renewed just now. Ask again.",
    )
    assert events() == []
