"""`manage.py demo`: one command from nothing to a page, and to nobody else's database."""

import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import User
from portal.demo.people import PERSONAS
from portal.management.commands import demo
from portal.management.listening import check_port
from tests.processes import ROOT, free_port, wait_until


def test_it_refuses_to_run_with_the_settings_of_a_real_house():
    with pytest.raises(CommandError, match="Start it with: python3 manage"):
        call_command("demo", "--no-serve")


def test_it_refuses_any_database_but_its_own(settings, db):
    settings.DEMO = True
    with pytest.raises(CommandError, match="DATABASE_URL names another database"):
        call_command("demo", "--no-serve", "--reset")
    assert not User.objects.exists()


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_it_refuses_a_port_that_does_not_exist(port):
    with pytest.raises(CommandError, match="from 1 to 65535"):
        check_port(demo.HOST, port)


def test_it_refuses_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CommandError, match="address already in use"):
            check_port(demo.HOST, taken.getsockname()[1])


def start(folder: Path, *words: str) -> subprocess.Popen:
    """Start `manage.py demo` as a visitor does, with nothing in the environment, its files under `folder`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("KEYHOUSE_", "D"))}
    command = [sys.executable, "manage.py", "demo", *words]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=ours | {"KEYHOUSE_VAR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(port: int, folder: Path) -> int:
    """Ask as the printed line does; return the status."""
    secret = {name: (folder / name).read_text().strip() for name in ("demo-gateway", "demo-token")}
    headers = {"X-Keyhouse-Gateway": secret["demo-gateway"], "Authorization": f"Bearer {secret['demo-token']}"}
    url = f"http://127.0.0.1:{port}/gateway/authorize?permission=payment_transaction.edit"
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


def answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5).status == HTTPStatus.OK
    except OSError:
        return False


def test_one_command_makes_a_demo_that_answers(tmp_path):
    """From nothing to a good answer; a served demo is not thrown away, a stopped one is kept until it is."""
    port = free_port()
    server = start(tmp_path, "--port", str(port))
    try:
        assert wait_until(lambda: answers(port) or server.poll() is not None, seconds=120)
        assert ask(port, tmp_path) == HTTPStatus.OK
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/auth/login/", timeout=10).read().decode()
        assert "/static/" in page
        second = start(tmp_path, "--reset", "--no-serve")
        assert "being served by another process" in second.communicate(timeout=120)[1]
        assert second.returncode == 1
        assert ask(port, tmp_path) == HTTPStatus.OK
    finally:
        server.send_signal(signal.SIGTERM)
        said, _ = server.communicate(timeout=60)
    assert server.returncode == 0
    assert all(person.email in said for person in PERSONAS)
    assert f"http://127.0.0.1:{port}/admin/" in said
    token = (tmp_path / "demo-token").read_text()
    assert token.strip() not in said
    for words, is_kept in (([], True), (["--reset"], False)):
        again = start(tmp_path, "--no-serve", *words)
        assert "Prepared, not served" in again.communicate(timeout=120)[0]
        assert ((tmp_path / "demo-token").read_text() == token) is is_kept


def test_a_kept_secret_is_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "demo-token"
    path.write_text("an older and longer secret that anybody could read", encoding="ascii")
    path.chmod(0o644)
    demo.keep(path, "kh_new")
    assert path.read_text(encoding="ascii") == "kh_new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
