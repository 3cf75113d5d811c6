"""The operators' commands: they go through the verbs, leave events in the operator's name and answer in sentences."""

import os
import pwd
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from accounts import lifecycle
from accounts.models import AuditEvent
from portal.management.operators import WRONG_USE
from tests.commands import last_event, run
from tests.factories import SETUP, make_entity, make_gateway, make_merchant, make_token, put_into
from tokens import formats, verification
from tokens.models import Token
from tokens.permissions import VIEW

ROOT = Path(__file__).resolve().parent.parent
ME = pwd.getpwuid(os.getuid()).pw_name

UNREADABLE = {
    "a lone surrogate": "a\udcff",
    "NUL": "a\0b",
    "a line break": "a\nb",
    "81 characters": "a" * 81,
}


# issue_token


def test_an_issued_token_stands_alone_on_the_output_and_is_good(db):
    """S0-21, S0-27, S0-30: the secret can be piped on; what else there is to say goes to the person."""
    merchant = make_merchant("Aurora Coffee")
    code, out, err = run("issue_token", merchant.entity_id, "--alias", "Checkout backend")
    token = Token.objects.get()
    assert (code, out.count("\n")) == (0, 1)
    assert verification.reason_for(out.strip()) == "good"
    assert (token.alias, token.mode, token.expires_at) == ("Checkout backend", "live", None)
    assert out.strip() not in err
    assert token.key_id in err
    assert "cannot be shown again" in err


def test_an_issued_token_has_the_type_preset_and_end_it_was_given(db):
    """S1-6, S1-14: what can only be chosen at creation."""
    merchant = make_merchant()
    run("issue_token", merchant.entity_id, "--mode", "test", "--preset", "read_only", "--expires-in-days", "30")
    token = Token.objects.get()
    assert (token.mode, frozenset(token.scope.split()), token.alias) == ("test", VIEW, "API token 1")
    assert abs(token.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


def test_the_event_names_the_command_and_the_system_user(db, monkeypatch):
    monkeypatch.setenv("USER", "somebody else")
    monkeypatch.setenv("LOGNAME", "somebody else")
    run("issue_token", make_merchant().entity_id)
    assert (last_event().type, last_event().actor) == ("token.created", None)
    assert last_event().actor_label == f"manage.py issue_token, run by {ME}"


def test_a_user_without_a_name_is_told_by_number(db, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 4_000_123)
    run("issue_token", make_merchant().entity_id)
    assert last_event().actor_label == "manage.py issue_token, run by user number 4000123"


def test_only_an_active_merchant_is_issued_a_token(db):
    """S0-6, S0-10."""
    partner = make_entity("partner", "Northwind")
    merchant = make_merchant(under=partner)
    assert run("issue_token", partner.entity_id) == (
        1,
        "",
        "API tokens belong to merchants. Choose a merchant in the account tree.",
    )
    lifecycle.suspend(partner, by=SETUP)
    code, out, err = run("issue_token", merchant.entity_id)
    assert (code, out) == (1, "")
    assert "is suspended" in err
    assert not Token.objects.exists()


@pytest.mark.parametrize("days", ["0", "-1", "3651", "1" + "0" * 30])
def test_an_end_out_of_reach_is_refused(db, days):
    code, _, err = run("issue_token", make_merchant().entity_id, f"--expires-in-days={days}")
    assert (code, err) == (WRONG_USE, "--expires-in-days: Use a number from 1 to 3650.")
    assert not Token.objects.exists()


# create_gateway


def test_a_created_gateway_may_ask(db):
    secret, live = (make_token(make_merchant(), mode=mode)[1] for mode in ("test", "live"))
    code, out, err = run("create_gateway", "Edge Frankfurt", "--mode", "test")
    assert (code, out.count("\n")) == (0, 1)
    assert verification.decide(secret, gateway=out.strip()).allowed
    assert verification.decide(live, gateway=out.strip()).reason == "mode", "a test gateway lets nothing live through"
    assert out.strip() not in err
    gateway = Token.objects.get(kind="gtw")
    assert (gateway.alias, gateway.mode, gateway.entity, gateway.scope) == ("Edge Frankfurt", "test", None, "")
    assert (last_event().type, last_event().target) == ("gateway.created", gateway.key_id)


@pytest.mark.parametrize("alias", ["", "   "])
def test_a_gateway_needs_a_name(db, alias):
    assert run("create_gateway", alias) == (WRONG_USE, "", "alias: Enter a name.")
    assert not Token.objects.exists()


def test_a_gateway_made_for_a_time_expires_by_itself(db):
    """ASVS 13.2.1: the credential between services is no unchanging one."""
    secret = make_token(make_merchant())[1]
    _, out, err = run("create_gateway", "Edge Frankfurt", "--days", "30")
    assert "It expires at" in err
    assert verification.decide(secret, gateway=out.strip()).allowed
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        assert verification.decide(secret, gateway=out.strip()) is None


@pytest.mark.parametrize("days", ["0", "-1", "3651"])
def test_a_gateway_is_made_for_a_time_that_can_be_meant(db, days):
    """ASVS 13.2.1."""
    assert run("create_gateway", "Edge", f"--days={days}") == (WRONG_USE, "", "--days: Say a number from 1 to 3650.")
    assert not Token.objects.exists()


# deactivate_token


def test_a_deactivated_token_is_refused_from_then_on(db):
    """S0-32, S2-22."""
    token, secret = make_token(make_merchant("Aurora Coffee"), alias="Checkout backend")
    code, out, _ = run("deactivate_token", token.key_id, "--reason", "Found in a public repository.")
    assert code == 0
    assert out.startswith("“Checkout backend” of Aurora Coffee is inactive.")
    assert verification.reason_for(secret) == "inactive"
    assert last_event().details == {"alias": "Checkout backend", "reason": "Found in a public repository."}
    assert last_event().actor_label == f"manage.py deactivate_token, run by {ME}"


def test_a_gateway_is_deactivated_too(db):
    gateway, secret = make_gateway()
    run("deactivate_token", gateway.key_id)
    assert verification.decide(make_token(make_merchant())[1], gateway=secret) is None


@pytest.mark.parametrize("status", ["inactive", "revoked", "removed"])
def test_a_second_deactivation_is_refused_and_leaves_no_event(db, status):
    token = put_into(make_token(make_merchant(), alias="Old")[0], status)
    before = AuditEvent.objects.count()
    assert run("deactivate_token", token.key_id) == (1, "", f"“Old” is {status} already.")
    assert AuditEvent.objects.count() == before


def test_a_whole_token_in_the_command_line_is_called_what_it_is(db):
    token, secret = make_token(make_merchant())
    code, _, err = run("deactivate_token", secret)
    assert code == WRONG_USE
    assert "must count as known" in err
    assert secret not in err
    assert Token.objects.get(pk=token.pk).status == "active"


# Bad input, for all of them


COMMANDS = {
    "entity ID of issue_token": ("issue_token", "{}"),
    "alias of issue_token": ("issue_token", "{merchant}", "--alias={}"),
    "key ID of deactivate_token": ("deactivate_token", "{}"),
    "alias of create_gateway": ("create_gateway", "{}"),
    "entity of verify_token": ("verify_token", "--entity={}"),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_unreadable_text_gets_a_sentence(db, monkeypatch, words, text):
    merchant = make_merchant()
    before = AuditEvent.objects.count()
    filled = [word.format(text, merchant=merchant.entity_id) for word in words]
    code, out, err = run(*filled, typed=b"x", monkeypatch=monkeypatch)
    assert (code, out) == (WRONG_USE, "")
    assert "Leave out the invisible or unreadable character" in err or "Use at most 80 characters" in err
    assert AuditEvent.objects.count() == before


def test_a_reason_is_read_like_any_text(db):
    token, _ = make_token(make_merchant())
    for reason in ("a\udcff", "a\0", "a" * 201):
        assert run("deactivate_token", token.key_id, f"--reason={reason}")[0] == WRONG_USE
    assert Token.objects.get().status == "active"


@pytest.mark.parametrize(
    "words",
    [("issue_token", "mer_nobody"), ("deactivate_token", "nothing"), ("verify_token", "--entity", "mer_nobody")],
)
def test_an_unknown_id_gets_a_sentence(db, monkeypatch, words):
    code, out, err = run(*words, typed=b"x", monkeypatch=monkeypatch)
    assert (code, out) == (1, "")
    assert err.startswith("There is no ")


def test_from_a_shell_bad_bytes_and_no_database_end_without_a_traceback(tmp_path):
    """The real thing: exit codes, streams, undecodable arguments and a database without tables."""
    ours = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3"}
    ours |= {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    cases = {
        (b"issue_token", b"mer_x", b"--alias=\xff\xfe"): (1, b"The database does not answer"),
        (b"issue_token", b"\xff\xfe"): (2, b"unreadable character U+DCFF"),
        (b"issue_token", b"mer_x", b"--mode=\xff"): (2, b"invalid choice"),
        (b"issue_token",): (2, b"required: entity_id"),
        (b"check_audit",): (1, b"The database does not answer: no such table"),
        (b"verify_token",): (3, b"nobody can say whether the token is good"),
        (b"serve", b"--port=99999999"): (2, b"from 1 to 65535"),
        (b"serve", b"--workers=0"): (2, b"Choose 1 or more"),
    }
    token = formats.write(formats.mint("api", "live")).encode()
    for words, (code, sentence) in cases.items():
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=ours, input=token, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout) == (code, b""), done.stderr
        assert sentence in done.stderr
        assert b"Traceback" not in done.stderr
