"""`manage.py serve`: Keyhouse behind its production server."""

import os
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from portal.server import granian
from tokens import readers, vault
from tokens.readers import Unreachable


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_vault() -> None:
    """Raise CommandError where a key of the vault is missing or wrong: what is sealed from then on would be lost.

    A database that does not answer is no reason not to start: the server comes up with it, and /readyz tells.
    """
    try:
        faults = vault.faults()
    except Unreachable:
        return
    finally:
        readers.forget()
    if faults:
        raise CommandError("\n".join(faults))


class Command(BaseCommand):
    """Serve in place of this process, so that SIGTERM and SIGINT reach the server and stop it gracefully."""

    help = "Serves Keyhouse over HTTP with granian until it is told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer what differs from machine to machine; the rest follows from what Keyhouse is."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--workers", type=int, default=cores(), help="processes (default: the cores, %(default)s)")
        most = min(2 * cores() + 1, 5)  # beyond that they are in each other's way
        parser.add_argument("--threads", type=int, default=most, help="threads of each process (default: %(default)s)")

    def handle(self, *_: str, host: str, port: int, workers: int, threads: int, **__: Any) -> NoReturn:
        """Replace this process with the server, after gathering the static files where nobody has yet."""
        check_vault()
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            call_command("collectstatic", interactive=False, verbosity=0)
        self.stdout.write(f"Keyhouse serves http://{host}:{port} with {workers} processes of {threads} threads.")
        self.stdout.flush()
        # Each thread that shows a page needs a connection of the pool, and the thread that writes counts another.
        os.environ.setdefault("KEYHOUSE_DB_POOL", str(threads + 1))
        # With fewer threads, pages would have to wait for each other.
        os.environ.setdefault("KEYHOUSE_PAGES_AT_ONCE", str(threads - 2 if threads > 3 else 0))
        words = granian("portal.wsgi:application", host=host, port=port, workers=workers, threads=threads)
        os.execv(sys.executable, words)
