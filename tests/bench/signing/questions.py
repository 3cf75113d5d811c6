"""Signing and verifying, called in this process."""

import io
from collections.abc import Callable, Iterator

from portal.wsgi import application
from tests.bench.signing import BODY, SIGN, VERIFY, messages
from tokens import signing


class Fresh:
    """Items that are made when they are taken, outside of what is timed; there is no end of them."""

    def __init__(self, made: Iterator) -> None:
        self._made = made

    def __len__(self) -> int:
        return 1_000_000_000

    def __getitem__(self, _number: int) -> object:
        return next(self._made)


def questions(presented: dict) -> dict[str, tuple[Callable, object]]:
    """Return what is timed in this process: a function, and with what it is called, by name."""
    keys, answers = presented["keys"], []

    def asking(expected: bytes) -> Callable[[dict], None]:
        def ask(environ: dict) -> None:
            (body,) = application(environ, lambda status, _headers: answers.append(status))
            if answers.pop() != "200 OK" or expected not in body:
                raise AssertionError(body)

        return ask

    def environ(path: str, entity: str, **headers: str) -> dict:
        return {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "QUERY_STRING": f"entity={entity}&mode=live",
            "CONTENT_LENGTH": str(len(BODY)),
            "wsgi.input": io.BytesIO(BODY),
            "HTTP_X_KEYHOUSE_GATEWAY": presented["gateway"],
        } | {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}

    def verifications(again: bool) -> Iterator[dict]:
        for message in messages(keys):
            if again:
                application(environ(VERIFY, **message), lambda *_: None)
            yield environ(VERIFY, **message)

    secret, content = signing.secret_of(keys[0][1]), signing.content("msg_1", "1700000000", BODY)
    return {
        "hmac": (lambda _item: signing.sign([secret, secret], content), [None]),
        "sign": (asking(b'"v1,'.replace(b'"', b"")), Fresh(environ(SIGN, entity) for entity, _ in _for_ever(keys))),
        "verify": (asking(b'{"valid": true'), Fresh(verifications(again=False))),
        "replay": (asking(b'"reason": "replay"'), Fresh(verifications(again=True))),
    }


def _for_ever(keys: list) -> Iterator:
    while True:
        yield from keys
