"""Keyhouse without counting, to see what counting costs. Nothing but this benchmark can be served like this."""

from portal.wsgi import application
from tokens import usage

__all__ = ["application"]


def _nothing(_token: int | None, **_told: object) -> None:
    """Count nothing."""


usage.count = _nothing
