"""`/gateway/signatures` and `.../verify`: with the merchant's active keys, at this moment, and with nobody else's."""

import json
import time
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
import time_machine
from standardwebhooks.webhooks import Webhook

from accounts.models import Entity
from tests.factories import SETUP, make_entity
from tests.tokens.keys.conftest import House
from tests.tokens.keys.messages import BODY, OK, about, accepts, sign, verify
from tokens.gateway.signatures import MOST_BODY
from tokens.keys import lifecycle
from tokens.keys.slots import SLOTS
from tokens.models import SeenMessage, SharedKey
from tokens.signing import TOLERANCE

PRIMARY, SECONDARY = "hmac_primary", "hmac_secondary"


# Signing


def test_a_message_carries_the_signatures_of_both_keys_while_both_are_active(house: House):
    """S4-10, S4-19: whoever has switched already and whoever has not verify the same message."""
    answer = sign(house)
    assert (answer.status, answer.headers["Content-Type"]) == (OK, "application/json")
    first, second = answer.told["webhook-signature"].split(" ")
    assert answer.told["webhook-id"].startswith("msg_")
    assert abs(int(answer.told["webhook-timestamp"]) - time.time()) < 5
    for name in (PRIMARY, SECONDARY):
        assert accepts(house.secrets[name], answer.told)
    assert accepts(house.secrets[PRIMARY], answer.told | {"webhook-signature": first})
    assert accepts(house.secrets[SECONDARY], answer.told | {"webhook-signature": second})
    assert sign(house).told["webhook-id"] != answer.told["webhook-id"]


def test_what_the_gateway_names_itself_is_signed_as_it_is(house: House):
    answer = sign(house, webhook_id="evt-1/2", webhook_timestamp="1614265330")
    assert (answer.told["webhook-id"], answer.told["webhook-timestamp"]) == ("evt-1/2", "1614265330")
    assert sign(house, webhook_id="evt-1/2", webhook_timestamp="1614265330").told == answer.told


def test_each_verb_is_in_force_for_the_next_message(house: House):
    """S4-11, S4-15, S4-16, S4-22: no key is cached."""
    old, second = house.secrets[PRIMARY], house.secrets[SECONDARY]
    _, new = lifecycle.renew(house.key(PRIMARY), by=SETUP)
    signed = sign(house).told
    assert [accepts(key, signed) for key in (old, new, second)] == [False, True, True]
    lifecycle.promote(house.merchant, mode="live", by=SETUP)
    promoted = sign(house).told
    assert accepts(second, promoted | {"webhook-signature": promoted["webhook-signature"].split(" ")[0]})
    lifecycle.revoke(house.key(SECONDARY), by=SETUP)
    signed = sign(house).told
    assert [accepts(key, signed) for key in (old, new, second)] == [False, False, True]
    lifecycle.revoke(house.key(PRIMARY), by=SETUP)
    answer = sign(house)
    assert (answer.status, answer.sentence) == (
        HTTPStatus.CONFLICT,
        "This merchant has no active HMAC key in this mode. Create one first.",
    )
    _, latest = lifecycle.create(house.merchant, SLOTS[PRIMARY], mode="live", by=SETUP)
    assert accepts(latest, sign(house).told)


def test_a_channel_and_a_terminal_are_their_merchant(house: House):
    """S0-7: whatever is below a merchant signs with its keys."""
    terminal = make_entity(Entity.Kind.TERMINAL, under=house.channel)
    direct = make_entity(Entity.Kind.TERMINAL, under=house.merchant)
    for entity in (house.merchant, house.channel, terminal, direct):
        assert accepts(house.secrets[PRIMARY], sign(house, query=about(entity)).told)


def test_nobody_elses_keys_and_no_other_modes_are_used(house: House):
    """S4-7, C8: keys belong to one merchant and one mode."""
    made = {
        (entity, mode): lifecycle.create(entity, SLOTS[PRIMARY], mode=mode, by=SETUP)[1]
        for entity, mode in [(house.sibling, "live"), (house.merchant, "test")]
    }
    made[house.merchant, "live"] = house.secrets[PRIMARY]
    for (entity, mode), own in made.items():
        signed = sign(house, query=about(entity, mode)).told
        assert [key for key in made.values() if accepts(key, signed)] == [own]
    assert sign(house, query=about(house.sibling, "test")).status == HTTPStatus.CONFLICT


def test_any_bytes_are_a_message(house: House):
    for body in (b"", b"\0\xff\n", b"x" * MOST_BODY):
        signed = sign(house, body).told
        assert verify(house, signed, body)["valid"]


def test_signing_and_verifying_read_with_two_statements(house: House, django_assert_num_queries):
    """Those of a verification after that are a look whether it is a replay, and the insert that makes it good once."""
    with django_assert_num_queries(2):
        signed = sign(house).told
    with django_assert_num_queries(4):
        assert verify(house, signed)["valid"]
    with django_assert_num_queries(3):
        assert verify(house, signed)["reason"] == "replay"
    with django_assert_num_queries(2):
        assert not verify(house, signed, b"another")["valid"]


# Verifying


@pytest.mark.parametrize("name", [PRIMARY, SECONDARY])
def test_either_key_verifies_and_the_answer_says_which(house: House, name):
    """S4-19, with what the public library signs."""
    now = int(time.time())
    signature = Webhook(house.secrets[name]).sign("msg_1", datetime.fromtimestamp(now, UTC), BODY.decode())
    signed = {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": signature}
    assert verify(house, signed) == {"valid": True, "slot": name, "key_id": house.key(name).key_id}


def test_a_message_that_was_changed_is_not_believed(house: House):
    signed = sign(house).told
    later = str(int(signed["webhook-timestamp"]) + 1)
    for changed, body in [
        ({}, BODY + b" "),
        ({"webhook-id": "msg_other"}, BODY),
        ({"webhook-timestamp": later}, BODY),
        ({"webhook-signature": ""}, BODY),
        ({"webhook-signature": "v1,AAAA"}, BODY),
    ]:
        assert verify(house, signed | changed, body) == {"valid": False, "reason": "signature"}
    assert not SeenMessage.objects.exists(), "who cannot sign leaves nothing behind"
    assert verify(house, signed)["valid"]


def test_what_a_stranger_left_out_or_garbled_is_an_answer_and_no_error(house: House):
    """The headers are the message's own: a gateway passes them on as they came."""
    signed = sign(house).told
    for name, reason in [("id", "signature"), ("timestamp", "timestamp"), ("signature", "signature")]:
        for garbled in (None, "", "\xff\xfe", "a.b", "x" * 10_000, "1e9", "-1"):
            told = verify(house, signed, **{f"webhook_{name}": garbled})
            assert told == {"valid": False, "reason": reason}, (name, garbled)
    assert verify(house, signed)["valid"]


@pytest.mark.parametrize(("apart", "is_good"), [(0, True), (TOLERANCE, True), (TOLERANCE + 1, False)])
@pytest.mark.parametrize("way", [1, -1])
def test_a_message_is_good_for_five_minutes_either_way(house: House, apart, is_good, way):
    """S4-3."""
    now = int(time.time())
    signed = sign(house, webhook_timestamp=str(now)).told
    with time_machine.travel(now + way * apart, tick=False):
        told = verify(house, signed)
    assert told["valid"] is is_good
    assert is_good or told == {"valid": False, "reason": "timestamp"}


def test_the_same_message_again_is_a_replay(house: House):
    signed = sign(house).told
    assert verify(house, signed)["valid"]
    assert verify(house, signed) == {"valid": False, "reason": "replay"}
    first = signed | {"webhook-signature": signed["webhook-signature"].split(" ")[1]}
    assert verify(house, first) == {"valid": False, "reason": "replay"}, "the other key makes it no other message"
    assert verify(house, signed, query=about(house.channel)) == {"valid": False, "reason": "replay"}
    again = sign(house, webhook_id=signed["webhook-id"], webhook_timestamp=str(int(time.time()) + 1)).told
    assert verify(house, again)["valid"], "a retry has the same ID and a timestamp of its own"


def test_the_same_id_of_another_merchant_or_mode_is_another_message(house: House):
    now = str(int(time.time()))
    for entity, mode in [(house.sibling, "live"), (house.merchant, "test")]:
        lifecycle.create(entity, SLOTS[PRIMARY], mode=mode, by=SETUP)
    for query in (about(house.merchant), about(house.sibling), about(house.merchant, "test")):
        signed = sign(house, query=query, webhook_id="msg_1", webhook_timestamp=now).told
        assert verify(house, signed, query=query)["valid"]


def test_without_an_active_key_nothing_is_believed(house: House):
    signed = sign(house).told
    for name in (PRIMARY, SECONDARY):
        lifecycle.revoke(house.key(name), by=SETUP)
    assert verify(house, signed) == {"valid": False, "reason": "no_key"}


def test_a_key_that_was_renewed_verifies_nothing_any_more(house: House):
    """S4-15."""
    lifecycle.revoke(house.key(SECONDARY), by=SETUP)
    signed = sign(house).told
    lifecycle.renew(house.key(PRIMARY), by=SETUP)
    assert verify(house, signed) == {"valid": False, "reason": "signature"}


def test_a_key_that_stands_where_it_was_not_put_signs_nothing(house: House):
    """S4-3: ciphertext moved to another merchant in the database does not open there."""
    lifecycle.create(house.sibling, SLOTS[PRIMARY], mode="live", by=SETUP)
    moved = SharedKey.objects.get(entity=house.merchant, slot=PRIMARY, mode="live").ciphertext
    SharedKey.objects.filter(entity=house.sibling).update(ciphertext=moved)
    assert sign(house, query=about(house.sibling)).status == HTTPStatus.SERVICE_UNAVAILABLE


def test_old_messages_are_forgotten_and_young_ones_kept(house: House, monkeypatch):
    monkeypatch.setattr("tokens.replays.PRUNE_EVERY", 1)
    now = int(time.time())
    old = sign(house, webhook_timestamp=str(now)).told
    assert verify(house, old)["valid"]
    with time_machine.travel(now + TOLERANCE, tick=False):
        assert verify(house, sign(house).told)["valid"]
        assert verify(house, old) == {"valid": False, "reason": "replay"}
    assert SeenMessage.objects.count() == 2
    with time_machine.travel(now + 3600, tick=False):
        assert verify(house, sign(house).told)["valid"]
        assert SeenMessage.objects.count() == 1
        assert verify(house, old) == {"valid": False, "reason": "timestamp"}


def test_no_answer_holds_a_key(house: House):
    signed = sign(house)
    told = signed.body + json.dumps(verify(house, signed.told)).encode()
    for secret in house.secrets.values():
        assert secret.removeprefix("whsec_").encode() not in told
