"""`manage.py serve`: the production server comes up from nothing and goes down in order."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from portal.management.commands.serve import cores

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    """Serve on a free port, with static files gathered by the start itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "KEYHOUSE_VAR": str(tmp_path)}
    words = [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", "1"]
    server = subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield server, port
    server.kill()
    server.communicate()


def wait_until_it_answers(server: subprocess.Popen, port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5).status == HTTPStatus.OK
        except OSError:
            time.sleep(0.1)
        else:
            return
    server.kill()
    pytest.fail("\n".join(server.communicate()))


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_server_told_to_stop_stops_although_a_client_holds_its_connection(served, told):
    server, port = served
    wait_until_it_answers(server, port)
    with socket.create_connection(("127.0.0.1", port)) as idle:
        idle.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(15) == b"HTTP/1.1 200 OK"
        server.send_signal(told)
        out, _ = server.communicate(timeout=10)
    assert server.returncode == 0
    assert out == f"Keyhouse serves http://127.0.0.1:{port} with 1 processes of {min(2 * cores() + 1, 5)} threads.\n"
