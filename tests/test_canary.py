"""A token shown once is nowhere else: canaries are made in every way there is, and then looked for everywhere."""

import logging
import re
import sys
import urllib.error
import urllib.request
from io import StringIO
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter

from accounts.models import Entity, User
from accounts.permissions import Role
from tests import processes
from tests.canary import database_files, shapes, tables, traces
from tests.factories import make_administrator, make_gateway, make_merchant, make_token, make_user, put_into
from tests.reading import HTMX, client_of, read
from tokens import digests, formats, lifecycle
from tokens.models import Token
from tokens.permissions import CATALOGUE


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee")


@pytest.fixture
def user(merchant) -> User:
    return make_administrator(merchant)


def typed(**fields: str) -> dict[str, str | list[str]]:
    form = {"mode": "live", "alias": "Canary", "permissions": sorted(CATALOGUE), "form_key": str(uuid4())}
    return form | fields


def shown_in(response) -> str:
    return read(response).one("code", id="secret").text


def create_in_every_way(merchant: Entity, user: User) -> tuple[list[str], list]:
    """Create tokens on the page, in the dialog, twice with one form, after errors, as a copy, in rotation, by command.

    Return the tokens, and every answer that must not hold any of them.
    """
    client, url = client_of(user), reverse("tokens:add", args=[merchant.entity_id])
    secrets, others = [], []
    for headers in ({}, HTMX):
        form = typed()
        others.append(client.post(url, form | {"alias": "\u202e"}, **headers))
        secrets.append(shown_in(client.post(url, form, **headers)))
        others.append(client.post(url, form, **headers))
    for verb in ("duplicate", "rotate"):
        url = reverse(f"tokens:{verb}", args=[formats.parse(secrets[0]).key_id])
        form = typed(overlap="3600")
        secrets.append(shown_in(client.post(url, form)))
        others.append(client.post(url, form))
    printed = StringIO()
    call_command("issue_token", merchant.entity_id, stdout=printed, stderr=StringIO())
    secrets.append(printed.getvalue().strip())
    tabs = [
        reverse(name, args=[merchant.entity_id])
        for name in ("tokens:developers", "tokens:export", "accounts:users", "accounts:activity")
    ]
    paths = ["/", "/merchants/", "/activity/", "/settings/", merchant.get_absolute_url(), *tabs]
    others += [client.get(path) for path in paths]
    for token in Token.objects.of(merchant):
        others += [
            client.get(reverse(f"tokens:{verb}", args=[token.key_id]))
            for verb in ("detail", "edit", "duplicate", "deactivate")
        ]
    support = client_of(make_user(Role.SUPPORT))
    for model in ("tokens_token", "accounts_entity", "accounts_auditevent"):
        others.append(support.get(reverse(f"admin:{model}_changelist")))
    others += [support.get(reverse("admin:tokens_token_change", args=[token.pk])) for token in Token.objects.all()]
    return secrets, others


@pytest.mark.django_db(transaction=True)
def test_a_token_is_in_no_table_file_log_cookie_or_mail(merchant, user, caplog, capfd):
    """S0-22, S0-27, TRAPS: everything the portal writes is searched, in every shape a secret could be kept in."""
    caplog.set_level(logging.DEBUG)
    secrets, answers = create_in_every_way(merchant, user)
    assert len(set(secrets)) == 5
    sinks: dict[str, str | bytes] = tables()
    sinks |= {f"file {path.suffix}": path.read_bytes() for path in database_files()}
    sinks |= {"log": caplog.text, "output": "".join(capfd.readouterr()), "mail": repr(mail.outbox)}
    for number, answer in enumerate(answers):
        sinks[f"answer {number}"] = answer.getvalue()  # an export is streamed
        sinks[f"headers {number}"] = f"{answer.headers} {answer.cookies}"
    assert {name: traces(sink, secrets) for name, sink in sinks.items() if traces(sink, secrets)} == {}
    # The search does see: what may be kept is found where it should be.
    key_id = formats.parse(secrets[0]).key_id
    assert key_id in sinks["tokens_token"]
    assert key_id in sinks["accounts_auditevent"]
    assert digests.digest(formats.parse(secrets[0]), 1).hex() in sinks["tokens_token"]
    if connection.vendor == "sqlite":
        assert key_id.encode() in b"".join(path.read_bytes() for path in database_files())


def test_the_search_finds_a_secret_in_every_shape():
    """What cannot fail shows nothing."""
    secret = formats.write(formats.mint("api", "live"))
    for name, shape in shapes(secret).items():
        assert name in traces(b"before " + shape + b" after", [secret])
        assert len(shape) >= 20, name
    assert traces(b"nothing here", [secret]) == []


@pytest.fixture
def reports(monkeypatch) -> list[str]:
    """Return the reports of unexpected exceptions, as Django would mail or show them, and spy on what is minted."""
    found: list[str] = []

    def report(request=None, **_) -> None:
        for is_email in (False, True):
            reporter = ExceptionReporter(request, *sys.exc_info(), is_email=is_email)
            found.extend([reporter.get_traceback_html(), reporter.get_traceback_text()])

    got_request_exception.connect(report)
    yield found
    got_request_exception.disconnect(report)


@pytest.fixture
def minted(monkeypatch) -> list[str]:
    """Return what was minted, for tests in which nobody is shown it."""
    found: list[str] = []
    write = formats.write

    def write_and_tell(token: formats.Presented) -> str:
        text = write(token)
        found.append(text)
        return text

    monkeypatch.setattr(formats, "write", write_and_tell)
    return found


def break_audit(monkeypatch) -> None:
    def fail(*_, **__):
        raise RuntimeError("The disk is full.")

    monkeypatch.setattr(lifecycle.audit, "record", fail)


def break_page(monkeypatch) -> None:
    monkeypatch.setattr(Token, "preset_label", property(lambda token: 1 / 0))


def break_database(monkeypatch) -> None:
    monkeypatch.setattr(lifecycle, "write_scope", lambda permissions: None)  # NOT NULL fails, and says in which row


@pytest.mark.parametrize("break_something", [break_audit, break_page, break_database])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_a_report_of_a_fault_does_not_hold_the_token(
    merchant, user, monkeypatch, reports, minted, caplog, break_something, headers
):
    """TRAPS: local variables, exception texts and PostgreSQL's failing rows are in such reports."""
    caplog.set_level(logging.DEBUG)
    break_something(monkeypatch)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    response = client.post(reverse("tokens:add", args=[merchant.entity_id]), typed(), **headers)
    assert response.status_code == 500
    assert len(minted) == 1
    assert len(reports) == 4
    for text in (*reports, caplog.text, response.content):
        assert traces(text, minted) == []
    assert "tokens/views.py" in reports[0]  # the report is not empty: it does show where it happened


def test_a_report_of_a_fault_outside_a_page_does_not_hold_the_token(merchant, monkeypatch, minted):
    """Whoever calls the verb, a command or an API, need not think of it."""
    break_audit(monkeypatch)
    for text in reports_of_making_a_token(merchant):
        assert "The disk is full." in text
        assert traces(text, minted) == []


def reports_of_making_a_token(merchant: Entity) -> list[str]:
    """Return the reports of the fault in it. A frame of its own: that of the test holds what was minted."""
    try:
        make_token(merchant)
    except RuntimeError:
        reporter = ExceptionReporter(None, *sys.exc_info())
        return [reporter.get_traceback_html(), reporter.get_traceback_text()]
    raise AssertionError("It was made.")


@pytest.mark.parametrize("verb", ["revoked", "removed"])
@pytest.mark.django_db(transaction=True)
def test_an_ended_token_leaves_no_digest_behind(merchant, verb):
    """S0-35, S3-20, TRAPS: not in the row, and on SQLite not in free pages or in the write-ahead log."""
    tokens = [make_token(merchant)[0] for _ in range(5)]
    digests_ = [bytes(token.digest) for token in Token.objects.order_by("pk")]
    pieces = [digest[start : start + 8] for digest in digests_ for start in range(0, 32, 8)]

    def left() -> int:
        content = b"".join(path.read_bytes() for path in database_files()) or repr(tables()).encode()
        return sum(piece in content or piece.hex().encode() in content for piece in pieces)

    assert left() == len(pieces)
    for token in tokens:
        put_into(token, verb)
    assert not Token.objects.exclude(digest=None).exists()
    assert left() == 0


@pytest.mark.django_db(transaction=True)
def test_a_server_says_nothing_about_tokens(merchant, user, tmp_path):
    """TRAPS: the production server at its most talkative, with a form, its repetition, faults and decisions."""
    token_client = client_of(user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={token_client.cookies[settings.SESSION_COOKIE_NAME].value}"
    _, gateway = make_gateway()
    with processes.portal(tmp_path, workers=1, pages=True, KEYHOUSE_LOG_LEVEL="DEBUG") as server:
        url = server.url + reverse("tokens:add", args=[merchant.entity_id])

        def send(to: str, data: dict | None = None, **headers: str) -> tuple[int, str, str]:
            body = urlencode(data, doseq=True).encode() if data else None
            request = urllib.request.Request(to, body, {"Cookie": cookie, "Referer": url} | headers)
            try:
                with urllib.request.urlopen(request) as answer:
                    return answer.status, answer.read().decode(), str(answer.headers)
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode(), str(error.headers)

        _, page, headers = send(url)
        forgery_key = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        cookie += "; " + re.search(rf"{settings.CSRF_COOKIE_NAME}=\w+", headers)[0]
        form = typed(csrfmiddlewaretoken=forgery_key)
        _, page, headers = send(url, form)
        secret = re.search(r"kh_api_live_\w{66}", page)[0]
        answers = [headers, *send(url, form)[1:]]
        bearer = {"Authorization": f"Bearer {secret}"}
        authorize = f"{server.url}/gateway/authorize"
        decisions = [
            send(authorize, **bearer, **{"X-Keyhouse-Gateway": gateway}),
            send(f"{authorize}?mode=test", **bearer, **{"X-Keyhouse-Gateway": gateway}),
            send(authorize, **bearer, **{"X-Keyhouse-Gateway": secret}),
            send(authorize, **bearer),
            send(f"{server.url}/nowhere", **bearer),
        ]
        assert [decision[0] for decision in decisions] == [200, 403, 401, 401, 404]
        answers += [text for decision in decisions for text in decision[1:]]
        while_serving = {path.name: path.read_bytes() for path in database_files()}
    assert server.log.stat().st_size > 0
    sinks = tables() | while_serving | {"log": server.log.read_bytes()} | dict(enumerate(answers))
    secrets = [secret, gateway]
    assert {name: traces(sink, secrets) for name, sink in sinks.items() if traces(sink, secrets)} == {}
