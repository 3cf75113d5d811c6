"""Making functions fail at the moment in which they hold a secret, and finding which do."""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.processes import ROOT

OURS = tuple(f"{ROOT / app}/" for app in ("accounts", "tokens", "portal"))
NOT_SECRET = f"{ROOT / 'portal' / 'demo'}/"
"""The demo's passwords and tokens are printed for everybody."""


class Fault(Exception):
    """What nobody thought of."""


def code_of(function: Callable) -> CodeType:
    """Return the code of a function below its decorators."""
    return inspect.unwrap(function).__code__


def name_of(code: CodeType) -> str:
    return f"{Path(code.co_filename).relative_to(ROOT)}: {code.co_qualname}"


@dataclass
class Watch:
    """Follows functions of ours line by line; knows the secrets that were typed, and learns those that are drawn."""

    secrets: list[str | bytes]
    drawing: dict[CodeType, Callable[[Any], Iterable[str]]]
    """Functions that draw secrets by lot -> what of their result is one."""
    seen: Callable[[FrameType], None] = lambda _frame: None
    """Told of each function, once, where it first holds a secret, and once where it returns."""
    failing: CodeType | None = None
    """The function that is to fail where it first holds a secret."""
    holding: dict[CodeType, None] = field(default_factory=dict)
    has_failed: bool = False
    _returned: set[CodeType] = field(default_factory=set)
    _verdicts: dict[int, tuple[CodeType, Callable | None]] = field(default_factory=dict)
    """By the number of a code object, which is quicker to look up than itself: whether and how it is followed."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def _called(self, frame: FrameType, _event: str, _value: object) -> Callable | None:
        found = self._verdicts.get(id(frame.f_code))
        if found is None:
            found = self._verdicts[id(frame.f_code)] = frame.f_code, self._verdict(frame.f_code)
        return found[1]

    def _verdict(self, code: CodeType) -> Callable | None:
        if code in self.drawing:
            return self._drawn
        if self.failing:
            return self._line if code is self.failing else None
        ours = code.co_filename.startswith(OURS) and not code.co_filename.startswith(NOT_SECRET)
        return self._line if ours else None

    def _drawn(self, frame: FrameType, event: str, value: object) -> Callable:
        if event == "return" and value is not None:
            self.secrets += [each for each in self.drawing[frame.f_code](value) if each not in self.secrets]
        self._line(frame, event, value)
        return self._drawn

    def _line(self, frame: FrameType, event: str, _value: object) -> Callable:
        code = frame.f_code
        known = code in self.holding if event == "line" else code in self._returned
        if event == "call" or known or self.has_failed or not self._holds(frame):
            return self._line
        if event == "line":
            self.holding[code] = None
            if code is self.failing:
                self.has_failed = True
                raise Fault("The disk is full.")
        else:
            self._returned.add(code)
        self.seen(frame)
        return self._line

    def _holds(self, frame: FrameType) -> bool:
        return any(self.mentions(each) for each in frame.f_locals.values())

    def mentions(self, value: object, depth: int = 3) -> bool:
        """Whether a variable holds one of the secrets, as text, as bytes or inside of something."""
        if isinstance(value, str):
            return any(secret in value for secret in self.secrets if isinstance(secret, str))
        if isinstance(value, bytes):
            return any((secret.encode() if isinstance(secret, str) else secret) in value for secret in self.secrets)
        if isinstance(value, dict) and depth:
            return any(self.mentions(each, depth - 1) for each in list(value.values())[:50])
        if isinstance(value, list | tuple) and depth:
            return any(self.mentions(each, depth - 1) for each in value[:50])
        if is_dataclass(value) and depth:
            return any(self.mentions(getattr(value, each.name), depth - 1) for each in fields(value))
        return False
