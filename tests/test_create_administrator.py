"""`manage.py create_administrator`: how the first person comes in."""

import io
from http import HTTPStatus

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User

PASSWORD = "correct horse battery staple"


def run(*words: str, password: str, monkeypatch) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    out = io.StringIO()
    call_command("create_administrator", *words, stdout=out)
    return out.getvalue()


def test_the_first_person_of_an_installation_can_sign_in_and_run_it(db, monkeypatch):
    """S2-19: nobody is there before, and nothing of the password is told or kept."""
    told = run("First@Example.com", "--name", "Ada", password=PASSWORD, monkeypatch=monkeypatch)
    client = Client()
    answer = client.post(reverse("account_login"), {"login": "first@example.com", "password": PASSWORD})
    assert answer.status_code == HTTPStatus.FOUND
    assert client.get(reverse("accounts:add_top")).status_code == HTTPStatus.OK
    event = AuditEvent.objects.get(type="member.added")
    assert event.details == {"person": "First@Example.com", "role": "platform_administrator"}
    assert PASSWORD not in told + str(event.details)


@pytest.mark.parametrize(
    ("email", "password"),
    [("nobody", PASSWORD), ("a@b.example", "short"), ("a@b.example", ""), ("a@b.example", "passwordpassword"[:8])],
)
def test_what_will_not_do_is_told_and_creates_nobody(db, monkeypatch, email, password):
    with pytest.raises(CommandError):
        run(email, password=password, monkeypatch=monkeypatch)
    assert not User.objects.exists()


def test_nobody_is_created_twice(db, monkeypatch):
    run("a@b.example", password=PASSWORD, monkeypatch=monkeypatch)
    with pytest.raises(CommandError, match="already"):
        run("A@B.example", password=PASSWORD, monkeypatch=monkeypatch)
    assert User.objects.count() == 1
