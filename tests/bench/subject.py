"""One project in a process of its own, because a process has one set of Django settings.

    python -m tests.bench.subject fill keyhouse 1000 presented.json
    python -m tests.bench.subject measure keyhouse presented.json

The first makes the rows in the empty database of DATABASE_URL and writes down what is to be presented. The second reads
questions from its input, `decide 0.3` or several names and the seconds, and writes the times of each as a line of JSON.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import monotonic, perf_counter_ns

import django
from django.core.management import call_command


def fill(project: str, tokens: str, file: str) -> None:
    """Make the project's tables and rows."""
    call_command("migrate", verbosity=0)
    Path(file).write_text(json.dumps(import_module(f"tests.bench.{project}.rows").fill(int(tokens))), encoding="utf-8")


def measure(project: str, file: str) -> None:
    """Answer every question on the input until that ends."""
    presented = json.loads(Path(file).read_text(encoding="utf-8"))
    questions = import_module(f"tests.bench.{project}.questions").questions(presented)
    for line in sys.stdin:
        *names, seconds = line.split()
        answer = dict(zip(names, times([questions[name] for name in names], float(seconds)), strict=True))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def times(questions: list[tuple[Callable, list]], seconds: float) -> list[dict[str, float]]:
    """Ask the questions in turn, one call of each, until the time is up; return the microseconds of each."""
    taken: list[list[int]] = [[] for _ in questions]
    number, end = 0, monotonic() + seconds
    while monotonic() < end or number < 3:
        for (ask, items), own in zip(questions, taken, strict=True):
            item = items[number % len(items)]
            begun = perf_counter_ns()
            ask(item)
            own.append(perf_counter_ns() - begun)
        number += 1
    return [_summary(sorted(own)) for own in taken]


def _summary(taken: list[int]) -> dict[str, float]:
    return {"p50": taken[len(taken) // 2] / 1000, "p99": taken[len(taken) * 99 // 100] / 1000, "calls": len(taken)}


if __name__ == "__main__":
    django.setup()
    {"fill": fill, "measure": measure}[sys.argv[1]](*sys.argv[2:])
