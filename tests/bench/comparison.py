"""The whole comparison: houses are filled, measured and pulled down, one kind of database after the other."""

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench import in_process, over_http, report, stage

COMPARED = ("keyhouse", "peers")
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
PACKAGES = ("django", "granian", "psycopg", "djangorestframework", "django-rest-knox", "djangorestframework-api-key")


def compare(options: argparse.Namespace) -> Iterator[str]:
    """Yield the report, line by line, as it is measured."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    yield f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}.\n"
    for kind in KINDS if options.database == "both" else [options.database]:
        yield f"## {KINDS[kind]}\n"
        with tempfile.TemporaryDirectory(prefix="keyhouse-bench-") as folder, ExitStack() as stack:
            houses = list(_filled(kind, Path(folder), options, stack))
            yield from _measured(kind, Path(folder), houses, options)


def _filled(kind: str, folder: Path, options: argparse.Namespace, stack: ExitStack) -> Iterator[stage.House]:
    for tokens in options.tokens:
        for project in COMPARED:
            name = f"keyhouse_bench_{project}_{tokens}"
            _say(f"{KINDS[kind]}: {project} with {report.sized(tokens)}")
            url = f"sqlite:///{folder}/{name}" if kind == "sqlite" else f"{options.postgresql}/{name}"
            yield stack.enter_context(stage.house(project, tokens, url=url, folder=folder))


def _measured(kind: str, folder: Path, houses: list[stage.House], options: argparse.Namespace) -> Iterator[str]:
    verdicts: list[report.Verdict] = []
    sizes, timing = options.tokens, {"rounds": options.rounds, "seconds": options.seconds}
    if "process" in options.parts:
        _say("in process")
        found = in_process.measure(houses, rounds=options.rounds, seconds=options.seconds / 10)
        yield from report.process_table(found, sizes)
        verdicts += report.process_verdicts(found, sizes, kind)
    if "http" in options.parts:
        _say("over HTTP")
        found = over_http.measure(houses, folder, **timing)
        yield from report.http_table(found, sizes)
        verdicts += report.http_verdicts(found, sizes, kind)
    if "nginx" in options.parts:
        _say("behind nginx")
        biggest = [house for house in houses if house.project == "keyhouse"][-1]
        found = over_http.measure_nginx(biggest, folder, shutil.which("nginx") or "", **timing)
        yield from report.nginx_table(found)
        verdicts += report.nginx_verdicts(found)
    yield from report.verdict_table(verdicts)


def _say(what: str) -> None:
    """Tell on the side what is going on: a report takes half an hour."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")
