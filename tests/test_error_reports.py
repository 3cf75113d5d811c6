"""Every function that holds a secret is made to fail while it does; nothing that is told about it holds the secret.

Reports as Django would mail or show them, with its own filter too, the log, the streams, the answer. OWASP ASVS 5.0:
14.2.4, 15.3.1, 16.2.5, 16.5.1, 16.5.4; PCI DSS 4.0: 3.3.1, 3.5.1, 6.2.4, 8.3.2. TRAPS: secrets leak through plumbing.
"""

import ast
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management.base import CommandError
from django.core.signals import got_request_exception
from django.db import transaction
from django.http import QueryDict
from django.views.debug import SafeExceptionReporterFilter, get_exception_reporter_class

from portal.logs import JsonLine
from tests.canary import shapes
from tests.faults import OURS, Fault, Watch, name_of
from tests.processes import ROOT
from tests.secret_scenarios import DRAWING, SCENARIOS
from tests.tokens.keys.conftest import House
from tests.tokens.keys.conftest import house as house  # noqa: PLC0414  a fixture here as well
from tokens import digests, formats, signing, verification

HOT = "it costs more there than it is worth"
WITHOUT_DECORATOR = {
    "portal/wsgi.py": "what passes it is logged by granian, without variables",
    "portal/bulkhead.py": "likewise",
    "portal/middleware.py": "Django's own functions around it hold the parts of the address as well",
    "accounts/signin/sessions.py": "likewise what a session holds",
    "tokens/gateway/authorize.py": HOT,
    "tokens/gateway/introspect.py": HOT,
    "tokens/gateway/problems.py": "its inner function is decorated; what passes the outer one is logged by granian",
    "tokens/verification.py": HOT,
    "tokens/digests.py": HOT,
    "tokens/formats.py": HOT,
}
"""Modules in which our own filter of reports hides what functions hold, and Django's would not -> why."""


INSIDE = "what it looks at is kept in the form: no variable of it holds a secret"
ELSEWHERE: dict[str, str] = {
    "accounts/signin/forms.py: AddAppForm.clean_code": INSIDE,
    "accounts/signin/forms.py: CountedChangePasswordForm.clean_oldpassword": INSIDE,
    "accounts/signin/forms.py: CountedCodeForm.clean_code": INSIDE,
    "accounts/signin/views.py: add_passkey": "its codes come as an app's do; a passkey would need a browser",
    "accounts/views_invitations.py: resend.<locals>.act": "it passes the secret on at once",
    "tokens/keys/lifecycle.py: _value": "likewise",
    "tokens/vault.py: _seal_anew": "likewise",
    "portal/bootstrap.py: stop": "an exit code",
    "portal/management/commands/demo.py: keep": "the demo's secrets are known to everybody",
    "portal/production.py: is_guessable": "it runs before there are reports",
    "tokens/gateway/problems.py: Problem.__init__": "a status",
}
"""Functions that seem to hold a secret and are not reached here -> why not."""


class Told(logging.Handler):
    """Everything that is said about faults: by the log as it is written, and by reports of both kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.has_reported = False
        self.setFormatter(JsonLine())

    def emit(self, record: logging.LogRecord) -> None:
        self.keep("log", self.format(record))
        if record.exc_info and record.exc_info[0]:
            self.report(getattr(record, "request", None))

    def report(self, request=None, **_: object) -> None:
        """Keep the report of the fault at hand, as a page and as a mail."""
        if isinstance(sys.exc_info()[1], Fault) and not self.has_reported:
            self.has_reported = True
            reporter = get_exception_reporter_class(request)(request, *sys.exc_info())
            self.keep("report", reporter.get_traceback_html())
            self.keep("mail", reporter.get_traceback_text())

    def look(self, frame: FrameType) -> None:
        """Keep what Django's own filter would show of this function, and of those that called it, if it failed now."""
        hidden = SafeExceptionReporterFilter()
        while frame:
            code = frame.f_code
            if code.co_filename.startswith(OURS) and name_of(code).partition(":")[0] not in WITHOUT_DECORATOR:
                shown = hidden.get_traceback_frame_variables(None, frame)
                self.keep(f"Django's own of {name_of(code)}", repr([value for _, value in shown if is_plain(value)]))
            frame = frame.f_back

    def keep(self, name: str, text: str) -> None:
        self.texts[f"{name} {len(self.texts)}"] = text


def is_plain(value: object) -> bool:
    """Whether its text can be had without asking a database; what was posted has a filter of its own."""
    return isinstance(value, str | bytes | dict | list | tuple) and not isinstance(value, QueryDict)


@contextmanager
def listening(told: Told) -> Iterator[None]:
    root = logging.getLogger()
    root.addHandler(told)
    got_request_exception.connect(told.report)
    try:
        yield
    finally:
        got_request_exception.disconnect(told.report)
        root.removeHandler(told)


def with_parts(secrets: list[str | bytes]) -> list[str | bytes]:
    """Return `secrets` with those parts of tokens and HMAC keys of which functions hear alone."""
    texts = [each for each in secrets if isinstance(each, str)]
    tokens = [found.secret for each in texts if (found := formats.parse(each))]
    return [*secrets, *tokens, *(signing.secret_of(each) for each in texts if each.startswith(signing.PREFIX))]


def play(scenario: Callable, house: House, failing: CodeType | None = None) -> tuple[Watch, Told]:
    """Play a scenario, with one function failing if one is named, and take everything back."""
    told, answers = Told(), []
    sink = Watch([], DRAWING, told.look, failing)
    cache.clear()
    with listening(told), transaction.atomic():
        going = scenario(house, answers)
        sink.secrets = with_parts([*next(going), settings.TOKEN_PEPPERS[1].decode(), settings.AUDIT_KEY.decode()])
        for remembered in (digests._keyed, digests._remembered, verification._read_gateway):
            remembered.cache_clear()
        try:
            with sink.watching():
                while not sink.has_failed and next(going, None) is not None:
                    pass
        except (Exception, CommandError):
            told.report()
            if not sink.has_failed:
                raise
        transaction.set_rollback(True)
    for answer in answers:
        told.keep("answer", str(getattr(answer, "content", answer)))
    return sink, told


def leaks(watch: Watch, told: Told) -> dict[str, list[str]]:
    """Return where a secret was found, in any shape. Six digits are found anywhere by chance."""
    found = {}
    for secret in watch.secrets:
        looks = {"hex": secret.hex(), "repr": repr(secret)[2:-1]} if isinstance(secret, bytes) else {}
        if isinstance(secret, str) and len(secret) > 15:
            looks = {shape: raw.decode("latin-1") for shape, raw in shapes(secret).items()}
        for shape, look in looks.items():
            for name, text in told.texts.items():
                if look in text:
                    found.setdefault(name, []).append(f"{shape} of {secret[:6]!r}")
    return found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_wherever_something_fails_nothing_that_is_told_holds_the_secret(house, scenario):
    """ASVS 16.2.5, 16.5.1, 16.5.4; PCI DSS 3.5.1, 8.3.2: looked at wherever one is held; one of them really fails."""
    watch, told = play(scenario, house)
    assert leaks(watch, told) == {}
    held = list(watch.holding)
    assert len(held) > 2, "somebody held a secret"
    code = held[len(held) // 2]
    failed, told = play(scenario, house, code)
    assert failed.has_failed, name_of(code)
    assert leaks(failed, told) == {}, name_of(code)
    assert any("The disk is full." in text for text in told.texts.values()) or is_away(told), name_of(code)


def is_away(told: Told) -> bool:
    """Whether all that was heard is that there is a fault: as machines are told, who get no report."""
    return any("503" in text for text in told.texts.values())


SECRETS = {"secret", "password", "code", "fresh", "link", "pepper", "presented", "minted"}
"""What a parameter is called that is one."""


def functions_with_secrets() -> set[str]:
    """Return the functions of ours that say that they hold a secret, by a decorator or by the name of a parameter."""
    found = set()

    def look(node: ast.AST, path: str, outer: str) -> None:
        for inner in ast.iter_child_nodes(node):
            name = outer
            if isinstance(inner, ast.ClassDef):
                name = f"{outer}{inner.name}."
            elif isinstance(inner, ast.FunctionDef):
                takes = {each.arg for each in [*inner.args.args, *inner.args.kwonlyargs]}
                if takes & SECRETS or "sensitive_variables" in "".join(map(ast.unparse, inner.decorator_list)):
                    found.add(f"{path}: {outer}{inner.name}")
                name = f"{outer}{inner.name}.<locals>."
            look(inner, path, name)

    for app in ("accounts", "tokens", "portal"):
        for path in (ROOT / app).rglob("*.py"):
            if "demo" not in path.parts and "migrations" not in path.parts:
                look(ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)), "")
    return found


def test_every_function_that_takes_a_secret_is_looked_at(house):
    """Whoever writes a new one is told here to let a scenario reach it."""
    held = {name_of(code) for scenario in SCENARIOS for code in play(scenario, house)[0].holding}
    assert functions_with_secrets() - held == set(ELSEWHERE)
