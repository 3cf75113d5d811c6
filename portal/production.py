"""What stops the start outside the demo: settings under which what Keyhouse keeps would lie open.

Each has its sentence, and all are told at once. They are looked at where the settings end, so that no way of starting,
neither `serve` nor another WSGI server, gets past them.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

from django.core.exceptions import ImproperlyConfigured

PLACEHOLDER = re.compile(r"change.?me|secret|password|example|insecure|default|keyhouse|[<>…]|\.\.\.", re.IGNORECASE)
"""What stands in examples. A secret that was drawn by lot holds one of these words less than once in a million."""

SHORTEST_PERIOD, FEWEST_CHARACTERS = 32, 8
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def refuse_unsafe(settings: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured, with a sentence for each fault, where nothing may start with these settings."""
    faults = demo_faults(settings) if settings["DEMO"] else house_faults(settings)
    if found := list(faults):
        raise ImproperlyConfigured("\n".join(found))


def demo_faults(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what gives a real house away that says it is the demo, where none of the rest is asked."""
    for host in settings["ALLOWED_HOSTS"]:
        if not is_loopback(host):
            yield f"KEYHOUSE_HOSTS names {host}, and KEYHOUSE_DEMO is for this machine alone. Unset one of them."


def house_faults(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the settings of a real house."""
    if settings["DEBUG"]:
        yield "KEYHOUSE_DEBUG is on: its pages show settings and variables to everybody. Unset it."
    if not settings["HTTPS"]:
        yield "KEYHOUSE_HTTPS is off: passwords and tokens would travel in the clear. Unset it."
    yield from _faults_of_names(settings)
    yield from _faults_of_mail(settings)
    yield from _faults_of_secrets(named_secrets(settings))


def _faults_of_names(settings: Mapping[str, Any]) -> Iterator[str]:
    hosts = settings["ALLOWED_HOSTS"]
    if not hosts or any("*" in host or host.startswith(".") or not host for host in hosts):
        yield "KEYHOUSE_HOSTS must list each host name in full, without * and without a dot in front."
    if any("*" in origin or not origin.startswith("https://") for origin in settings["CSRF_TRUSTED_ORIGINS"]):
        yield "KEYHOUSE_ORIGINS must list each origin in full, from https:// on and without *."


def _faults_of_mail(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["EMAIL_BACKEND"] != SMTP:
        yield (
            "KEYHOUSE_EMAIL_URL names no mail server: invitations and new passwords would be lost, or printed with "
            "their links into the log."
        )
    elif not (settings["EMAIL_USE_TLS"] or settings["EMAIL_USE_SSL"] or is_loopback(settings["EMAIL_HOST"])):
        yield (
            "KEYHOUSE_EMAIL_URL would send links that let people in through the clear: begin it with submission://, "
            "or end it with ?ssl=true."
        )


def _faults_of_secrets(named: dict[str, str]) -> Iterator[str]:
    first: dict[str, str] = {}
    for name, secret in named.items():
        if is_guessable(secret):
            yield f"{name} can be guessed: draw a secret of your own, with: openssl rand -hex 32"
        if (same := first.setdefault(secret.casefold(), name)) != name:
            yield f"{same} and {name} are the same: each needs a secret of its own."


def named_secrets(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return every secret of the settings under the name that a sentence calls it by."""
    numbered = {
        f"Number {number} of {name}": write(secret)
        for name, secrets, write in (
            ("KEYHOUSE_TOKEN_PEPPERS", settings["TOKEN_PEPPERS"], bytes.decode),
            ("KEYHOUSE_VAULT_KEYS", settings["VAULT_KEYS"], bytes.hex),
        )
        for number, secret in secrets.items()
    }
    single = {"KEYHOUSE_SECRET_KEY": settings["SECRET_KEY"], "KEYHOUSE_AUDIT_KEY": settings["AUDIT_KEY"].decode()}
    return single | numbered


def is_guessable(secret: str) -> bool:
    """Return whether `secret` comes from an example, repeats itself, counts up, or has hardly any characters."""
    steps = {ord(after) - ord(before) for before, after in pairwise(secret)}
    return (
        bool(PLACEHOLDER.search(secret))
        or min(len(set(secret)), len(steps)) < FEWEST_CHARACTERS
        or any(secret.startswith(secret[period:]) for period in range(1, min(SHORTEST_PERIOD, len(secret) * 2 // 3)))
    )


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address, is this machine for itself alone."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
