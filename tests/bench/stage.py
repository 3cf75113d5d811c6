"""Where it is measured: a database of its own for each project and size, processes that end with their block."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from portal.server import granian, prefer_throughput
from tests.processes import HOST, PATIENCE, ROOT, free_port

PROJECTS = {
    "keyhouse": "portal.settings",
    "peers": "tests.bench.peers.settings",
    "signing": "portal.settings",
}
SERVER_CORE, CLIENT_CORE = 0, 1


@dataclass(frozen=True)
class House:
    """A project with so many tokens on one kind of database, and what is presented to it."""

    project: str
    tokens: int
    environment: dict[str, str]
    file: Path
    presented: dict


@contextlib.contextmanager
def house(project: str, tokens: int, *, url: str, folder: Path) -> Iterator[House]:
    """Fill a new database at `url`, a SQLite file or a database that PostgreSQL is asked to make, for the block."""
    file = folder / f"{project}-{tokens}.json"
    with _database(url):
        environment = _environment(project, url, folder)
        words = [sys.executable, "-m", "tests.bench.subject", "fill", project, str(tokens), str(file)]
        subprocess.run(words, cwd=ROOT, env=environment, check=True)
        yield House(project, tokens, environment, file, json.loads(file.read_text(encoding="utf-8")))


def _environment(project: str, url: str, folder: Path) -> dict[str, str]:
    secret = {name: secrets.token_hex(32) for name in ("SECRET_KEY", "TOKEN_PEPPERS", "VAULT_KEYS", "AUDIT_KEY")}
    (folder / "static").mkdir(exist_ok=True)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("KEYHOUSE_")},
        **{f"KEYHOUSE_{name}": value for name, value in secret.items()},
        "KEYHOUSE_VAR": str(folder),
        "KEYHOUSE_EMAIL_URL": "smtp://127.0.0.1:9",
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": PROJECTS[project],
    }


@contextlib.contextmanager
def _database(url: str) -> Iterator[None]:
    if url.startswith("sqlite:"):
        path = Path(url.removeprefix("sqlite:///"))
        try:
            yield
        finally:
            for file in path.parent.glob(f"{path.name}*"):  # the journal's files too
                file.unlink()
        return
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
        connection.execute(drop)
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield
        finally:
            connection.execute(drop)


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Let processes that are started in the block run on this core alone, where there are several."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) > 1:
        os.sched_setaffinity(0, {sorted(allowed)[core]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class Subject:
    """A project's process that times calls of its own code."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def ask(self, *names: str, seconds: float) -> dict[str, dict[str, float]]:
        """Return the microseconds of each question (`p50`, `p99`), asked in turn for so many seconds in all."""
        self._process.stdin.write(f"{' '.join(names)} {seconds}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The measured process ended; its last words are above.")
        return json.loads(line)


@contextlib.contextmanager
def subject(house: House) -> Iterator[Subject]:
    """Start the house's project for measurements inside its process."""
    words = [sys.executable, "-m", "tests.bench.subject", "measure", house.project, str(house.file)]
    with on_core(SERVER_CORE):
        process = subprocess.Popen(
            words, cwd=ROOT, env=house.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    with _ended(process):
        yield Subject(process)


@contextlib.contextmanager
def serving(target: str, environment: dict[str, str]) -> Iterator[int]:
    """Serve a WSGI callable as `manage.py serve` does, with one process on one core; yield its port."""
    port = free_port()
    words = granian(target, host=HOST, port=port, workers=1, threads=4)
    with on_core(SERVER_CORE):
        prefer_throughput()  # of this process too, which does nothing but wait
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=sys.stderr)
    with _ended(process):
        deadline = time.monotonic() + PATIENCE
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{target} could not be served.")
            time.sleep(0.1)
        yield port


@contextlib.contextmanager
def _ended(process: subprocess.Popen) -> Iterator[None]:
    try:
        yield
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5):
        return True
    return False
