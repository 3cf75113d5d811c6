"""The production server, and how it is told to serve: also by benchmarks, which serve other things in the same way."""

import fcntl
import os
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from django.conf import settings

HEADER_SECONDS = 10
"""How long a client may take over its headers, and how long an idle connection is kept: gateways must let go sooner."""

GRACE_SECONDS = 15
"""How long a stopping worker may finish what it has begun: longer than a half-sent request can last, so that every
worker ends by itself and writes down what it has counted."""


def prefer_throughput() -> None:
    """Let no thread of this process, or of those it starts, interrupt another one the moment it has something to do.

    A server's network thread otherwise takes the core from the thread that decides, with each answer and back again:
    without that, it makes half as many decisions again (`python -m tests.bench.decisions`; sched(7), SCHED_BATCH).
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def keep_to_one_core() -> None:
    """Keep this worker on one core, that on which the fewest of its server's other workers are.

    Python runs one thread of a process at a time anyway. On several cores they wake each other across them with each
    statement: two workers of five threads made 13,000 decisions a second so, and 22,000 on a core each.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if len(cores) < 2:
        return
    with Path(__file__).open(encoding="utf-8") as turn, suppress(OSError):
        fcntl.flock(turn, fcntl.LOCK_EX)  # one worker after the other, or all of them would choose the same
        taken = Counter(core for sibling in _siblings() for core in sibling)
        os.sched_setaffinity(0, {min(sorted(cores), key=taken.__getitem__)})


def _siblings() -> list[set[int]]:
    """Return the core of each process that has the same parent and keeps to one; none where nobody can tell."""
    found, parent = [], os.getppid()
    with suppress(OSError):
        for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split():
            with suppress(OSError):  # it has ended meanwhile
                found.append(os.sched_getaffinity(int(pid)))
    return [cores for cores in found if len(cores) == 1]


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
        "--log-config": settings.BASE_DIR / "portal" / "granian-log.json",  # lines of JSON, as Django's are
        "--working-dir": settings.BASE_DIR,
    }
    words = [str(word) for pair in options.items() for word in pair]
    return [sys.executable, "-m", "granian", *words, "--no-ws", "--respawn-failed-workers", target]
