"""What any gateway may rely on: `/gateway/authorize` of a real server, however the question is put on the wire."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus

import pytest

from tests import processes
from tests.processes import HOST, Server
from tests.tokens.conftest import House
from tests.tokens.questions import IDENTITY

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/gateway/authorize?permission=payment_transaction.edit&mode=live"
OK, UNAUTHORIZED, FORBIDDEN = HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN
TOO_MUCH = {HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG}


@dataclass
class Answer:
    status: HTTPStatus
    headers: dict[str, str]

    @property
    def names(self) -> set[str]:
        return {name for name in self.headers if name.startswith("x-keyhouse-")}


@dataclass
class Line:
    """A gateway's connection to Keyhouse, for bytes as they are."""

    port: int
    house: House

    def send(self, raw: str) -> list[Answer]:
        """Send this and return all that comes back until the server closes the connection."""
        with socket.create_connection((HOST, self.port), timeout=30) as line, line.makefile("rb") as said:
            line.sendall(raw.encode("latin-1"))
            return list(iter(lambda: read(said), None))

    def question(self, *lines: str, start: str = f"GET {PATH} HTTP/1.1", last: bool = True, secret: str = "") -> str:
        """Return a question by the house's gateway about the house's token; the last one on its connection says so."""
        both = [f"X-Keyhouse-Gateway: {self.house.gateway_secret}"]
        both += [f"Authorization: Bearer {secret or self.house.secret}"]
        closing = ["Connection: close"] if last else []
        return "\r\n".join([start, "Host: keyhouse", *both, *closing, *lines, "", ""])

    def ask(self, *lines: str, body: str = "", **options: str) -> Answer:
        """Ask once and return the one answer, which has no body."""
        (answer,) = self.send(self.question(*lines, **options) + body)
        return answer


def read(said) -> Answer | None:
    """Return the next answer; None where the connection has ended. There is never a body to be read."""
    first = said.readline().decode("latin-1").split()
    if not first:
        return None
    lines = list(iter(lambda: said.readline().decode("latin-1").rstrip("\r\n"), ""))
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert headers.get("content-length", "0") == "0"
    assert "transfer-encoding" not in headers
    return Answer(HTTPStatus(int(first[1])), headers)


@pytest.fixture(scope="module")
def portal(django_db_setup, tmp_path_factory) -> Iterator[Server]:
    with processes.portal(tmp_path_factory.mktemp("portal"), workers=1, KEYHOUSE_USAGE_FLUSH_SECONDS="3600") as server:
        yield server


@pytest.fixture
def line(portal: Server, house: House) -> Line:
    return Line(portal.port, house)


def test_every_method_is_the_same_question(line: Line):
    for method in [*HTTPMethod, "PROPFIND", "get", "X", "M-SEARCH", "X!#$%&'*+-.^_`|~9"]:
        if method == "CONNECT":
            continue  # names a host and no path: no gateway can put its question so
        start = f"{method} {PATH} HTTP/1.1"
        answer = line.ask(start=start)
        assert (answer.status, answer.names) == (OK, {name.lower() for name in IDENTITY}), method
        refused = line.ask(start=start, secret="nonsense")
        assert (refused.status, refused.names) == (UNAUTHORIZED, set()), method


def test_a_body_changes_nothing_however_it_is_announced(line: Line):
    start = f"POST {PATH} HTTP/1.1"
    for lines, body in [
        (["Content-Length: 5"], "hello"),
        (["Content-Length: 0"], ""),
        (["Content-Length: 900000"], "x" * 900_000),
        (["Content-Length: 500"], "the rest never comes"),
        (["Content-Length: 5", "Expect: 100-continue"], ""),
        (["Content-Length: 5", "Expect: 100-continue"], "hello"),
        (["Expect: something odd"], ""),
        (["Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], "not a chunk"),
        (["Transfer-Encoding: chunked", "Trailer: X-A"], "0\r\nX-A: b\r\n\r\n"),
        (["Content-Type: application/json"], ""),
    ]:
        try:
            assert line.ask(*lines, start=start, body=body).status == OK, lines
            assert line.ask(*lines, start=start, body=body, secret="nonsense").status == UNAUTHORIZED, lines
        except ConnectionError:
            assert len(body) == 900_000, "it may answer and close before it has read so much"


def test_old_and_odd_requests_are_answered(line: Line):
    assert line.ask(start=f"GET {PATH} HTTP/1.0").status == OK
    assert line.ask(start=f"GET http://elsewhere{PATH} HTTP/1.1").status == OK
    for lines in [
        ["Host: another"],
        ["Upgrade: websocket", "Sec-WebSocket-Key: eA=="],
        ["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
        ["X-Forwarded-Proto: http", "X-Forwarded-Host: other", "Forwarded: for=1.2.3.4;proto=http"],
        ["Range: bytes=0-1", "If-None-Match: *", "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"],
        ["Accept: image/png", "Accept-Encoding: br", "Origin: https://elsewhere.example"],
    ]:
        answer = line.ask(*lines)
        assert answer.status == OK, lines
        assert answer.headers["cache-control"] == "no-store"


def test_a_hundred_questions_over_one_connection_and_each_is_decided_on_its_own(line: Line):
    secrets = [line.house.secret if number % 2 else "nonsense" for number in range(100)]
    expected = [OK if number % 2 else UNAUTHORIZED for number in range(100)]
    with socket.create_connection((HOST, line.port), timeout=30) as connection, connection.makefile("rb") as said:
        answers = []
        for secret in secrets:
            connection.sendall(line.question(last=False, secret=secret).encode())
            answers.append(read(said).status)
    assert answers == expected, "one after the other"
    pipelined = "".join(line.question(last=number == 99, secret=secret) for number, secret in enumerate(secrets))
    assert [answer.status for answer in line.send(pipelined)] == expected, "all at once"


def test_a_trailing_slash_and_an_encoded_letter_are_the_same_path(line: Line):
    query = PATH.partition("?")[2]
    for path in ["/gateway/authorize/", "/gateway/authorize//", "/gateway/%61uthorize"]:
        assert line.ask(start=f"GET {path}?{query} HTTP/1.1").status == OK, path
        assert line.ask(start=f"GET {path}?{query} HTTP/1.1", secret="nonsense").status == UNAUTHORIZED, path


def test_no_other_path_lets_anybody_through_or_sends_anybody_elsewhere(line: Line):
    for path in [
        "//gateway/authorize", "/gateway//authorize", "/gateway/./authorize", "/x/../gateway/authorize",
        "/gateway/authorize/..", "/gateway/authorize/.", "/Gateway/authorize", "/gateway/authorize;x", "/gateway",
        "/gateway/authorize%00", "/gateway/authorize%20", "/gateway/authorize/v1/payments/", "/gateway/authorize.",
    ]:  # fmt: skip
        raw = line.question(start=f"GET {path} HTTP/1.1").encode()
        with socket.create_connection((HOST, line.port), timeout=30) as connection:
            connection.sendall(raw)
            said = b"".join(iter(lambda connection=connection: connection.recv(65_536), b""))
        assert int(said.split()[1]) >= HTTPStatus.BAD_REQUEST, path
        assert b"x-keyhouse" not in said.lower(), path


def test_long_headers_are_read_and_only_absurd_ones_refused(line: Line):
    """Below what the server reads there are the contract's answers alone; above, never a 200."""
    for lines in [
        ["X-Long: " + "y" * 100_000],
        [f"X-{number}: y" for number in range(90)],
        ["Cookie: " + "a=b; " * 5_000],
        ["X-Request-Id: " + "z" * 60_000],
        ["X-Keyhouse-Caller: " + "1" * 60_000],
    ]:
        assert line.ask(*lines).status == OK, lines[0][:20]
    assert line.ask(secret="a" * 100_000).status == UNAUTHORIZED
    assert line.ask(start=f"GET {PATH}&entity={'y' * 60_000} HTTP/1.1").status == FORBIDDEN
    for absurd in [
        line.question(*(f"X-{number}: y" for number in range(300))),
        line.question("X-Long: " + "y" * 300_000, "X-Longer: " + "y" * 300_000),
        line.question(start=f"GET {PATH}&x={'y' * 70_000} HTTP/1.1"),
    ]:
        try:
            assert {answer.status for answer in line.send(absurd)} <= TOO_MUCH
        except ConnectionError:
            continue  # it closed before everything was sent, which lets nobody through either


def test_two_of_a_header_are_never_both_tried(line: Line):
    good, gateway = f"Authorization: Bearer {line.house.secret}", f"X-Keyhouse-Gateway: {line.house.gateway_secret}"
    for lines in [
        [good],
        ["Authorization: Bearer nonsense"],
        ["Authorization: "],
        [gateway],
        ["X-Keyhouse-Gateway: x"],
    ]:
        assert line.ask(*lines).status == UNAUTHORIZED, lines
    assert line.ask("Authorization: Bearer nonsense", secret="other").status == UNAUTHORIZED


def test_what_is_no_request_at_all_is_never_a_200(line: Line):
    for raw in [
        "nonsense\r\n\r\n",
        f"GET {PATH}\r\n\r\n",
        f"GET gateway/authorize HTTP/1.1\r\nAuthorization: Bearer {line.house.secret}\r\n\r\n",
        line.question(start=f"GET {PATH} HTTP/9.9"),
        line.question("no colon here"),
        line.question(" folded: x"),
        line.question("X-Nul: a\0b"),
        line.question("Content-Length: x"),
        line.question("Content-Length: 1", "Content-Length: 2"),
        line.question("Content-Length : 1"),
    ]:
        assert not {answer.status for answer in line.send(raw)} - {HTTPStatus.BAD_REQUEST}, raw[:60]
