"""Verifications that wait for the database's writer leave threads for decisions; and signing waits for nobody."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from django.db import connection

from tests import processes
from tests.accounts.elsewhere import Elsewhere
from tests.processes import HOST
from tests.tokens.keys.conftest import House
from tests.tokens.keys.messages import BODY, SIGN, VERIFY, about, sign

MANY = 12
"""Verifications at once: more than the server has threads."""
SOON = 1.5
"""Seconds in which a gateway wants its answer, on a machine that is busy with other tests."""


@contextmanager
def writer_taken() -> Iterator[None]:
    """Let somebody else hold the writer, or on PostgreSQL the table, while the block runs."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE tokens_seenmessage IN EXCLUSIVE MODE")
            taken.set()
            done.wait(60)
            cursor.execute("ROLLBACK")

    with Elsewhere() as elsewhere:
        holding = elsewhere.start(hold)
        assert taken.wait(30)
        try:
            yield
        finally:
            done.set()
            holding.result(30)


@pytest.mark.django_db(transaction=True)
def test_decisions_and_signatures_go_on_while_verifications_wait(house: House, tmp_path):
    """DESIGN 6: a decision reads beside a writer, whoever else waits for that one."""
    signed = [sign(house).told for _ in range(MANY)]
    answers: list[int] = []

    def post(port: int, path: str, headers: dict[str, str]) -> int:
        told = {"X-Keyhouse-Gateway": house.gateway_secret} | headers
        with closing(http.client.HTTPConnection(HOST, port, timeout=60)) as line:
            line.request("POST", path, BODY, told)
            return line.getresponse().status

    with processes.portal(tmp_path, workers=1, threads=5) as server:
        verify, sign_path = (f"{path}?{about(house.merchant)}" for path in (VERIFY, SIGN))
        asked = [
            threading.Thread(target=lambda each=each: answers.append(post(server.port, verify, each)))
            for each in signed
        ]
        with writer_taken():
            for thread in asked:
                thread.start()
            # All but those who wait for their turn have been sent away: from here on nobody moves.
            assert processes.wait_until(lambda: len(answers) >= MANY - 4), answers
            bearer = {"Authorization": f"Bearer {house.secrets['rest_primary']}"}
            for path, headers in [("/gateway/authorize?mode=live", bearer), (sign_path, {})] * 5:
                begun = time.monotonic()
                assert post(server.port, path, headers) == 200
                assert time.monotonic() - begun < SOON
        for thread in asked:
            thread.join(60)
    assert set(answers) == {200, 503}
    assert len(answers) == MANY
