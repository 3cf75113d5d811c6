"""`manage.py demo`: Keyhouse with an invented payment platform in it, ready to look at."""

import fcntl
import os
import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils import timezone

from accounts import journal
from portal.demo.people import PASSWORD, PERSONAS
from portal.demo.seed import seed
from portal.management.listening import check_port

HOST = "127.0.0.1"
"""The demo's passwords are printed for everybody; so it listens to this machine alone."""


class Command(BaseCommand):
    """Prepare the demo where it is not prepared yet, say how to get in, and serve it as `serve` does."""

    help = "Serves a demo on this machine: its own database, invented merchants, sign-ins that it prints."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer where to serve, whether to, and a fresh start."""
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--no-serve", action="store_true", help="prepare the demo and stop before serving it")
        parser.add_argument("--reset", action="store_true", help="throw the demo's database away and start afresh")

    def handle(self, *_: str, port: int, no_serve: bool, reset: bool, **__: Any) -> None:
        """Refuse before anything is changed; then prepare, explain and serve."""
        database = demo_database()
        if not no_serve:
            check_port(HOST, port)
        hold(reset=reset)
        if reset:
            forget(database)
        call_command("migrate", interactive=False, verbosity=0)
        with transaction.atomic():
            for name, secret in seed(timezone.now()).items():
                keep(settings.VAR / name, secret)
        if not is_collected():
            call_command("collectstatic", interactive=False, verbosity=0)
        self.stdout.write(welcome(port))
        if no_serve:
            self.stdout.write("Prepared, not served. Serve it:  python3 manage.py demo")
        else:
            call_command("serve", host=HOST, port=port, stdout=self.stdout)


def demo_database() -> Path:
    """Return the file of the demo's database.

    Raises CommandError outside the demo and for any other database: the demo's passwords are known to everybody.
    """
    if not settings.DEMO:
        raise CommandError("The demo runs with settings of its own. Start it with: python3 manage.py demo")
    path = settings.VAR / "demo.sqlite3"
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3") or Path(database["NAME"]).resolve() != path.resolve():
        raise CommandError(
            "DATABASE_URL names another database than the demo's. The demo creates sign-ins whose password everybody "
            f"knows, so it only ever writes to {path}. Unset DATABASE_URL and start again."
        )
    return path


def hold(*, reset: bool) -> None:
    """Keep a lock for as long as this process, or the server that takes its place, uses the database.

    Raises CommandError where `reset` would delete the database under a demo that is being served.
    """
    descriptor = os.open(settings.VAR / "demo.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    os.set_inheritable(descriptor, True)  # `serve` replaces the program; what is open stays locked
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if reset else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        doing = "being served" if reset else "being made afresh"
        raise CommandError(f"This demo is {doing} by another process. Stop that one first.") from None


def forget(database: Path) -> None:
    """Delete the demo's database, with the two files that SQLite keeps beside it, and the journal of its events."""
    connection.close()
    for path in journal.files():
        path.unlink()
    for ending in ("", "-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)


def keep(path: Path, secret: str) -> None:
    """Write one of the demo's own secrets where only its owner can read it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        os.fchmod(descriptor, 0o600)  # the file may be an old one with other rights
        file.write(f"{secret}\n")


def is_collected() -> bool:
    """Return whether the static files were gathered since the last of them changed: doing so takes some seconds."""
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if not manifest.exists():
        return False
    gathered = manifest.stat().st_mtime
    sources = (storage.path(name) for finder in get_finders() for name, storage in finder.list([]))
    return all(Path(source).stat().st_mtime <= gathered for source in sources)


def welcome(port: int) -> str:
    """Return what a visitor needs to know."""
    address = f"http://{HOST}:{port}"
    sign_ins = "\n".join(f"    {person.email:<30} {person.purpose}" for person in PERSONAS)
    return f"""
Keyhouse, the demo

  Portal    {address}/
  Support   {address}/admin/

  Sign in with the password {PASSWORD} as
{sign_ins}

  Ask as a gateway does, with the token “Checkout backend” of Aurora Coffee:
    curl -i "{address}/gateway/authorize?permission=payment_transaction.edit" \\
      -H "X-Keyhouse-Gateway: $(cat {shown("demo-gateway")})" \\
      -H "Authorization: Bearer $(cat {shown("demo-token")})"
  It answers 200. Deactivate that token in the portal, ask again, and it answers 401.

  What you change is kept. Start afresh, with figures up to the minute:
    python3 manage.py demo --reset
"""


def shown(name: str) -> str:
    """Return the path of a kept secret as somebody in this folder would type it."""
    path = (settings.VAR / name).resolve()
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
