"""Asking `/gateway/authorize` and `/oauth/introspect` in this process, as a server would call it."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from portal.wsgi import application

FORM = "application/x-www-form-urlencoded"
IDENTITY = {f"X-Keyhouse-{name}" for name in ["Entity", "Key-Id", "Mode", "Scope", "Request-Id", "Kind"]}
SUBJECT = {"X-Keyhouse-Terminal", "X-Keyhouse-User"}
"""What comes with SDK tokens that are a terminal's or a person's own."""


@dataclass
class Answer:
    """What came back, to the last byte: the status line and the headers in their order. There is never a body."""

    line: str
    headers: list[tuple[str, str]]

    @property
    def status(self) -> HTTPStatus:
        return HTTPStatus(int(self.line.split()[0]))

    @property
    def identity(self) -> dict[str, str]:
        return {name: value for name, value in self.headers if name.startswith("X-Keyhouse-")}


def ask(query: str = "", *, app: Callable = application, **given: object) -> Answer:
    """Ask once. `given` are headers with `_` for `-`, or, in capitals or with a dot, WSGI's own names."""
    own = {name: value for name, value in given.items() if name.isupper() or "." in name}
    headers = {f"HTTP_{name.upper()}": value for name, value in given.items() if name not in own}
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/gateway/authorize",
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    started = []
    body = app(environ | headers | own, lambda line, headers, _=None: started.append(Answer(line, headers)))
    content = b"".join(body)
    getattr(body, "close", lambda: None)()
    (answer,) = started
    if environ["PATH_INFO"] == (environ | own)["PATH_INFO"].rstrip("/"):
        assert content == b""
    return answer


def introspect(
    body: str, *, gateway: str, method: str = "POST", kind: str = FORM, **environ: str
) -> tuple[HTTPStatus, dict[str, str], bytes]:
    """Return status, headers and body of one introspection."""
    started = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/oauth/introspect",
        "QUERY_STRING": "",
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {gateway}",
        "wsgi.input": io.BytesIO(body.encode("latin-1")),
    } | environ
    content = b"".join(application(environ, lambda line, headers: started.append((line, headers))))
    (line, headers) = started[0]
    return HTTPStatus(int(line.split()[0])), dict(headers), content
