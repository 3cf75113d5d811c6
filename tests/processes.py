"""Real processes for tests: the portal under its production server, nginx, a payment core that echoes.

They share the test's own database, the migrated file or PostgreSQL database that only this test run uses; so a test
that asks one needs `django_db(transaction=True)`: what is not committed, no other process sees. Each process has its
own ports and folder and is ended, by its own process ID, when its block ends.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PATIENCE = 60
"""Seconds until a process that should serve is given up; the machine may be busy with other tests."""


@dataclass(frozen=True)
class Server:
    """A process that serves, and where it writes what it has to say."""

    process: subprocess.Popen
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def stop(self) -> int:
        """Ask it to end as a supervisor would; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def free_port() -> int:
    """Return a port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def database_url() -> str:
    """Return the address under which another process finds the database of this test."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    login = ":".join(quote(found[part], safe="") for part in ("USER", "PASSWORD") if found[part])
    place = f"{found['HOST'] or HOST}:{found['PORT'] or 5432}"
    return f"postgres://{login}@{place}/{found['NAME']}"


def environment(var: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a portal that serves the database of this test, with `changes` to it."""
    served = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": database_url(),
        "KEYHOUSE_VAR": str(var),
        "KEYHOUSE_AUDIT_JOURNAL": str(var / "audit.journal"),
        "KEYHOUSE_USAGE_FLUSH_SECONDS": "1",
    }
    return os.environ | served | changes


@contextlib.contextmanager
def portal(
    folder: Path, *, workers: int = 2, threads: int = 2, pages: bool = False, **changes: str
) -> Iterator[Server]:
    """Serve the portal with `manage.py serve` while the block runs; `changes` are environment variables.

    Without `pages` it has no style sheets and scripts, which take seconds to gather: enough for machines.
    """
    port, var = free_port(), gathered_static_files() if pages else _no_static_files(folder)
    changes.setdefault("KEYHOUSE_AUDIT_JOURNAL", str(folder / "audit.journal"))  # the static files' folder is shared
    options = {"--port": port, "--workers": workers, "--threads": threads}
    words = [sys.executable, "manage.py", "serve", *(str(word) for pair in options.items() for word in pair)]
    with running(words, port=port, log=folder / "portal.log", env=environment(var, **changes)) as server:
        yield server


@contextlib.contextmanager
def nginx(program: str, folder: Path, *, port: int, http: str) -> Iterator[Server]:
    """Run nginx while the block runs, with `http` as the content of its http block, which listens on `port`."""
    folder.mkdir(exist_ok=True)
    temporary = [f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    lines = [
        "daemon off;",
        "worker_processes 1;",
        "user root;" if os.geteuid() == 0 else "",  # so that its worker may enter the test's folder
        f"pid {folder}/nginx.pid;",
        f"error_log {folder}/error.log notice;",
        "events { worker_connections 256; }",
        "http {",
        *temporary,
        f"access_log {folder}/access.log;",
        http,
        "}",
    ]
    configuration = folder / "nginx.conf"
    configuration.write_text("\n".join(lines), encoding="utf-8")
    words = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)]
    with running(words, port=port, log=folder / "nginx.log", env=dict(os.environ)) as server:
        yield server


@contextlib.contextmanager
def gateway(
    program: str, folder: Path, *, keyhouse: int, core: int, credential: str, **changes: str
) -> Iterator[Server]:
    """Run nginx with the recipe of `deploy/nginx`, in which only addresses differ, and with this credential.

    `keyhouse` and `core` are ports; `changes` replace more lines of the recipe, for tests of what they are good for.
    """
    port = free_port()
    recipe = folder / "keyhouse"
    recipe.mkdir(parents=True)
    addresses = {":8000": f":{keyhouse}", ":9000": f":{core}", ":8080": f":{port}"} | changes
    for source in (ROOT / "deploy" / "nginx" / "keyhouse").iterdir():
        (recipe / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    secret = (recipe / "credential.conf.example").read_text(encoding="utf-8").replace("kh_gtw_live_...", credential)
    (recipe / "credential.conf").touch(mode=0o600)
    (recipe / "credential.conf").write_text(secret, encoding="utf-8")
    http = (ROOT / "deploy" / "nginx" / "keyhouse.conf").read_text(encoding="utf-8")
    for before, after in addresses.items():
        assert before in http, f"The recipe does not say {before}."
        http = http.replace(before, after)
    with nginx(program, folder, port=port, http=http) as server:
        yield server


@contextlib.contextmanager
def payment_core(answer: str = "200 OK", *, echoes: bool = True) -> Iterator["PaymentCore"]:
    """Serve something that answers every request with `answer` and, where it echoes, with what it was sent as JSON."""
    server = PaymentCore(answer, echoes=echoes)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class PaymentCore(socketserver.ThreadingTCPServer):
    """What stands behind the gateway. It remembers what it was asked, and over how many connections."""

    daemon_threads = True

    def __init__(self, answer: str, *, echoes: bool) -> None:
        super().__init__((HOST, 0), _Echo)
        self.port: int = self.server_address[1]
        self.answer, self.echoes = answer, echoes
        self.connections = 0
        self.asked: list[dict] = []


class _Echo(socketserver.StreamRequestHandler):
    """`{"line": ..., "headers": [[name, value], ...], "body": ...}`, each header as it came over the wire.

    Read by hand: a parser of headers would hide just the malformed ones that somebody tries to smuggle through.
    """

    server: PaymentCore

    def handle(self) -> None:
        self.server.connections += 1
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline().decode("latin-1").strip():
                lines = iter(lambda: self.rfile.readline().decode("latin-1").rstrip("\r\n"), "")
                headers = [list(header.partition(":")[::2]) for header in lines]
                length = sum(int(value) for name, value in headers if name.lower() == "content-length")
                body = self.rfile.read(length).decode("latin-1")
                self.server.asked.append({"line": line, "headers": headers, "body": body})
                self._answer(json.dumps(self.server.asked[-1]).encode() if self.server.echoes else b"")

    def _answer(self, content: bytes) -> None:
        head = f"HTTP/1.1 {self.server.answer}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
        self.wfile.write(f"{head}\r\n\r\n".encode() + content)


def wait_until(holds: Callable[[], bool], *, seconds: float = PATIENCE, pause: float = 0.02) -> bool:
    """Return whether `holds` becomes true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


@contextlib.contextmanager
def running(words: list[str], *, port: int, log: Path, env: dict[str, str], folder: Path = ROOT) -> Iterator[Server]:
    """Run a program that serves on `port` while the block runs, in `folder`."""
    with log.open("wb") as out:
        process = subprocess.Popen(words, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert _listens(port), f"{words[0]} does not listen: {log.read_text(encoding='utf-8')}"
        yield Server(process, port, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


def gathered_static_files() -> Path:
    """Return a folder with the static files as they are now, gathered and compressed once for all runs."""
    files = sorted(path for path in (ROOT / "static").rglob("*") if path.is_file())
    known = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    folder = settings.VAR / f"served-{hashlib.sha256(repr(known).encode()).hexdigest()[:16]}"
    if not folder.exists():
        for old in settings.VAR.glob("served-*"):
            if old.stat().st_mtime < time.time() - 24 * 3600:
                shutil.rmtree(old, ignore_errors=True)
        draft = folder.with_name(f"{folder.name}-{os.getpid()}")
        words = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
        unused = {"DATABASE_URL": "sqlite:///:memory:", "DJANGO_SETTINGS_MODULE": "portal.settings"}
        subprocess.run(words, cwd=ROOT, check=True, env=os.environ | unused | {"KEYHOUSE_VAR": str(draft)})
        with contextlib.suppress(OSError):  # another test was faster; its folder holds the same
            draft.rename(folder)
    return folder


def _no_static_files(folder: Path) -> Path:
    (folder / "static").mkdir(exist_ok=True)
    (folder / "static" / "staticfiles.json").write_text('{"version": "1.1", "paths": {}}', encoding="utf-8")
    return folder
