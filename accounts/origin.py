"""Where what happens now came from: noted once a request, told to whatever is recorded meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change came from: the caller's address and the ID of the request."""

    address: str = ""
    request_id: str = ""


_origin: ContextVar[Origin] = ContextVar("audit_origin", default=Origin())  # noqa: B039  Origin is frozen


@contextmanager
def origin(address: str, request_id: str) -> Iterator[None]:
    """Note where everything recorded inside the block came from."""
    token = _origin.set(Origin(address[:45], request_id[:32]))
    try:
        yield
    finally:
        _origin.reset(token)


def came_from() -> Origin:
    """Return where what happens now came from."""
    return _origin.get()
