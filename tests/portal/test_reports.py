"""What is told about a fault: never what the program held, however it came to be in the text.

OWASP ASVS 5.0: 14.2.1, 16.2.5, 16.5.1; PCI DSS 4.0: 3.5.1, 8.3.2. TRAPS: error reports, exception texts.
"""

import json
import logging
import re
import sys

import pytest
from django.conf import settings
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse
from django.views.debug import get_exception_reporter_class

from accounts.models import User
from portal.logs import JsonLine
from portal.reports import censored
from tests.factories import make_invitation, make_merchant, make_user
from tokens import formats
from tokens.keys import lifecycle as keys

PASSWORD = "nobody has to know this"


@pytest.mark.parametrize(
    "text",
    [
        "kh_api_live_AAAAbbbbCCCCdddd_" + "x" * 49,
        "whsec_" + "c2VjcmV0" * 8,
        "/auth/invitation/inv_AAAAbbbbCCCCdddd/" + "y" * 43,
        "https://portal.shop.example/auth/password/reset/key/1a-cz8x2k-" + "0f" * 16 + "/",
    ],
)
def test_no_line_of_the_log_holds_what_lets_somebody_in(text):
    """A net below everything else: whatever wrote it, and wherever in the line or the traceback it stands."""
    for line in (f"before {text} after", f"'{text}'", f'<a href="{text}">'):
        said = censored(line)
        assert not re.search(r"x{9}|c2VjcmV0c2|y{9}|0f0f0f", said)
        assert "…" in said
        assert said.endswith((" after", "'", '">'))


def test_what_anybody_may_read_stays():
    for line in (
        "token kh_api_live_AAAA…9xYz",
        "key ID AAAAbbbbCCCCdddd",
        "/auth/invitation/",
        "GET /auth/password/reset/",
    ):
        assert censored(line) == line


def test_a_line_of_the_log_and_the_traceback_in_it_are_freed_of_it():
    token = formats.write(formats.mint("api", "live"))
    try:
        raise DatabaseError(f"no row for {token}")
    except DatabaseError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "It was %s.", (token,), sys.exc_info())
    told = json.loads(JsonLine().format(record))
    assert token[-20:] not in f"{told['message']} {told['exception']}"
    assert "no row for kh_api_live_" in told["exception"]


def test_minted_tokens_and_keys_are_recognised():
    for made in (formats.write(formats.mint("gtw", "test")), keys._random_hmac_key()):
        assert made[-20:] not in censored(f"it was {made}.")


def report_of_a_fault_with(password: str) -> list[str]:
    """Return the reports of a fault in a function that nobody thought of, while a form is sent."""
    request = RequestFactory().post("/auth/login/", {"login": "ann", "password": password})
    held = {"password": password, "in a list": [password]}
    try:
        raise DatabaseError(f"The disk is full, of {len(held)} things.")
    except DatabaseError:
        reporter = get_exception_reporter_class(request)(request, *sys.exc_info())
        return [reporter.get_traceback_html(), reporter.get_traceback_text()]


def test_a_report_names_variables_and_fields_and_not_what_is_in_them():
    """ASVS 16.2.5: no decorator is needed for that."""
    for report in report_of_a_fault_with(PASSWORD):
        assert "The disk is full, of 2 things." in report
        assert PASSWORD not in report
    page = report_of_a_fault_with(PASSWORD)[0]
    assert "<td>held</td>" in page
    assert "<td>login</td>" in page


@override_settings(DEBUG=True)
def test_on_debug_pages_django_chooses():
    assert PASSWORD in report_of_a_fault_with(PASSWORD)[0]


@pytest.mark.parametrize("kind", ["invitation", "password"])
def test_a_fault_while_a_link_is_opened_tells_the_link_to_nobody(db, monkeypatch, caplog, kind):
    """Whatever fails, the session or the view: the address of the request is in every line about it."""
    if kind == "invitation":
        invitation, secret = make_invitation(make_merchant(), by=make_user())
        link = reverse("invitation", args=[invitation.invitation_id, secret])
    else:
        Client().post(reverse("account_reset_password"), {"email": make_user(email="dana@test.example").email})
        link = re.search(r"http://testserver(\S+)", mail.outbox[-1].body)[1]
        secret = link.rstrip("/").rpartition("-")[2]

    def fail(*_: object, **__: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr("accounts.signin.sessions.SessionStore.load", fail)
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    with caplog.at_level(logging.WARNING):
        status = client.get(link).status_code
    lines = [JsonLine().format(record) for record in caplog.records]
    assert status == 500, lines
    assert [line for line in lines if "Internal Server Error" in line]
    assert [line for line in lines if secret in line] == []


@pytest.mark.parametrize("number", ["e", "1", "d", "rs"])
def test_the_number_of_a_person_does_not_tear_the_line_apart(db, monkeypatch, caplog, number):
    """What is taken out of a line is the secret alone, so that the rest of it can still be recognised."""

    def fail(*_: object, **__: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr("allauth.account.views.UserTokenForm", fail)
    key = "diczfq-774dc128a6c4d0927c79a0c35c4d58ec"
    with caplog.at_level(logging.WARNING):
        Client(raise_request_exception=False).get(reverse("account_reset_password_from_key", args=[number, key]))
    (told,) = [json.loads(JsonLine().format(each)) for each in caplog.records if each.levelno == logging.ERROR]
    assert told["message"].startswith(f"Internal Server Error: /auth/password/reset/key/{number}-")
    assert "diczfq" not in told["message"]
    assert key[-32:] not in told["message"]


def test_what_the_database_says_of_a_row_holds_no_password(db):
    """PostgreSQL tells the whole row that it refused: there is a slow hash in it, never what was typed."""
    user = User(email="ann@test.example", name=None)
    user.set_password(PASSWORD)
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        user.save(force_insert=True)
    assert ("Failing row contains" in str(refused.value)) == (connection.vendor == "postgresql")
    assert PASSWORD not in str(refused.value)
