"""Why a signature does not verify: every mistake is made here, and has to be named."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from standardwebhooks import Webhook

from tests.factories import SETUP
from tests.tokens.keys.conftest import House
from tokens.keys import diagnosis, lifecycle
from tokens.keys.diagnosis import candidates_of, diagnose
from tokens.keys.slots import SLOTS

BODY = '{"amount": 1200, "name": "Café"}'
NAME = "msg_1"


@pytest.fixture(autouse=True)
def _the_clock_stands() -> Iterator[None]:
    """Let what is signed and what is pasted be of the same second."""
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield


def now() -> str:
    return str(int(time.time()))


def sign(value: str, *, body: str = BODY, moment: str = "", key: bytes | None = None, content: str = "") -> bytes:
    """Return the HMAC that a system with these habits would compute."""
    keyed = base64.b64decode(value.removeprefix("whsec_")) if key is None else key
    signed = (content or f"{NAME}.{moment or now()}.{body}").encode()
    return hmac.digest(keyed, signed, hashlib.sha256)


def v1(signature: bytes) -> str:
    return f"v1,{base64.b64encode(signature).decode()}"


def found(house: House, signature: str, *, mode: str = "live", moment: str = "", body: str = BODY, name: str = NAME):
    candidates = candidates_of(house.merchant, mode)
    return diagnose(
        candidates, mode=mode, message_id=name, timestamp=moment or now(), signature=signature, payload=body
    )


@pytest.mark.parametrize("slot", ["hmac_primary", "hmac_secondary"])
def test_a_good_signature_names_its_slot(house: House, slot):
    """S4-3, S4-19: with either key of a double run, as the public library makes it."""
    moment = datetime.now(UTC)
    made = Webhook(house.secrets[slot]).sign(NAME, moment, BODY)
    finding = found(house, made, moment=str(int(moment.timestamp())))
    assert (finding.holds, finding.label) == (True, SLOTS[slot].label)


def test_line_breaks_as_a_browser_sends_them_are_no_fault(house: House):
    """A form sends each line break as CR LF, whatever was pasted."""
    body = '{\n  "amount": 1200\n}'
    signature = v1(sign(house.secrets["hmac_primary"], body=body))
    assert found(house, signature, body=body.replace("\n", "\r\n")).holds


def wrong_ways(value: str) -> dict[str, tuple[str, dict, object]]:
    """Return name -> (signature, what else is pasted, the fault that has to be named)."""
    right = sign(value)
    return {
        "hexadecimal": (f"v1,{right.hex()}", {}, diagnosis.HEX),
        "no version": (base64.b64encode(right).decode(), {}, diagnosis.NO_VERSION),
        "key taken literally": (v1(sign(value, key=value.encode())), {}, diagnosis.KEYINGS[1][1]),
        "key's text": (v1(sign(value, key=value.removeprefix("whsec_").encode())), {}, diagnosis.KEYINGS[2][1]),
        "body alone": (v1(sign(value, content=BODY)), {}, diagnosis.SIGNINGS[1][1]),
        "no message id": (v1(sign(value, content=f"{now()}.{BODY}")), {}, diagnosis.SIGNINGS[2][1]),
        "line break signed": (v1(sign(value, body=BODY + "\n")), {}, diagnosis.BODIES[2][1]),
        "line break pasted": (v1(right), {"body": BODY + "\r\n"}, diagnosis.BODIES[3][1]),
        "clock": (v1(sign(value, moment="1600000000")), {"moment": "1600000000"}, diagnosis.STALE),
        "milliseconds": (
            v1(sign(value, moment="1760000000000")),
            {"moment": "1760000000000"},
            diagnosis.MILLISECONDS,
        ),
        "leading zero": (v1(sign(value, moment=f"0{now()}")), {"moment": f"0{now()}"}, diagnosis.NO_TIMESTAMP),
        "no timestamp": (v1(sign(value, moment="soon")), {"moment": "soon"}, diagnosis.NO_TIMESTAMP),
    }


@pytest.mark.parametrize("way", wrong_ways("whsec_AAAA"))
def test_each_mistake_is_named_with_the_key_it_was_made_with(house: House, way):
    """S4-3: an integrator learns what to change, not only that it is wrong."""
    signature, pasted, fault = wrong_ways(house.secrets["hmac_secondary"])[way]
    finding = found(house, signature, **pasted)
    assert (finding.holds, finding.label) == (False, SLOTS["hmac_secondary"].label)
    assert finding.faults == (fault,)


def test_a_key_of_the_other_mode_is_named(house: House):
    """C8: live and test have keys of their own."""
    _key, secret = lifecycle.create(house.merchant, SLOTS["hmac_primary"], mode="test", by=SETUP)
    finding = found(house, v1(sign(secret)))
    assert finding.faults == (diagnosis.OTHER_MODE,)
    assert finding.candidate.mode == "test"
    assert found(house, v1(sign(secret)), mode="test").holds


@pytest.mark.parametrize("text", ["", "v1,", "nonsense", "v1,%%%%", "v1,AAAA", "é" * 44, "v1," + "f" * 64 + "0"])
def test_what_is_no_signature_is_said_to_be_none(house: House, text):
    assert found(house, text).faults == (diagnosis.NO_SIGNATURE,)


def test_a_signature_of_nobody_here(house: House):
    """S4-15: nor does a renewed key verify any more, whatever is tried."""
    stranger = v1(sign("whsec_" + base64.b64encode(bytes(32)).decode()))
    assert found(house, stranger).faults == (diagnosis.NEITHER,)
    lifecycle.renew(house.key("hmac_primary"), by=SETUP)
    assert found(house, v1(sign(house.secrets["hmac_primary"]))).candidate is None


def test_a_candidate_never_tells_its_value(house: House):
    for candidate in candidates_of(house.merchant, "live"):
        assert candidate.value not in repr(candidate)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "é", "x" * 129])
def test_an_id_that_no_message_may_have_is_named(house: House, name):
    """S4-3: what `/gateway/signatures/verify` refuses does not verify here either."""
    moment = now()
    signature = v1(sign(house.secrets["hmac_primary"], content=f"{name}.{moment}.{BODY}"))
    assert found(house, signature, name=name, moment=moment).faults == (diagnosis.NO_ID,)
