"""Asking the endpoints for integration keys in this process, as a server would call them."""

import io
import json
from dataclasses import dataclass
from http import HTTPStatus

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from accounts.models import Entity
from portal.wsgi import application
from tests.tokens.keys.conftest import House

SIGN, VERIFY = "/gateway/signatures", "/gateway/signatures/verify"
OK, BAD, UNAUTHORIZED, FORBIDDEN = HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN
BODY = '{"type": "payment.settled", "ä": "\U0001f4b6"}'.encode()


@dataclass
class Answer:
    """What came back."""

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict:
        return json.loads(self.body)

    @property
    def sentence(self) -> str:
        """The problem in words; fails where it is none as RFC 9457 writes it."""
        assert self.headers["Content-Type"] == "application/problem+json"
        told = self.told
        assert told.keys() == {"type", "title", "status", "detail"}
        assert (told["type"], told["title"], told["status"]) == ("about:blank", self.status.phrase, self.status.value)
        return told["detail"]


def post(path: str, query: str, body: bytes = b"", *, gateway: str = "", **given: object) -> Answer:
    """Ask once. `given` are headers with `_` for `-`, or, in capitals or with a dot, WSGI's names; None: absent."""
    own = {name: value for name, value in given.items() if name.isupper() or "." in name}
    headers = {f"HTTP_{name.upper()}": value for name, value in given.items() if name not in own}
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": io.BytesIO(body),
        **({"HTTP_X_KEYHOUSE_GATEWAY": gateway} if gateway else {}),
    }
    environ = {name: value for name, value in (environ | headers | own).items() if value is not None}
    started = []
    content = b"".join(application(environ, lambda line, headers: started.append((line, headers))))
    ((line, told),) = started
    answer = Answer(HTTPStatus(int(line.split()[0])), dict(told), content)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Length"] == str(len(content))
    return answer


def in_headers(signed: dict[str, str]) -> dict[str, str]:
    """Return what was signed as the headers of `post`."""
    return {name.replace("-", "_"): value for name, value in signed.items()}


def about(entity: Entity, mode: str = "live") -> str:
    return f"entity={entity.entity_id}&mode={mode}"


def sign(house: House, body: bytes = BODY, *, query: str = "", **headers: object) -> Answer:
    headers = {"gateway": house.gateway_secret} | headers
    return post(SIGN, query or about(house.merchant), body, **headers)


def verify(house: House, signed: dict[str, str], body: bytes = BODY, *, query: str = "", **headers: object) -> dict:
    """Return what is told about the message."""
    headers = {"gateway": house.gateway_secret} | in_headers(signed) | headers
    answer = post(VERIFY, query or about(house.merchant), body, **headers)
    assert answer.status == OK
    return answer.told


def accepts(key: str, signed: dict[str, str], body: bytes = BODY) -> bool:
    """Whether a merchant who holds `key` and the public library believes the message."""
    try:
        Webhook(key).verify(body, signed, json_parse=False)
    except WebhookVerificationError:
        return False
    return True
