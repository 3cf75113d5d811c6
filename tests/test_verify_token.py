"""`manage.py verify_token`: the gateway's decision, for somebody with a shell and a token in hand."""

import io
import sys

import pytest

from accounts.models import AuditEvent
from portal.management.commands import verify_token
from portal.management.operators import WRONG_USE
from tests.commands import last_event, run
from tests.factories import make_entity, make_merchant, make_token, put_into
from tokens import formats, verification
from tokens.models import Token, UsageBucket
from tokens.permissions import EDIT


def verify(text: str | bytes, *words: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    typed = text if isinstance(text, bytes) else text.encode()
    return run("verify_token", *words, typed=typed, monkeypatch=monkeypatch)


def test_a_good_token_is_good_and_was_not_used(db, monkeypatch):
    token, secret = make_token(make_merchant(), alias="Checkout backend")
    code, out, err = verify(f"{secret}\n", monkeypatch=monkeypatch)
    assert (code, out, err) == (0, f"Good ({token.masked}, “Checkout backend”, active).\n", "")
    assert Token.objects.get().last_used_at is None
    assert not UsageBucket.objects.exists()


def test_what_binds_a_gateway_binds_the_answer(db, monkeypatch):
    """S0-7: a token is good for its merchant and every channel below it, and for nobody else."""
    merchant, other = make_merchant(), make_merchant()
    channel = make_entity("channel", under=merchant)
    _, secret = make_token(merchant, permissions=EDIT)

    def answer(*words: str) -> str:
        return verify(secret, *words, monkeypatch=monkeypatch)[1].rpartition(": ")[2].strip()

    assert verify(secret, "--permission", "customer.edit", "--mode", "live", monkeypatch=monkeypatch)[0] == 0
    assert verify(secret, "--entity", channel.entity_id, monkeypatch=monkeypatch)[0] == 0
    assert answer("--permission", "customer.view") == verify_token.ANSWERS["permission"]
    assert answer("--mode", "test") == verify_token.ANSWERS["mode"]
    assert answer("--entity", other.entity_id) == verify_token.ANSWERS["entity"]


@pytest.mark.parametrize(
    ("status", "reason"), [("inactive", "inactive"), ("revoked", "revoked"), ("removed", "removed")]
)
def test_an_ended_token_is_not_good(db, monkeypatch, status, reason):
    token, secret = make_token(make_merchant())
    put_into(token, status)
    code, out, _ = verify(secret, monkeypatch=monkeypatch)
    assert code == 1
    assert out.endswith(f", {status}): {verify_token.ANSWERS[reason]}\n")


def test_every_reason_of_the_decision_has_an_answer():
    assert set(verify_token.ANSWERS) >= verification.NOT_GOOD | verification.NOT_ALLOWED


def test_a_look_at_a_token_is_noted_for_its_merchant(db, monkeypatch):
    """Support's looks in the admin are noted; a look with a shell is not to be the quieter one."""
    merchant = make_merchant()
    token, secret = make_token(merchant)
    verify(secret, monkeypatch=monkeypatch)
    event = last_event()
    assert (event.type, event.entity, event.target) == ("token.viewed", merchant, token.key_id)
    assert event.actor_label.startswith("manage.py verify_token, run by ")
    assert event.details == {"tokens": [token.key_id], "answer": "good"}


STRANGE = [b"\xff\xfe\x00", b"hello", "kh_api_live_ä".encode(), b"x" * 100_000, b"a\nb", b"\xed\xb3\xbf"]


@pytest.mark.parametrize("typed", STRANGE, ids=lambda typed: repr(typed[:12]))
def test_anything_else_is_no_token_and_leaves_no_event(db, monkeypatch, typed):
    code, out, err = verify(typed, monkeypatch=monkeypatch)
    assert (code, out, err) == (1, f"Not good: {verify_token.ANSWERS['malformed']}\n", "")
    assert not AuditEvent.objects.exists()


def test_a_stranger_with_the_right_form_is_unknown(db, monkeypatch):
    gone = formats.write(formats.mint("api", "live"))
    assert verify(gone, monkeypatch=monkeypatch)[:2] == (1, f"Not good: {verify_token.ANSWERS['unknown']}\n")
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("typed", [b"", b" \n"])
def test_nothing_on_the_input_is_a_wrong_use(db, monkeypatch, typed):
    assert verify(typed, monkeypatch=monkeypatch) == (WRONG_USE, "", "No token came on standard input.")


def test_at_a_terminal_the_token_is_typed_unseen(db, monkeypatch):
    _, secret = make_token(make_merchant())
    asked = []

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(verify_token, "getpass", lambda prompt: asked.append(prompt) or secret)
    assert run("verify_token")[0] == 0
    assert asked == ["Token: "]


def test_a_permission_that_does_not_exist_is_a_wrong_use(db, monkeypatch):
    code, _, err = verify("x", "--permission", "payment.everything", monkeypatch=monkeypatch)
    assert (code, err) == (WRONG_USE, "--permission: There is no such permission.")
