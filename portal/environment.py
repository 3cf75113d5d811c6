"""What the environment says, read and checked: the functions behind `portal.settings`.

A missing or malformed value raises ImproperlyConfigured with a sentence that names the variable: the start stops there.
"""

import re
import secrets
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import dj_database_url
import dj_email_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

DEMO = env.bool("KEYHOUSE_DEMO", False)
"""The demo makes its own secrets and speaks plain HTTP on the loopback; nothing else may (see `portal.production`)."""

VAR = Path(env.str("KEYHOUSE_VAR", str(BASE_DIR / "var")))
MAIL_SECONDS = 10
"""How long a mail server may be silent: whoever sends an invitation waits for it."""


def read_text(name: str) -> str:
    """Return what `name` says, or the content of the file that `<name>_FILE` names; nothing where neither is set."""
    path = env.str(f"{name}_FILE", "")
    if (value := env.str(name, "")) or not path:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {path}.") from error


def read_journal(default: Path) -> Path:
    """Return where the audit journal is. Raises ImproperlyConfigured for what keeps nothing, such as a device."""
    path = Path(env.str("KEYHOUSE_AUDIT_JOURNAL", str(default)))
    if path.exists() and not path.is_file():
        raise ImproperlyConfigured(f"KEYHOUSE_AUDIT_JOURNAL must name a file that keeps what is written to it: {path}.")
    return path


def read_secret(name: str, *, shortest: int = 32) -> str:
    """Return the secret `name` from the environment, from the file `<name>_FILE`, or, in the demo, from `var/`.

    Raises ImproperlyConfigured, naming the variable, where it is missing or shorter than `shortest` characters.
    """
    value = read_text(name)
    if not value and DEMO:
        value = _demo_secret(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or {name}_FILE, to a secret of your own.")
    if len(value) < shortest:
        raise ImproperlyConfigured(f"{name} is too short: it needs at least {shortest} characters.")
    return value


def _demo_secret(name: str) -> str:
    path = VAR / "secrets" / name.lower()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_suffix(f".{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32), encoding="utf-8")
        with suppress(FileExistsError):  # whoever links first wins; two starts at once share one secret
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text(encoding="utf-8")


def read_peppers() -> dict[int, bytes]:
    """Return the numbered peppers, `1:secret,2:secret`; a bare secret counts as number 1."""
    peppers = {}
    for part in read_secret("KEYHOUSE_TOKEN_PEPPERS").split(","):
        number, _, secret = part.strip().rpartition(":")
        if not (number or "1").isdecimal() or len(secret) < 32:
            raise ImproperlyConfigured("KEYHOUSE_TOKEN_PEPPERS must read 1:<secret>,2:<secret>, 32 characters or more.")
        peppers[int(number or 1)] = secret.encode()
    return peppers


def read_vault_keys() -> dict[int, bytes]:
    """Return the numbered keys of the vault, `1:<64 hexadecimal digits>,2:...`; a bare one counts as number 1."""
    keys: dict[int, bytes] = {}
    for part in read_secret("KEYHOUSE_VAULT_KEYS").split(","):
        number, _, digits = part.strip().rpartition(":")
        if not re.fullmatch("[0-9A-Fa-f]{64}", digits) or not re.fullmatch("[0-9]{0,4}", number):
            raise ImproperlyConfigured("KEYHOUSE_VAULT_KEYS must read 1:<key>,2:<key>, each of 64 hexadecimal digits.")
        if int(number or 1) in keys:
            raise ImproperlyConfigured(f"KEYHOUSE_VAULT_KEYS names number {number or 1} twice.")
        keys[int(number or 1)] = bytes.fromhex(digits)
    return keys


def read_database() -> dict:
    """Return Django's description of the database that DATABASE_URL names, SQLite under `var/` by default.

    Of what stands behind its `?`, libpq hears how it is to use TLS: `sslmode=verify-full&sslrootcert=...`.
    """
    default = f"sqlite:///{VAR / ('demo.sqlite3' if DEMO else 'keyhouse.sqlite3')}"
    try:
        config = dj_database_url.parse(read_text("DATABASE_URL") or default)
    except ValueError as error:
        raise ImproperlyConfigured("DATABASE_URL must be sqlite:///path or postgres://user@host/name.") from error
    if config["ENGINE"].endswith("sqlite3"):
        # WAL lets decisions read while a change is written, IMMEDIATE makes writers queue instead of failing,
        # FULL keeps what was acknowledged, secure_delete wipes what was deleted.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
        }
    elif config["ENGINE"].endswith("postgresql"):
        config["CONN_HEALTH_CHECKS"] = True  # a pooled connection may have died with a restarted server
        # A server that is gone is looked for again with the next page, instead of ever more rarely.
        pool = {"min_size": 1, "max_size": env.int("KEYHOUSE_DB_POOL", 8), "timeout": 10, "reconnect_timeout": 1}
        # A server that vanished without a word, as one that failed over does, is noticed after half a minute.
        found = {"connect_timeout": 5, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
        told = {name: value for name, value in config.get("OPTIONS", {}).items() if name.startswith("ssl")}
        # Compiling a plan that fetches 25 rows takes longer than fetching them: 0.15 s of a page were nothing else.
        config["OPTIONS"] = {"pool": pool, "tcp_user_timeout": 30_000, "options": "-c jit=off", **found, **told}
    else:
        raise ImproperlyConfigured("DATABASE_URL must name SQLite or PostgreSQL.")
    return config


def read_breached() -> Path | None:
    """Return the file of breached passwords, where one is named."""
    if not (told := env.str("KEYHOUSE_BREACHED_PASSWORDS", "")):
        return None
    try:
        with open(told, "rb") as file:
            first = file.readline()
    except OSError as error:
        raise ImproperlyConfigured(f"KEYHOUSE_BREACHED_PASSWORDS cannot be read: {error.strerror}.") from error
    if not re.match(rb"[0-9A-Fa-f]{40}[:\r\n]", first):
        raise ImproperlyConfigured("KEYHOUSE_BREACHED_PASSWORDS must name a file of SHA-1 hashes in order, one a line.")
    return Path(told)


def read_email() -> dict:
    """Return Django's description of the mail server that KEYHOUSE_EMAIL_URL names; in the demo, mail is printed.

    Raises ImproperlyConfigured for a kind of address that is unknown: Django would then talk to some server in clear.
    """
    url = read_text("KEYHOUSE_EMAIL_URL") or ("console:" if DEMO else "")
    if not url:
        raise ImproperlyConfigured(
            "KEYHOUSE_EMAIL_URL is not set. Invitations and new passwords go by mail: name a mail server, as in "
            "submission://user:password@mail.example:587."
        )
    try:
        config = dj_email_url.parse(url)
    except ValueError:
        config = {}
    if "EMAIL_BACKEND" not in config:
        raise ImproperlyConfigured("KEYHOUSE_EMAIL_URL must read submission://user:password@host:587.")
    return config | {"EMAIL_TIMEOUT": config["EMAIL_TIMEOUT"] or MAIL_SECONDS}


def read_networks(name: str, default: list[str]) -> list:
    """Return the networks that `name` lists as CIDR blocks."""
    try:
        return [ip_network(block) for block in env.list(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must list networks such as 10.0.0.0/8,::1/128.") from error
