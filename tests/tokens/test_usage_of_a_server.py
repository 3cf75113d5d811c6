"""What the processes of a server count is in the database when they have ended, each count once."""

import http.client
import re
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest

from tests import processes
from tests.tokens.conftest import House
from tokens.models import Token, UsageBucket

pytestmark = pytest.mark.django_db(transaction=True)


def ask(server: processes.Server, house: House, *, query: str = "") -> int:
    """Ask once, over a connection of its own, so that any of the server's processes may be the one that counts."""
    headers = {"Authorization": f"Bearer {house.secret}", "X-Keyhouse-Gateway": house.gateway_secret}
    with closing(http.client.HTTPConnection(processes.HOST, server.port, timeout=30)) as line:
        line.request("GET", f"/gateway/authorize{query}", headers=headers)
        return line.getresponse().status


def counted() -> dict[str, int]:
    return {row.outcome: row.count for row in UsageBucket.objects.all()}


def test_a_server_that_is_stopped_writes_down_what_it_has_counted(house: House, tmp_path: Path):
    with processes.portal(tmp_path, workers=2, KEYHOUSE_USAGE_FLUSH_SECONDS="3600") as server:
        assert [ask(server, house) for _ in range(40)] == [HTTPStatus.OK] * 40
        assert [ask(server, house, query="?mode=test") for _ in range(10)] == [HTTPStatus.FORBIDDEN] * 10
        assert counted() == {}
        assert server.stop() == 0
    assert counted() == {"good": 40, "mode": 10}
    assert Token.objects.get(pk=house.token.pk).last_used_at is not None


def test_a_server_that_runs_writes_within_two_seconds_and_logs_no_secret(house: House, tmp_path: Path):
    with processes.portal(tmp_path, workers=2) as server:
        for _ in range(20):
            ask(server, house)
        assert processes.wait_until(lambda: counted() == {"good": 20}, seconds=2), counted()
        server.stop()
        assert not re.search(r"kh_\w+_\w+_\w{16}_\w", server.log.read_text(encoding="utf-8"))
