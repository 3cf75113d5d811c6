"""What Keyhouse refuses to start with outside the demo, a sentence each, and that nothing else is in its way.

OWASP ASVS 5.0: 12.2.1, 13.3.1, 13.4.2, 15.2.3; PCI DSS 4.0: 2.2.2, 2.2.6, 2.2.7, 8.6.2.
"""

import base64
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.utils import get_random_secret_key

from portal import environment
from portal.demo.people import PASSWORD
from portal.production import is_guessable, refuse_unsafe
from tests.processes import ROOT, free_port

HOUSE = {
    "DEMO": False,
    "DEBUG": False,
    "HTTPS": True,
    "ALLOWED_HOSTS": ["portal.shop.example", "127.0.0.1"],
    "CSRF_TRUSTED_ORIGINS": ["https://pages.shop.example"],
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "EMAIL_HOST": "mail.shop.example",
    "EMAIL_USE_TLS": True,
    "EMAIL_USE_SSL": False,
    "SECRET_KEY": secrets.token_hex(32),
    "AUDIT_KEY": secrets.token_hex(32).encode(),
    "TOKEN_PEPPERS": {1: secrets.token_urlsafe(32).encode(), 2: secrets.token_hex(32).encode()},
    "VAULT_KEYS": {1: secrets.token_bytes(32), 7: secrets.token_bytes(32)},
}


def faults(**changes: object) -> list[str]:
    """Return the sentences with which a house is refused that is sound but for `changes`."""
    try:
        refuse_unsafe(HOUSE | changes)
    except ImproperlyConfigured as refusal:
        return str(refusal).splitlines()
    return []


def test_a_sound_house_is_not_refused():
    assert faults() == []


REFUSED = [
    ({"DEBUG": True}, "KEYHOUSE_DEBUG is on"),
    ({"HTTPS": False}, "KEYHOUSE_HTTPS is off"),
    *(
        ({"ALLOWED_HOSTS": hosts}, "KEYHOUSE_HOSTS must list")
        for hosts in ([], ["*"], ["."], [".x.example"], ["a", ""])
    ),
    ({"ALLOWED_HOSTS": ["*.shop.example"]}, "KEYHOUSE_HOSTS must list"),
    ({"CSRF_TRUSTED_ORIGINS": ["http://pages.shop.example"]}, "KEYHOUSE_ORIGINS must list"),
    ({"CSRF_TRUSTED_ORIGINS": ["https://*.shop.example"]}, "KEYHOUSE_ORIGINS must list"),
    *(
        ({"EMAIL_BACKEND": f"django.core.mail.backends.{kind}.EmailBackend"}, "KEYHOUSE_EMAIL_URL names no mail server")
        for kind in ("console", "dummy", "filebased", "locmem")
    ),
    ({"EMAIL_USE_TLS": False}, "KEYHOUSE_EMAIL_URL would send links"),
    ({"SECRET_KEY": "x" * 64}, "KEYHOUSE_SECRET_KEY can be guessed"),
    ({"AUDIT_KEY": b"audit-key-of-the-tests-" * 3}, "KEYHOUSE_AUDIT_KEY can be guessed"),
    (
        {"TOKEN_PEPPERS": {1: b"change-me-" + os.urandom(30).hex().encode()}},
        "Number 1 of KEYHOUSE_TOKEN_PEPPERS",
    ),
    ({"VAULT_KEYS": {3: bytes(32)}}, "Number 3 of KEYHOUSE_VAULT_KEYS can be guessed"),
    ({"VAULT_KEYS": {3: bytes.fromhex("0123456789abcdef" * 4)}}, "Number 3 of KEYHOUSE_VAULT_KEYS can be guessed"),
    ({"AUDIT_KEY": HOUSE["SECRET_KEY"].encode()}, "KEYHOUSE_SECRET_KEY and KEYHOUSE_AUDIT_KEY are the same"),
    (
        {"SECRET_KEY": HOUSE["VAULT_KEYS"][1].hex().upper()},
        "KEYHOUSE_SECRET_KEY and Number 1 of",
    ),
    ({"VAULT_KEYS": {1: HOUSE["VAULT_KEYS"][1], 2: HOUSE["VAULT_KEYS"][1]}}, "KEYHOUSE_VAULT_KEYS and Number 2 of"),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_would_let_anybody_in_is_refused_with_one_sentence(changes, sentence):
    """ASVS 13.4.2, 12.2.1, 13.3.1; PCI DSS 2.2.2, 2.2.7, 8.6.2: and the sentence never quotes a secret."""
    (told,) = faults(**changes)
    assert sentence in told
    assert not re.search(r"[0-9a-f]{16}|x{16}", told)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_a_relay_on_this_machine_needs_no_tls(host):
    assert faults(EMAIL_USE_TLS=False, EMAIL_HOST=host) == []


def test_what_somebody_wrote_down_somewhere_is_no_secret():
    """PCI DSS 2.2.2, 8.6.2: the README's examples, the demo's password, the tests' secrets, what repeats itself."""
    written = [
        *re.findall(r"<(?:secret|key)>", (ROOT / "README.md").read_text(encoding="utf-8")),
        PASSWORD,
        django_settings.SECRET_KEY,
        django_settings.AUDIT_KEY.decode(),
        django_settings.TOKEN_PEPPERS[1].decode(),
        f"django-insecure-{secrets.token_urlsafe(32)}",
        "a" * 64,
        "ab" * 32,
        "test" * 16,
        "A" + "b" * 63,
        "0123456789" * 5,
        "9876543210abcdef" * 4,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "correct horse battery staple " * 2,
    ]
    assert [secret for secret in written if not is_guessable(secret)] == []


DRAWN: list[Callable[[], str]] = [
    lambda: secrets.token_hex(32),
    lambda: secrets.token_hex(16),
    lambda: secrets.token_urlsafe(32),
    lambda: base64.b64encode(secrets.token_bytes(24)).decode(),
    get_random_secret_key,
]


@pytest.mark.parametrize("draw", DRAWN)
def test_what_was_drawn_by_lot_is_a_secret(draw):
    assert not [secret for secret in (draw() for _ in range(500)) if is_guessable(secret)]


# The environment


@pytest.fixture
def house(monkeypatch) -> pytest.MonkeyPatch:
    """Read the environment as a real house does, with nothing of ours in it."""
    for name in [name for name in os.environ if name.startswith(("KEYHOUSE_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(environment, "DEMO", False)
    return monkeypatch


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("submission://ann:p%40ss@mail.shop.example", ("mail.shop.example", 587, True, False)),
        ("smtp://ann:p%40ss@mail.shop.example:465?ssl=true", ("mail.shop.example", 465, False, True)),
        ("smtp://", ("localhost", 25, False, False)),
    ],
)
def test_the_mail_server_is_read_as_the_readme_says(house, url, told):
    house.setenv("KEYHOUSE_EMAIL_URL", url)
    read = environment.read_email()
    assert tuple(read[f"EMAIL_{name}"] for name in ("HOST", "PORT", "USE_TLS", "USE_SSL")) == told
    assert read["EMAIL_TIMEOUT"] == environment.MAIL_SECONDS


@pytest.mark.parametrize("url", ["", "smtp+tls://u:p@mail.shop.example", "mail.shop.example", "submission://h:port"])
def test_a_mail_server_that_is_not_understood_stops_the_start(house, url):
    """What Django does not know it would take for a server that speaks without TLS."""
    house.setenv("KEYHOUSE_EMAIL_URL", url)
    with pytest.raises(ImproperlyConfigured, match=r"^KEYHOUSE_EMAIL_URL [^\n]+submission://user:password@[^\n]+$"):
        environment.read_email()


def test_in_the_demo_mail_is_printed(house):
    house.setattr(environment, "DEMO", True)
    assert environment.read_email()["EMAIL_BACKEND"] == "django.core.mail.backends.console.EmailBackend"


@pytest.mark.parametrize("path", ["/dev/null", "/"])
def test_a_journal_that_would_keep_nothing_stops_the_start(path, monkeypatch, tmp_path):
    """PCI DSS 10.3.4: no cut would be found; a file that is not there yet is made."""
    monkeypatch.setenv("KEYHOUSE_AUDIT_JOURNAL", path)
    with pytest.raises(ImproperlyConfigured, match="KEYHOUSE_AUDIT_JOURNAL must name a file that keeps"):
        environment.read_journal(tmp_path / "audit.journal")
    monkeypatch.delenv("KEYHOUSE_AUDIT_JOURNAL")
    assert environment.read_journal(tmp_path / "audit.journal") == tmp_path / "audit.journal"


def test_an_address_that_holds_a_password_may_be_a_file(house, tmp_path: Path):
    """PCI DSS 8.6.2, ASVS 13.3.1: no password has to stand in a unit or on a command line."""
    (tmp_path / "database").write_text("postgres://kay:hidden@db.shop.example/keyhouse\n", encoding="utf-8")
    (tmp_path / "mail").write_text("submission://kay:hidden@mail.shop.example\n", encoding="utf-8")
    house.setenv("DATABASE_URL_FILE", str(tmp_path / "database"))
    house.setenv("KEYHOUSE_EMAIL_URL_FILE", str(tmp_path / "mail"))
    assert environment.read_database()["PASSWORD"] == environment.read_email()["EMAIL_HOST_PASSWORD"] == "hidden"


@pytest.mark.parametrize("name", ["KEYHOUSE_SECRET_KEY", "DATABASE_URL", "KEYHOUSE_EMAIL_URL"])
def test_a_file_that_cannot_be_read_is_named(house, tmp_path, name):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "bytes"):
        house.setenv(f"{name}_FILE", str(path))
        with pytest.raises(ImproperlyConfigured, match=f"^{name}_FILE names a file that cannot be read: {path}.$"):
            environment.read_text(name)


# The demo


def test_the_demo_is_for_this_machine_alone(settings):
    """PCI DSS 2.2.2: with the demo's name on, nothing is asked; so it must not be how a real house is run."""
    assert faults(DEMO=True, HTTPS=False, DEBUG=True, ALLOWED_HOSTS=["localhost", "127.0.0.1", "[::1]"]) == []
    for host in ("portal.shop.example", "*", "192.0.2.1", ".localhost"):
        (told,) = faults(DEMO=True, ALLOWED_HOSTS=["localhost", host])
        assert told.startswith(f"KEYHOUSE_HOSTS names {host}, and KEYHOUSE_DEMO is for this machine alone.")
    settings.DEMO = True
    for address in ("0.0.0.0", "::", "192.0.2.1"):  # noqa: S104  never bound to
        with pytest.raises(CommandError, match="listens to this machine alone"):
            call_command("serve", "--host", address)


# The real thing


def run(*words: str, **changes: str) -> subprocess.CompletedProcess:
    """Run `manage.py` as an operator of a sound house does, whose environment has these `changes`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("KEYHOUSE_", "D"))}
    house = {f"KEYHOUSE_{name}": secrets.token_hex(32) for name in ("SECRET_KEY", "AUDIT_KEY", "VAULT_KEYS")}
    house |= {
        "KEYHOUSE_TOKEN_PEPPERS": f"1:{secrets.token_urlsafe(32)},2:{secrets.token_urlsafe(32)}",
        "KEYHOUSE_HOSTS": "portal.shop.example",
        "KEYHOUSE_BEHIND_PROXY": "yes",
        "KEYHOUSE_EMAIL_URL": "submission://kay:hidden@mail.shop.example",
        "DATABASE_URL": "sqlite:///:memory:",
    }
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(
        command, cwd=ROOT, env=ours | house | changes, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_check_for_deployment_is_clean(tmp_path):
    """ASVS 13.4.2, 15.2.3; PCI DSS 2.2.6: Django's own checks for production find nothing, not even a hint."""
    done = run("check", "--deploy", "--fail-level", "DEBUG", KEYHOUSE_VAR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues (1 silenced)" in done.stdout


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"KEYHOUSE_REQUIRE_MFA": "no"}, "keyhouse.W001"),
        ({"DATABASE_URL": "postgres://kay@db.shop.example/keyhouse"}, "keyhouse.W002"),
        ({"DATABASE_URL": "postgres://kay@db.shop.example/keyhouse?sslmode=prefer"}, "keyhouse.W002"),
        ({"DATABASE_URL": "postgres://kay@db.shop.example/keyhouse?sslmode=verify-full"}, ""),
        ({"DATABASE_URL": "postgres://kay@127.0.0.1/keyhouse"}, ""),
    ],
)
def test_the_check_for_deployment_warns_of_what_may_be_meant_so(tmp_path, changes, warning):
    """PCI DSS 4.2.1, 8.4.2: a house may start so, and its operator hears of it."""
    done = run("check", "--deploy", "--tag", "security", KEYHOUSE_VAR=str(tmp_path), **changes)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"keyhouse\.W\d+", done.stderr) == ([warning] if warning else [])


@pytest.mark.parametrize("command", ["check", "serve", "migrate"])
def test_an_unsafe_house_does_not_start_and_says_all_that_is_wrong(tmp_path, command):
    """PCI DSS 2.2.2, 2.2.7: before anything is bound, written or gathered; one line for each fault, no traceback."""
    port = free_port()
    words = ["serve", "--port", str(port)] if command == "serve" else [command]
    done = run(
        *words,
        KEYHOUSE_VAR=str(tmp_path),
        KEYHOUSE_DEBUG="yes",
        KEYHOUSE_HTTPS="no",
        KEYHOUSE_HOSTS="*",
        KEYHOUSE_SECRET_KEY="x" * 64,
        KEYHOUSE_AUDIT_KEY="x" * 64,
        KEYHOUSE_EMAIL_URL="console:",
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split()[0] for line in done.stderr.splitlines()] == [
        "KEYHOUSE_DEBUG",
        "KEYHOUSE_HTTPS",
        "KEYHOUSE_HOSTS",
        "KEYHOUSE_EMAIL_URL",
        "KEYHOUSE_SECRET_KEY",
        "KEYHOUSE_AUDIT_KEY",
        "KEYHOUSE_SECRET_KEY",
    ]
    assert not list(tmp_path.iterdir())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port))
