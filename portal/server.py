"""The production server, and how it is told to serve: also by benchmarks, which serve other things in the same way."""

import sys

from django.conf import settings

HEADER_SECONDS = 10
"""How long a client may take over its headers, and how long an idle connection is kept: gateways must let go sooner."""

GRACE_SECONDS = 15
"""How long a stopping worker may finish what it has begun: longer than a half-sent request can last, so that every
worker ends by itself and writes down what it has counted."""


def granian(target: str, *, host: str, port: int, workers: int, threads: int) -> list[str]:
    """Return the words that start the production server with the WSGI callable `target`."""
    options = {
        "--interface": "wsgi",
        "--host": host,
        "--port": port,
        "--workers": workers,
        "--blocking-threads": threads,
        "--http1-header-read-timeout": HEADER_SECONDS * 1000,
        "--workers-kill-timeout": GRACE_SECONDS,
        "--log-level": "warning",
        "--working-dir": settings.BASE_DIR,
    }
    words = [str(word) for pair in options.items() for word in pair]
    return [sys.executable, "-m", "granian", *words, "--no-ws", "--respawn-failed-workers", target]
