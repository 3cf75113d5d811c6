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
from django.core.management import call_command
from django.core.management.base import CommandError

from portal.management.commands.serve import cores, shares
from tests.processes import wait_until

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def served(request, tmp_path: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    """Serve on a free port, with static files gathered by the start itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "KEYHOUSE_VAR": str(tmp_path)}
    workers = getattr(request, "param", 1)
    words = [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", str(workers)]
    server = subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield server, port
    server.terminate()  # killed, it would leave its workers behind
    server.communicate(timeout=30)


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
        out, err = server.communicate(timeout=10)
    assert server.returncode == 0
    assert out == f"Keyhouse serves http://127.0.0.1:{port} with 1 processes of 8 threads.\n"
    assert "Consider reviewing your configuration" not in err, "it is meant so"


@pytest.mark.parametrize(
    ("threads", "pages"), [(1, (0, 1)), (3, (0, 1)), (4, (2, 1)), (5, (3, 1)), (8, (3, 3)), (16, (6, 8))]
)
def test_pages_leave_threads_for_decisions(threads, pages):
    """S0-11: at least one, however few there are."""
    assert shares(threads) == pages
    assert sum(pages) < threads or threads <= 3


@pytest.mark.skipif(cores() < 2, reason="one core is all there is")
def test_a_port_that_another_server_has_is_not_shared_with_it(served):
    """Both would answer, in turn, each from its own database."""
    server, port = served
    wait_until_it_answers(server, port)
    with pytest.raises(CommandError, match=f"Nothing can listen on port {port} of 127.0.0.1: address already in use"):
        call_command("serve", port=port)


@pytest.mark.parametrize("served", [2], indirect=True)
def test_each_worker_keeps_to_a_core_of_its_own(served):
    """S0-11: threads of one worker on several cores would make half as many decisions."""
    server, port = served
    wait_until_it_answers(server, port)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    assert wait_until(lambda: [len(os.sched_getaffinity(int(pid))) for pid in children.read_text().split()] == [1, 1])
    workers = [int(pid) for pid in children.read_text().split()]
    assert len(set.union(*map(os.sched_getaffinity, workers))) == 2
    assert [os.sched_getscheduler(pid) for pid in workers] == [os.SCHED_BATCH, os.SCHED_BATCH]
    assert {frozenset(os.sched_getaffinity(int(thread))) for thread in os.listdir(f"/proc/{workers[0]}/task")} == {
        frozenset(os.sched_getaffinity(workers[0]))
    }
