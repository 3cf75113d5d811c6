"""What campaigns stand on: a database of their own, and callers that ask a server all the time."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from tests import processes

QUERY = "mode=live&permission=payment_transaction.edit"
RECONNECT = 40
"""Questions asked over one connection: a new one may reach another of the server's processes."""


@contextmanager
def own_database() -> Iterator[None]:
    """Run the block on a migrated database that is there for it alone, on the server that DATABASE_URL names."""
    own = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(own, verbosity=0)


def question(secret: str, gateway: str, query: str = QUERY) -> bytes:
    """Return the bytes of a question about the credential `secret`, asked with the credential `gateway`."""
    head = f"GET /gateway/authorize?{query} HTTP/1.1\r\nHost: keyhouse\r\n"
    return f"{head}Authorization: Bearer {secret}\r\nX-Keyhouse-Gateway: {gateway}\r\n\r\n".encode()


def status(line: socket.socket, raw: bytes) -> int:
    """Send `raw` and return the status of the answer, which has no body. Raises OSError where there is none."""
    line.sendall(raw)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        more = line.recv(65_536)
        if not more:
            raise ConnectionError(f"The server hung up after {answer!r}.")
        answer += more
    return int(answer.split(b" ", 2)[1])


class Callers:
    """Threads that call `ask` with an open connection, over and over, while they are entered."""

    def __init__(
        self, port: int, ask: Callable[[socket.socket], None], *, threads: int = 6, broken: Callable | None = None
    ) -> None:
        """`broken` is told of each connection that broke; without it, that ends everything."""
        self._port, self._ask, self._broken = port, ask, broken
        self._running = True
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self.faults: list[BaseException] = []

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Raise where a caller broke off."""
        if self.faults:
            raise RuntimeError("A caller broke off.") from self.faults[0]

    def _run(self) -> None:
        while self._running:
            try:
                self._ask_over_one_connection()
            except OSError as fault:
                if self._broken is None:
                    self.faults.append(fault)
                    raise
                self._broken(fault)
            except BaseException as fault:
                self.faults.append(fault)
                raise

    def _ask_over_one_connection(self) -> None:
        with socket.create_connection((processes.HOST, self._port), timeout=30) as line:
            for _ in range(RECONNECT):
                if not self._running:
                    return
                self._ask(line)
