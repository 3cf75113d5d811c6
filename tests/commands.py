"""Running `manage.py` commands inside a test."""

import io
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import AuditEvent


def run(*words: str, typed: bytes = b"", monkeypatch: pytest.MonkeyPatch | None = None) -> tuple[int, str, str]:
    """Run a command with `typed` on its standard input; return exit code, output and what it said to the person."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    if monkeypatch:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
    try:
        call_command(*words, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
        code = error.returncode
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()


def last_event() -> AuditEvent:
    event = AuditEvent.objects.order_by("-number").first()
    assert event
    return event
