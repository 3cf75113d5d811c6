"""Something that happens meanwhile, over a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connection


class Elsewhere:
    """Threads that act while the test does; each connection is closed behind its work."""

    def __init__(self, threads: int = 1) -> None:
        self._pool = ThreadPoolExecutor(threads)

    def __enter__(self) -> "Elsewhere":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pool.shutdown()

    def start(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
        """Begin `action` and return at once; the Future gives its result or raises what it raised."""
        return self._pool.submit(self._run, action, *args, **kwargs)

    def do(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do `action` and wait for it: when this returns, it is committed."""
        return self.start(action, *args, **kwargs).result(timeout=30)

    def _run(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return action(*args, **kwargs)
        finally:
            connection.close()
