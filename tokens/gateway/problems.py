"""How the endpoints for integration keys answer: JSON, and where it cannot be done a problem (RFC 9457)."""

import json
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus

from django.views.decorators.debug import sensitive_variables

from tokens.gateway.authorize import is_news

logger = logging.getLogger(__name__)

JSON, PROBLEM = "application/json", "application/problem+json"
BASE_HEADERS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
"""What goes with each answer: nobody keeps it, and nobody takes it for anything but what it says it is."""
CREDENTIAL = (("WWW-Authenticate", "Bearer"),)
"""What goes with each 401 (RFC 9110, 11.6.1)."""

Headers = tuple[tuple[str, str], ...]


class Problem(Exception):
    """The question is answered with `code` and one plain sentence for whoever programs the gateway."""

    def __init__(self, code: HTTPStatus, sentence: str, headers: Headers = ()) -> None:
        super().__init__(sentence)
        self.code = code
        self.headers = headers

    def told(self) -> dict[str, object]:
        """Return the problem as RFC 9457 writes it; the status says all there is about its type."""
        return {"type": "about:blank", "title": self.code.phrase, "status": self.code.value, "detail": str(self)}


FAULT = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Keyhouse has a fault and cannot answer now. Its log says which.")


def endpoint(answer: Callable[[dict], dict]) -> Callable[[dict, Callable], Iterable[bytes]]:
    """Return the WSGI callable that tells what `answer` returns for the environ of a POST, or the Problem it raises."""

    def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
        code, kind = HTTPStatus.OK, JSON
        headers: Headers = ()
        try:
            told = _answered(environ, answer)
        except Problem as problem:
            code, kind, headers, told = problem.code, PROBLEM, problem.headers, problem.told()
        return _written(start_response, code, kind, told, headers)

    return application


def nowhere(_environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Answer a machine that asks where nothing is: with a problem, never with a page or a redirect."""
    problem = Problem(HTTPStatus.NOT_FOUND, "There is no such endpoint.")
    return _written(start_response, problem.code, PROBLEM, problem.told())


def _written(
    start_response: Callable, code: HTTPStatus, kind: str, told: dict[str, object], headers: Headers = ()
) -> Iterable[bytes]:
    body = json.dumps(told).encode()
    base = [("Content-Type", kind), ("Content-Length", str(len(body))), *BASE_HEADERS]
    start_response(f"{code.value} {code.phrase}", [*base, *headers])
    return [body]


@sensitive_variables()  # the report of a fault shows no credential, and no key in whatever is called from here
def _answered(environ: dict, answer: Callable[[dict], dict]) -> dict:
    if environ["REQUEST_METHOD"] != "POST":
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "Ask with POST.", (("Allow", "POST"),))
    try:
        return answer(environ)
    except Problem:
        raise
    except Exception as fault:
        if is_news(type(fault).__name__):
            logger.exception("A gateway's question could not be answered.")
        raise FAULT from None
