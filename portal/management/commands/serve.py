"""`manage.py serve`: Keyhouse behind its production server."""

import os
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connections

from accounts import journal
from portal.management.listening import check_port
from portal.management.operators import WRONG_USE, OperatorCommand
from portal.production import is_loopback
from portal.replay import replay
from portal.server import granian, prefer_throughput
from tokens import readers, vault
from tokens.readers import Unreachable


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shares(threads: int) -> tuple[int, int]:
    """Return how many of a worker's threads make pages at once, 0 for no limit, and how many wait for their turn.

    One or two are left for decisions, whatever the pages wait for.
    """
    at_once = max(min(threads - 2, 3), threads * 3 // 8) if threads > 3 else 0
    return at_once, max(threads - at_once - 2, 1)


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


class Command(OperatorCommand):
    """Serve in place of this process, so that SIGTERM and SIGINT reach the server and stop it gracefully."""

    help = "Serves Keyhouse over HTTP with granian until it is told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer what differs from machine to machine; the rest follows from what Keyhouse is."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--workers", type=int, default=cores(), help="processes (default: the cores, %(default)s)")
        parser.add_argument("--threads", type=int, default=8, help="threads of each process (default: %(default)s)")

    def handle(self, *_: str, host: str, port: int, workers: int, threads: int, **__: Any) -> NoReturn:
        """Replace this process with the server, after gathering the static files where nobody has yet."""
        if settings.DEMO and not is_loopback(host):
            raise CommandError("The demo's passwords are known to everybody, so it listens to this machine alone.")
        if min(workers, threads) < 1:
            raise CommandError("--workers, --threads: Choose 1 or more.", returncode=WRONG_USE)
        check_port(host, port)
        check_vault()
        self.replay_journal()
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            call_command("collectstatic", interactive=False, verbosity=0)
        self.stdout.write(f"Keyhouse serves http://{host}:{port} with {workers} processes of {threads} threads.")
        self.stdout.flush()
        # Each thread that shows a page needs a connection of the pool, and the thread that writes counts another.
        os.environ.setdefault("KEYHOUSE_DB_POOL", str(threads + 1))
        os.environ.setdefault("KEYHOUSE_ONE_CORE_EACH", "yes")
        at_once, waiting = shares(threads)
        os.environ.setdefault("KEYHOUSE_PAGES_AT_ONCE", str(at_once))
        os.environ.setdefault("KEYHOUSE_PAGES_WAITING", str(waiting))
        words = granian("portal.wsgi:application", host=host, port=port, workers=workers, threads=threads)
        prefer_throughput()
        os.execv(sys.executable, words)

    def replay_journal(self) -> None:
        """End again what had ended before a backup was put back: no request may be decided without that.

        Raises CommandError where the database cannot be asked and there is a journal to compare it with. A supervisor
        starts it anew; by then the database may be there.
        """
        try:
            done = replay(by=self.by)
        except (DatabaseError, OSError) as error:
            if not any(path.stat().st_size for path in journal.files()):
                return  # there is nothing to compare with; a database that is away is told by /readyz
            raise CommandError(f"Whether a backup was put back cannot be told: {str(error).strip()}") from error
        finally:
            connections.close_all()
        if done.lost:
            self.explain(str(done))
