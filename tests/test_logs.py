"""What is logged is one JSON object a line, whatever a client sends, and a client cannot make it much.

PCI DSS 4.0: 10.2.1.4, 10.2.2, 10.3.1; OWASP ASVS 5.0: 16.2.2, 16.2.4, 16.2.5, 16.3.2, 16.4.1, 16.5.1.
"""

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from logging.config import dictConfig

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.models import User
from accounts.permissions import Role
from portal import logs
from portal.logs import JsonLine, Refusals
from portal.server import granian
from tests.factories import make_merchant, make_token, make_user

FORGED = '\n{"time": "2026-01-01", "level": "INFO", "message": "all is well"}'
ODD = ["\n", "\r\n", "\0", "\x1b[2J", "\u202e", "\u2028", "\x85", "\ud800", '"}', "\\", "😀", FORGED]


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """Return what the portal's own handler writes, as the settings describe it."""
    written, root = io.StringIO(), logging.getLogger()
    handler = handler_to(written)
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def handler_to(written: io.StringIO) -> logging.Handler:
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLine())
    handler.addFilter(Refusals())
    return handler


def objects(told: io.StringIO) -> list[dict]:
    """Return what was told, after a look that each object has a line of its own and is ASCII."""
    text = told.getvalue()
    assert text.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def viewer(db) -> tuple[Client, User, str]:
    """Return the browser of a viewer, who they are, and the address of what they may not do."""
    merchant = make_merchant("Aurora Coffee")
    token, _secret = make_token(merchant)
    user = make_user(Role.VIEWER, on=merchant)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client, user, reverse("tokens:deactivate", args=[token.key_id])


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_nothing_that_is_typed_begins_another_line_or_object(told, monkeypatch, odd: str):
    """ASVS 16.4.1: as a message, as an argument, and inside the text of an exception."""
    logger = logging.getLogger("portal.test")
    # None of pytest's handlers hears it: they cannot write a lone surrogate.
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [handler_to(told)])
    logger.warning("before %s after", odd)
    try:
        raise ValueError(odd)
    except ValueError:
        logger.exception(f"before{odd}after")  # noqa: G004  somebody may write it so
    first, second = objects(told)
    assert first["message"] == f"before {odd} after"
    assert first["level"] == "WARNING"
    assert second["message"] == f"before{odd}after"
    assert second["exception"].startswith("Traceback")
    assert "ValueError" in second["exception"]


def test_a_line_says_when_what_and_of_which_request(told):
    """ASVS 16.2.1, 16.2.2: UTC, to the millisecond."""
    with audit.origin("203.0.113.9", "a" * 32):
        logging.getLogger("portal.test").error("Something")
    (line,) = objects(told)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "ERROR",
        "logger": "portal.test",
        "message": "Something",
        "request_id": "a" * 32,
        "address": "203.0.113.9",
    }


def test_what_is_too_long_is_cut(told):
    try:
        raise ValueError("x" * 100_000)
    except ValueError:
        logging.getLogger("portal.test").exception("y" * 100_000)
    assert len(told.getvalue()) < logs.LONGEST + logs.LONGEST_TRACE + 300


def test_a_refusal_is_one_line_without_a_traceback_that_says_who(told, viewer):
    """ASVS 16.3.2, PCI DSS 10.2.1.4: every kind of try that is not allowed."""
    client, user, forbidden = viewer
    assert client.post(forbidden).status_code == HTTPStatus.FORBIDDEN
    (line,) = objects(told)
    assert line["status"] == HTTPStatus.FORBIDDEN
    assert line["by"] == user.person_id
    assert forbidden in line["message"]
    assert re.fullmatch("[0-9a-f]{32}", line["request_id"])
    assert "exception" not in line


def test_somebody_who_is_refused_all_the_time_does_not_fill_the_log(told, viewer, monkeypatch):
    """At most one line a second of each kind; the next one says how many it stands for."""
    client, _user, forbidden = viewer
    now = [100.0]
    monkeypatch.setattr(logs, "monotonic", lambda: now[0])
    for _ in range(20):
        client.post(forbidden)
        client.get("/nowhere/")
    assert all(line["request_id"] and line["address"] == "127.0.0.1" for line in objects(told))
    assert [line["status"] for line in objects(told)] == [403, 404]
    now[0] += logs.PAUSE
    client.post(forbidden)
    assert objects(told)[-1]["left_out"] == 19


def test_a_fault_of_ours_keeps_its_traceback_each_time(told, viewer, monkeypatch):
    """ASVS 16.5.1: all of it is in the log, inside the object, and nothing of it in the answer."""
    client, _user, _forbidden = viewer

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault" + FORGED)

    monkeypatch.setattr("portal.views.totals_for", fail)
    for _ in range(3):
        answer = client.get("/")
        assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        assert b"ZeroDivisionError" not in answer.content
    lines = objects(told)
    assert [line["status"] for line in lines] == [500] * 3
    assert all("in fail\n" in line["exception"] and "a fault" in line["exception"] for line in lines)


@pytest.mark.parametrize("name", ["invitation", "account_reset_password_from_key"])
def test_the_secret_of_a_link_is_not_logged(told, db, monkeypatch, name):
    """ASVS 16.2.5: an address may hold what is known to one person alone."""
    secret = "Qx7" + "s3cr3t" * 6
    arguments = {"invitation": ["inv_0000000000000000", secret], "account_reset_password_from_key": ["2n", secret]}
    address = reverse(name, args=arguments[name])
    monkeypatch.setattr("accounts.views_invitations.redirect", None)
    monkeypatch.setattr("allauth.account.views.UserTokenForm", None)
    Client(raise_request_exception=False).get(address)
    Client(raise_request_exception=False).put(address)
    lines = objects(told)
    assert lines
    assert secret not in told.getvalue()


def test_the_settings_say_so():
    """And Django's own handlers, which would write lines of their own, are gone."""
    described = settings.LOGGING
    assert described["formatters"]["line"]["()"] == "portal.logs.JsonLine"
    assert all(handler["formatter"] == "line" for handler in described["handlers"].values())
    assert all("refusals" in handler["filters"] for handler in described["handlers"].values())
    assert not logging.getLogger("django").handlers
    assert logging.getLogger("django.request").propagate
    # Its template engine, asked for DEBUG, quotes the whole context of a page, with a token that is shown once.
    assert not logging.getLogger("django.template").isEnabledFor(logging.DEBUG)


def test_the_servers_own_lines_are_json_too():
    """What granian says of a worker that died, or of a request that broke it, stands in the same log."""
    path = settings.BASE_DIR / "portal" / "granian-log.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    with kept("_granian", "granian.access"):
        dictConfig(described)
        for name in ("_granian", "granian.access"):
            (handler,) = logging.getLogger(name).handlers
            assert isinstance(handler.formatter, JsonLine)
    words = granian("x:y", host="127.0.0.1", port=1, workers=1, threads=1)
    assert words[words.index("--log-config") + 1] == str(path)


@contextmanager
def kept(*names: str) -> Iterator[None]:
    """Put the loggers back as they were."""
    before = {name: (logging.getLogger(name).handlers[:], logging.getLogger(name).propagate) for name in names}
    yield
    for name, (handlers, propagate) in before.items():
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = handlers, propagate
