"""Signatures as Standard Webhooks 1.0 has them, held against its public library in both directions."""

import base64
import secrets
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tokens import signing

ONE, OTHER, THIRD = (f"whsec_{base64.b64encode(bytes([number] * 32)).decode()}" for number in (1, 2, 3))
KNOWN = "v1,d8asl+kiM8rGYv5f96CWaB7DltT12R+GlcKk/tAeKa8="


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def signed_by(*keys: str, message_id: str = "msg_1", body: bytes = b'{"a": 1}', timestamp: int = 0) -> dict[str, str]:
    """Return the three headers of a message that Keyhouse signs with these keys, now if no time is given."""
    timestamp = timestamp or now()
    content = signing.content(message_id, str(timestamp), body)
    signature = signing.sign([signing.secret_of(key) for key in keys], content)
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def test_a_known_message_has_the_signature_that_the_specification_describes():
    """S4-3: HMAC-SHA-256 over `{id}.{timestamp}.{body}`, computed by another program (openssl)."""
    headers = signed_by(
        ONE, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1_614_265_330, body=b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == KNOWN


@given(st.text(), st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="."), min_size=1))
def test_what_keyhouse_signs_the_public_library_verifies_with_either_key(body: str, message_id: str):
    """S4-19: during a double run the receiver may still have the old key, or already the new one."""
    try:
        sent = body.encode()
    except UnicodeEncodeError:
        return
    headers = signed_by(ONE, OTHER, message_id=message_id, body=sent)
    for key in (ONE, OTHER):
        Webhook(key).verify(sent, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(THIRD).verify(sent, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(ONE).verify(sent + b" ", headers, json_parse=False)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_the_public_library_signs_keyhouse_verifies_and_knows_whose_it_is(body: str):
    """S4-19."""
    keys = [signing.secret_of(key) for key in (ONE, OTHER)]
    moment = now()
    for index, key in enumerate((ONE, OTHER, THIRD)):
        header = Webhook(key).sign("msg_1", datetime.fromtimestamp(moment, UTC), body)
        found = signing.verify(keys, signing.content("msg_1", str(moment), body.encode()), header)
        assert found == (index if index < 2 else None)


def test_each_change_of_a_message_is_noticed():
    moment = now()
    headers, keys = signed_by(ONE, timestamp=moment), [signing.secret_of(ONE)]
    right = ("msg_1", str(moment), b'{"a": 1}')
    wrong = [("msg_2", *right[1:]), (right[0], str(moment + 1), right[2]), (*right[:2], b'{"a": 2}'), (*right[:2], b"")]
    assert signing.verify(keys, signing.content(*right), headers["webhook-signature"]) == 0
    for each in wrong:
        assert signing.verify(keys, signing.content(*each), headers["webhook-signature"]) is None


def test_signatures_of_other_versions_and_nonsense_are_passed_over():
    """Standard Webhooks: a header may hold signatures that this receiver does not know."""
    headers = signed_by(ONE)
    good = headers["webhook-signature"]
    content = signing.content("msg_1", headers["webhook-timestamp"], b'{"a": 1}')
    keys = [signing.secret_of(ONE)]
    digest = good.removeprefix("v1,")
    for header in (
        f"v1a,AAAA {good}",
        f"{good} v2,x",
        f"nonsense {good}",
        f"v1,!!! {good}",
        f"v1,\xff {good}",
        f" {good} ",
    ):
        assert signing.verify(keys, content, header) == 0, header
    for header in ("", " ", ",", "v1,", f"v1a,{digest}", f"V1,{digest}", digest, f"v1, {digest}", good[:-4], "v1,AAAA"):
        assert signing.verify(keys, content, header) is None, header
    crowd = " ".join(["v1,AAAA"] * signing.MOST_SIGNATURES)
    assert signing.verify(keys, content, f"{crowd} {good}") is None, "nobody is made to compare for ever"


@given(st.text())
def test_any_header_is_safe(text: str):
    assert signing.verify([b"key"], b"content", text) is None
    assert isinstance(signing.is_id(text), bool)
    assert isinstance(signing.is_current(text, now()), bool)


@pytest.mark.parametrize("text", ["", "a.b", ".", "a,b", ",", "a b", "a\n", "é", "a\0", "a" * 129, "\u0661"])
def test_an_id_that_could_be_read_in_two_ways_is_none(text):
    """Standard Webhooks, signature scheme: no full stop; ASVS 15.3.7: two headers, joined by a comma, are not one."""
    assert not signing.is_id(text)


@pytest.mark.parametrize("text", ["", "-1", "+1", "01", "1.0", "1e3", " 1", "1\n", "\u0661", "1" * 13, "nan", "1_0"])
def test_a_timestamp_is_written_in_one_way(text):
    assert not signing.is_timestamp(text)
    assert not signing.is_current(text, 1)


def test_the_tolerance_is_five_minutes_either_way():
    """S4-3."""
    moment = now()
    for apart, is_good in [(0, True), (300, True), (301, False), (-300, True), (-301, False), (10**9, False)]:
        assert signing.is_current(str(moment), moment + apart) is is_good, apart


@pytest.mark.parametrize(
    "key", ["", "whsec_", "whsec_AAAA", f"whsk{ONE[5:]}", ONE.removeprefix("whsec_"), ONE[:-1], f"{ONE}!", "whsec_é"]
)
def test_what_is_no_key_is_refused_without_being_repeated(key):
    with pytest.raises(ValueError, match="Not a key of Standard Webhooks") as raised:
        signing.secret_of(key)
    assert len(key) < 8 or key not in str(raised.value)


def test_a_new_key_is_one_that_the_library_reads():
    key = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    assert Webhook(key)._whsecret == signing.secret_of(key)
