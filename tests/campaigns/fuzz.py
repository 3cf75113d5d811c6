"""Nonsense on the wire: whatever bytes arrive, `/gateway/authorize` answers 200, 401 or 403, the same on each database.

    python -m tests.campaigns.fuzz --requests 100000 --seed 1
    python -m tests.campaigns.fuzz --requests 100000 --seed 1 --against postgres://postgres@127.0.0.1/postgres

DATABASE_URL says on which database; `--against` names another one, on which the same bytes must get the same answers.
Bytes that are no HTTP the server itself refuses before Keyhouse sees them: those are counted apart. What it must show:
no other answer, no 200 for anything without both credentials in it, no silence, and no fault in the log.
"""

import argparse
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection

from tests import processes
from tests.campaigns import stage
from tests.factories import make_gateway, make_merchant, make_token

PROMISED = {200, 401, 403}
NO_HTTP = {400, 414, 431}
"""What the server answers by itself to what is no request, or an absurdly long one."""
AT_ONCE = 8

ODD = [
    *(
        b"",
        b" ",
        b"\t",
        b"\0",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\xff\xfe",
        b"\xc3\xa9",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ),
    *("\u0663".encode(), "\uff13".encode(), "\xb2".encode(), "\u202e".encode(), "\u200b".encode()),
    *(
        b"\r",
        b"\n",
        b"\r\n ",
        b"\r\nX: y",
        b"%00",
        b"%ff",
        b"%ed%a0%80",
        b"%2",
        b"%",
        b"+",
        b"&",
        b"=",
        b";",
        b",",
        b'"',
    ),
    *(
        b"'",
        b"\\",
        b"{}",
        b"${jndi:x}",
        b"-1",
        b"1e400",
        b"9" * 5_000,
        b"a" * 9_000,
        b"null",
        b"' OR 1=1 --",
        b"../../x",
    ),
    *(b"Bearer", b"Bearer ", b"Basic eA==", b"kh_api_live_", b"kh_gtw_live_", b"127.0.0.1", b"::1", b"fe80::1%eth0"),
    *(b"::ffff:1.2.3.4", b"1.2.3.4, 5.6.7.8", b"0x7f.1"),
]
NAMES = [
    b"permission",
    b"mode",
    b"entity",
    b"caller",
    b"permision",
    b"Mode",
    b"",
    b"mode[]",
    b"%6dode",
    b"x" * 900,
    b"\xff",
]


@dataclass(frozen=True)
class Good:
    """What is good in all that follows, as bytes: made from the seed, so that it is the same on every database."""

    secret: bytes
    gateway: bytes
    entity: bytes


def ground(chance: random.Random) -> Good:
    """Make a merchant with a token, and a gateway, none of them by chance."""
    with mock.patch.object(secrets, "choice", chance.choice):
        _, gateway = make_gateway()
        merchant = make_merchant()
        _, secret = make_token(merchant)
    return Good(secret.encode(), gateway.encode(), merchant.entity_id.encode())


def request(chance: random.Random, good: Good) -> bytes:
    """Return a question of which at least one part is not what it should be."""
    values = {
        b"Authorization": b"Bearer " + good.secret,
        b"X-Keyhouse-Gateway": good.gateway,
        b"X-Keyhouse-Caller": b"203.0.113.9",
    }
    more = {b"X-Request-Id": b"0123", b"Cookie": b"a=b", b"X-Forwarded-For": b"203.0.113.9"}
    lines: list[tuple[bytes, bytes]] = []
    spoilt = set(chance.choices([*values, b"query", *more], [3, 3, 2, 4, 1, 1, 1], k=chance.choice([1, 1, 2, 3])))
    for name, value in (values | {name: value for name, value in more.items() if name in spoilt}).items():
        lines += _spoil_header(chance, name, value) if name in spoilt else [(name, value)]
    query = _spoil_query(chance, good) if b"query" in spoilt else stage.QUERY.encode()
    chance.shuffle(lines)
    head = b"".join(b"%b: %b\r\n" % line for line in lines)
    return b"GET /gateway/authorize?%b HTTP/1.1\r\nHost: keyhouse\r\n%bConnection: close\r\n\r\n" % (query, head)


def _spoil_header(chance: random.Random, name: bytes, value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the header once, several times or not at all, with something wrong about it."""
    how = chance.random()
    if how < 0.05:
        return
    if how < 0.2:
        yield name, value
    for _ in range(chance.choice([1, 1, 1, 1, 2, 5])):
        spoilt = _spoil(chance, value)
        if chance.random() < 0.8:  # else the server refuses it, and Keyhouse never sees what surrounds it
            spoilt = bytes(byte for byte in spoilt if byte >= 0x20 and byte != 0x7F)
        yield chance.choice([name, name, name, name.upper(), name.replace(b"-", b"_")]), spoilt


def _spoil(chance: random.Random, value: bytes) -> bytes:
    """Return other bytes than `value`: mostly some that resemble it, else any."""
    how = chance.random()
    if how < 0.2:
        return chance.randbytes(chance.choice([1, 3, 20, 78, 300]))
    if how < 0.22:
        return chance.choice([b"a", b"\xff", value]) * chance.choice([1_000, 10_000, 60_000])
    if how < 0.4:
        return chance.choice(ODD)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(value) + 1)
        cut = at + chance.choice([0, 0, 1, 1, 5])
        put = chance.choice([b"", chance.randbytes(1), chance.choice(ODD), value[at:cut] * 2])
        value = value[:at] + put + value[cut:]
    return value


def _spoil_query(chance: random.Random, good: Good) -> bytes:
    """Return a query string of good and bad parts."""
    values = [b"live", b"test", b"payment_transaction.edit", good.entity, good.secret, b"x-forwarded-for"]
    pairs = []
    for _ in range(chance.choice([0, 1, 2, 2, 3, 3, 4, 20])):
        value = chance.choice(values)
        pairs.append(chance.choice(NAMES) + b"=" + (_spoil(chance, value) if chance.random() < 0.4 else value))
    joined = chance.choice([b"&", b"&", b"&", b"&&", b";"]).join(pairs)
    if chance.random() < 0.1:
        return joined
    # As a browser would write it: what cannot stand in an address as it is stands there in hexadecimal.
    return b"".join(bytes([byte]) if 0x21 <= byte < 0x7F and byte != 0x23 else b"%%%02X" % byte for byte in joined)


def answers(port: int, raw: bytes) -> list[tuple[str, int]]:
    """Send `raw` and return the answers: of Keyhouse or of the server, and its status; none where it just hung up."""
    said = b""
    try:
        with socket.create_connection((processes.HOST, port), timeout=20) as line:
            line.sendall(raw)
            while more := line.recv(65_536):
                said += more
    except TimeoutError:
        return [("silence", 0)]
    except ConnectionError:
        pass  # it closed before it had read all: what it has said until then counts
    heads = [head.lower() for head in said.split(b"\r\n\r\n") if head]
    return [("keyhouse" if b"no-store" in head else "server", int(head.split(b" ", 2)[1])) for head in heads]


@dataclass
class Report:
    """What came back, for each request, and what is wrong about it."""

    answers: list[list[tuple[str, int]]]
    faults: list[str]
    seconds: float

    def __str__(self) -> str:
        counts = Counter(f"{who} {status}" for each in self.answers for who, status in each)
        counts["hung up"] = sum(not each for each in self.answers)
        told = ", ".join(f"{what}: {count}" for what, count in sorted(counts.items()))
        faults = f"{len(self.faults)} faults"
        return f"{connection.vendor}: {len(self.answers)} requests in {self.seconds:.0f} s ({told}); {faults}"


def fuzz(folder: Path, *, requests: int, seed: int, workers: int = 2) -> Report:
    """Send that many requests to a server of the present database; return what came back."""
    chance = random.Random(seed)
    good = ground(chance)
    raws = [request(chance, good) for _ in range(requests)]
    started = time.perf_counter()
    with processes.portal(folder, workers=workers, threads=2, KEYHOUSE_USAGE_FLUSH_SECONDS="0.2") as server:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            got = list(pool.map(lambda raw: answers(server.port, raw), raws))
        server.stop()
        log = server.log.read_text(encoding="utf-8", errors="replace")
    faults = [f"{raw[:300]!r}: {each}" for raw, each in zip(raws, got, strict=True) if not _holds(raw, each, good)]
    faults += [line for line in log.splitlines() if "Traceback" in line or "could not be" in line]
    return Report(got, faults, time.perf_counter() - started)


def _holds(raw: bytes, got: list[tuple[str, int]], good: Good) -> bool:
    for who, status in got:
        if status not in {"keyhouse": PROMISED, "server": NO_HTTP}.get(who, set()):
            return False
        if status == 200 and not (good.secret in raw and good.gateway in raw):
            return False
    return True


def unlike(url: str, report: Report, *, requests: int, seed: int) -> list[str]:
    """Return a sentence for each request that Keyhouse answers otherwise on the database at `url`.

    What the server refuses before it is not compared: whether it answers before it hangs up is luck.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.json"
        words = [f"--requests={requests}", f"--seed={seed}", f"--answers={file}"]
        subprocess.run(
            [sys.executable, "-m", "tests.campaigns.fuzz", *words],
            check=True,
            cwd=processes.ROOT,
            env=os.environ | {"DATABASE_URL": url},
        )
        others = json.loads(file.read_text(encoding="utf-8"))
    pairs = zip(report.answers, others, strict=True)
    return [
        f"Request {number}: {mine} here, {other} there."
        for number, (mine, other) in enumerate(pairs)
        if [list(each) for each in mine if each[0] == "keyhouse"] != [each for each in other if each[0] == "keyhouse"]
    ]


def main() -> int:
    """Run the campaign in a database of its own, and in another one where that is named; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--against", metavar="URL", help="another database that must answer alike")
    parser.add_argument("--answers", type=Path, help="where to write all answers as JSON")
    options = parser.parse_args()
    with stage.own_database(), tempfile.TemporaryDirectory() as folder:
        report = fuzz(Path(folder), requests=options.requests, seed=options.seed)
    if options.answers:
        options.answers.write_text(json.dumps(report.answers), encoding="utf-8")
    print(report, *report.faults[:20], sep="\n", flush=True)  # noqa: T201  a command speaks
    apart: list[str] = []
    if options.against:
        apart = unlike(options.against, report, requests=options.requests, seed=options.seed)
        print(f"{len(apart)} requests answered otherwise there", *apart[:20], sep="\n")  # noqa: T201
    return 1 if report.faults or apart else 0


if __name__ == "__main__":
    sys.exit(main())
