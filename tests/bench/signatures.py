"""How fast Keyhouse signs and verifies messages of 1 kB, with two active keys of each merchant.

    python -m tests.bench.signatures [--quick] [--database sqlite|postgresql|both] [--keys 6000]
                                     [--rounds 7] [--seconds 3]

In process: the whole WSGI callable, beside the HMAC alone. Over HTTP: the server as `manage.py serve` starts it, one
process on one core, wrk on the other, beside an empty 204. Every message is verified once, as in life, and once again
as a replay. Databases of its own are made, filled and dropped, as `tests.bench.decisions` does; the calmer half of the
rounds counts.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests import processes
from tests.bench.in_process import YARDSTICK, _yardstick
from tests.bench.report import table
from tests.bench.samples import Rounds, Sample
from tests.bench.signing import BODY, SIGN, VERIFY, messages
from tests.bench.stage import CLIENT_CORE, House, house, on_core, serving, subject

CONNECTIONS = 16
EMPTY = "empty"
SCRIPT = Path(__file__).with_name("messages.lua")
NAMES = {
    "hmac": "HMAC-SHA-256 with two keys, nothing else",
    "sign": "`/gateway/signatures`",
    "verify": "`/gateway/signatures/verify`, a new message",
    "replay": "`/gateway/signatures/verify`, a replay",
    EMPTY: "an empty 204, the ceiling",
}
MOST_A_SECOND = 15_000
"""Messages made ready for each second: more than can be verified."""
REPLAYS = 100
"""Messages that are verified over and over."""


@dataclass(frozen=True)
class Question:
    """What wrk posts: a path, how a message reads, and what must stand in each answer."""

    path: str
    lines: list[str]
    expected: str


def main() -> int:
    """Measure what the command line asks for and print it."""
    options = read_options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    for kind in ["sqlite", "postgresql"] if options.database == "both" else [options.database]:
        with tempfile.TemporaryDirectory(prefix="keyhouse-bench-") as folder:
            name = f"keyhouse_bench_signing_{options.keys}"
            url = f"sqlite:///{folder}/{name}" if kind == "sqlite" else f"{options.postgresql}/{name}"
            with house("signing", options.keys, url=url, folder=Path(folder)) as filled:
                for line in report(kind, filled, Path(folder), options):
                    sys.stdout.write(f"{line}\n")
                    sys.stdout.flush()
    return 0


def report(kind: str, filled: House, folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """Yield the table of one kind of database, measured in process and over HTTP."""
    inside = measure_inside(filled, rounds=options.rounds, seconds=options.seconds / 5)
    outside = measure_outside(filled, folder, rounds=options.rounds, seconds=options.seconds)

    def rows() -> Iterator[list[str]]:
        for name, said in NAMES.items():
            cells = [""] * 4
            if name in inside:
                cells[0] = f"{inside.median(name, 'p50'):,.0f}"
            if name in outside:
                times = (f"{outside.median(name, what) / 1000:.2f}" for what in ("p50", "p99"))
                cells[1:] = [f"{outside.median(name):,.0f}", *times]
            yield [said, *cells]

    yield f"{kind}, {options.keys:,} keys; the {len(outside.calm)} calmest of {outside.all} rounds.\n"
    yield from table(
        ["", "in process, µs", f"over HTTP, {CONNECTIONS} connections, a second", "p50, ms", "p99, ms"], rows()
    )


def measure_inside(filled: House, *, rounds: int, seconds: float) -> Rounds:
    """Return the samples of each question, called in one process for `seconds` in each round."""
    found = []
    with subject(filled) as asked:
        for _ in range(rounds + 1):
            samples: dict[Hashable, Sample] = {YARDSTICK: _yardstick()}
            for name in ("hmac", "sign", "verify", "replay"):
                each = asked.ask(name, seconds=seconds)[name]
                samples[name] = Sample(1e6 / each["p50"], each["p50"], each["p99"])
            found.append(samples)
    return Rounds(found[1:], yardstick=YARDSTICK)


def measure_outside(filled: House, folder: Path, *, rounds: int, seconds: float) -> Rounds:
    """Return the samples of each endpoint and of EMPTY, over HTTP."""
    found = []
    with (
        serving("tests.bench.empty:application", filled.environment) as empty,
        serving("portal.wsgi:application", filled.environment) as port,
    ):
        for _ in range(rounds + 1):
            asked = questions(filled.presented["keys"], seconds)
            verify_once(asked["replay"], port, filled.presented["gateway"])
            samples = {name: post(asked[name], port, filled, folder, seconds) for name in ("sign", "verify", "replay")}
            found.append(samples | {EMPTY: post(asked[EMPTY], empty, filled, folder, seconds)})
    return Rounds(found[1:], yardstick=EMPTY)


def questions(keys: list[tuple[str, str]], seconds: float) -> dict[str, Question]:
    """Return what is posted in one round; the messages to be verified have just been signed."""
    ready = islice(messages(keys), int(seconds * MOST_A_SECOND) + REPLAYS)
    fresh = [" ".join(message.values()) for message in ready]
    entities = [entity for entity, _key in keys]
    return {
        "sign": Question(SIGN, entities, '"webhook-signature": "v1,'),
        "verify": Question(VERIFY, fresh, '{"valid": true'),
        "replay": Question(VERIFY, fresh[-REPLAYS:], '"reason": "replay"'),
        EMPTY: Question(SIGN, entities, ""),
    }


def verify_once(question: Question, port: int, gateway: str) -> None:
    """Let each message of `question` be verified, so that each one is a replay from then on."""
    with closing(http.client.HTTPConnection(processes.HOST, port, timeout=60)) as line:
        for entity, *values in (each.split(" ") for each in question.lines):
            headers = dict(zip(("webhook-id", "webhook-timestamp", "webhook-signature"), values, strict=True))
            told = headers | {"X-Keyhouse-Gateway": gateway}
            line.request("POST", f"{question.path}?entity={entity}&mode=live", BODY, told)
            line.getresponse().read()


def post(question: Question, port: int, filled: House, folder: Path, seconds: float) -> Sample:
    """Post over and over for so many seconds; raises RuntimeError where an answer was not the one expected."""
    lines, body = folder / "messages.txt", folder / "body.json"
    lines.write_text("\n".join(question.lines), encoding="utf-8")
    body.write_bytes(BODY)
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(SCRIPT)]
    told = [question.path, str(lines), str(body), filled.presented["gateway"], question.expected]
    words = ["wrk", *options, f"http://{processes.HOST}:{port}/", "--", *told]
    with on_core(CLIENT_CORE):
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found = json.loads(said.strip().splitlines()[-1])
    if found["broken"] or found["unexpected"]:
        raise RuntimeError(f"{question.path} answered what it should not: {found}")
    return Sample(found["rate"], found["p50"], found["p99"])


def read_options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only to see that it works")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--keys", type=int, help="integration keys, six of each merchant (default: 6000)")
    parser.add_argument("--rounds", type=int, help="rounds after the one that warms up (default: 7)")
    parser.add_argument("--seconds", type=float, help="of each measurement over HTTP (default: 3)")
    parser.add_argument(
        "--postgresql", default="postgres://postgres@127.0.0.1:5432", help="server to make databases on"
    )
    options = parser.parse_args()
    options.keys = options.keys or (60 if options.quick else 6_000)
    options.rounds = options.rounds or (1 if options.quick else 7)
    options.seconds = options.seconds or (1 if options.quick else 3)
    return options


if __name__ == "__main__":
    sys.exit(main())
