"""Keyhouse's decision, called in this process."""

from collections.abc import Callable

from portal.wsgi import application
from tests.bench.keyhouse import CALLER, PATH, QUERY, headers
from tokens.verification import decide


def questions(presented: dict) -> dict[str, tuple[Callable, list]]:
    """Return what is timed in this process: a function, and with what it is called, by name."""
    gateway = presented["gateway"]
    bindings = {"permission": "payment_transaction.edit", "mode": "live", "caller": CALLER}
    told = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers(gateway).items()}
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": PATH, "QUERY_STRING": QUERY, **told}
    answers = []

    def asking(expected: str) -> Callable[[str], None]:
        def ask(client: str) -> None:
            if decide(client, gateway=gateway, **bindings).reason != expected:
                raise AssertionError(f"What should be {expected} is not.")

        return ask

    def serve(environ: dict) -> None:
        application(environ, lambda status, _headers: answers.append(status))
        if answers.pop() != "200 OK":
            raise AssertionError("A good token was refused.")

    environs = [asked | {"HTTP_AUTHORIZATION": f"Bearer {client}"} for client in presented["good"]]
    return {
        "decide": (asking("good"), presented["good"]),
        "malformed": (asking("malformed"), presented["malformed"]),
        "unknown": (asking("unknown"), presented["unknown"]),
        "wrong": (asking("digest"), presented["wrong"]),
        "wsgi": (serve, environs),
    }
