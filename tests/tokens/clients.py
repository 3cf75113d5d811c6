"""A client that can send a gateway anything at all, and reads what comes back."""

import json
import socket
from dataclasses import dataclass
from http import HTTPStatus

from tests import processes
from tests.tokens.conftest import House


@dataclass
class Reply:
    """What the client got: the status, the headers in small letters, and what the payment core says it was sent."""

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes

    @property
    def sent(self) -> list[list[str]]:
        """The headers that reached the payment core, as they came."""
        return json.loads(self.body)["headers"]

    def told(self, name: str) -> list[str]:
        """Every value that the payment core was sent under this name."""
        return [value.strip() for sent, value in self.sent if sent.strip().lower() == name.lower()]


@dataclass
class Edge:
    """The gateway on `port` in front of the house, which asks Keyhouse on its port."""

    port: int
    house: House | None = None
    keyhouse: int = 0

    def send(self, raw: bytes) -> Reply:
        """Send these bytes and return what comes back."""
        with socket.create_connection((processes.HOST, self.port), timeout=30) as line:
            line.sendall(raw)
            answer = b"".join(iter(lambda: line.recv(65_536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *headers = head.decode("latin-1").split("\r\n")
        named = dict(header.split(": ", 1) for header in headers)
        return Reply(HTTPStatus(int(first.split()[1])), {name.lower(): value for name, value in named.items()}, body)

    def ask(self, path: str, secret: str | None = "", *lines: str, method: str = "GET", body: str = "") -> Reply:
        """Ask for `path` with the house's token, with `secret`, or (None) without any credential."""
        credential = [] if secret is None else [f"Authorization: Bearer {secret or self.house.secret}"]
        length = [f"Content-Length: {len(body)}"] if body else []
        head = [f"{method} {path} HTTP/1.1", "Host: api.example", "Connection: close", *credential, *length, *lines]
        return self.send("\r\n".join([*head, "", body]).encode("latin-1"))
