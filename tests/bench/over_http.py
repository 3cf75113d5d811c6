"""Decisions over HTTP, under the same server with the same options, and through nginx."""

import json
import subprocess
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import processes
from tests.bench import keyhouse
from tests.bench.samples import Rounds, Sample
from tests.bench.stage import CLIENT_CORE, House, on_core, serving

CONNECTIONS = 16
EMPTY, DJANGO, ONE_ROW = "empty", "django", "one-row"
COUNTED, UNCOUNTED, MALFORMED = "keyhouse", "uncounted", "malformed"
LIBRARIES = ("knox", "api-key", "token")
SCRIPT = Path(__file__).with_name("requests.lua")
BEHIND_NGINX = {
    EMPTY: "tests.bench.empty:application",
    ONE_ROW: "tests.bench.keyhouse.one_row:application",
    COUNTED: "portal.wsgi:application",
}


@dataclass(frozen=True)
class Question:
    """What wrk asks: an address, the credentials in turn, and whether all of them must be refused or none."""

    port: int
    path: str
    credentials: Path
    headers: dict[str, str] = field(default_factory=dict)
    is_refused: bool = False


def measure(houses: list[House], folder: Path, *, rounds: int, seconds: float) -> Rounds:
    """Return the samples of EMPTY, DJANGO and (what, tokens); one second or more of each in each round."""
    with ExitStack() as stack:
        asked: dict[Hashable, Question] = {}
        for house in houses:
            enter = _keyhouse if house.project == "keyhouse" else _peers
            asked |= stack.enter_context(enter(house, folder, is_first=house.tokens == houses[0].tokens))
        found = [{name: ask(question, seconds) for name, question in asked.items()} for _ in range(rounds + 1)]
    return Rounds(found[1:], yardstick=EMPTY)


def measure_nginx(house: House, folder: Path, program: str, *, rounds: int, seconds: float) -> Rounds:
    """Return the samples of EMPTY, ONE_ROW and COUNTED as the answers to nginx's `auth_request`.

    nginx runs the recipe of `deploy/nginx`, but for the payment core: it answers by itself, or that would be measured.
    """
    good = _credentials(folder, house, "good", scheme="Bearer ")
    changes = {"proxy_pass http://payment_core/v1/payments/;": "empty_gif;"}
    with ExitStack() as stack:
        asked = {}
        for name, target in BEHIND_NGINX.items():
            behind = stack.enter_context(serving(target, house.environment))
            recipe = {"keyhouse": behind, "core": processes.free_port(), "credential": house.presented["gateway"]}
            with on_core(CLIENT_CORE):
                nginx = processes.gateway(program, folder / f"nginx-{name}", **recipe, **changes)
                server = stack.enter_context(nginx)
            asked[name] = Question(server.port, "/v1/payments/", good)
        found = [{name: ask(question, seconds) for name, question in asked.items()} for _ in range(rounds + 1)]
    return Rounds(found[1:], yardstick=EMPTY)


@contextmanager
def _keyhouse(house: House, folder: Path, *, is_first: bool) -> Iterator[dict[Hashable, Question]]:
    good = _credentials(folder, house, "good", scheme="Bearer ")
    malformed = _credentials(folder, house, "malformed", scheme="Bearer ")
    path, told = f"{keyhouse.PATH}?{keyhouse.QUERY}", keyhouse.headers(house.presented["gateway"])
    with (
        serving("tests.bench.empty:application", house.environment) as empty,
        serving("portal.wsgi:application", house.environment) as counted,
        serving("tests.bench.keyhouse.uncounted:application", house.environment) as uncounted,
        serving("tests.bench.keyhouse.one_row:application", house.environment) as one_row,
    ):
        asked: dict[Hashable, Question] = {EMPTY: Question(empty, path, good, told)} if is_first else {}
        asked[ONE_ROW, house.tokens] = Question(one_row, path, good, told)
        asked[COUNTED, house.tokens] = Question(counted, path, good, told)
        asked[UNCOUNTED, house.tokens] = Question(uncounted, path, good, told)
        asked[MALFORMED, house.tokens] = Question(counted, path, malformed, told, is_refused=True)
        yield asked


@contextmanager
def _peers(house: House, folder: Path, *, is_first: bool) -> Iterator[dict[Hashable, Question]]:
    with serving("tests.bench.peers.wsgi:application", house.environment) as port:
        files = {name: _credentials(folder, house, name) for name in LIBRARIES}
        asked: dict[Hashable, Question] = {
            (name, house.tokens): Question(port, f"/{name}/", file) for name, file in files.items()
        }
        yield asked | ({DJANGO: Question(port, "/empty/", files["knox"])} if is_first else {})


def _credentials(folder: Path, house: House, sort: str, *, scheme: str = "") -> Path:
    file = folder / f"{house.project}-{house.tokens}-{sort}.txt"
    file.write_text("".join(f"{scheme}{each}\n" for each in house.presented[sort]), encoding="utf-8")
    return file


def ask(question: Question, seconds: float) -> Sample:
    """Ask over and over for so many seconds; raises RuntimeError where an answer was not the one expected."""
    address = f"http://{processes.HOST}:{question.port}/"
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(SCRIPT)]
    told = [f"{name}={value}" for name, value in question.headers.items()]
    words = ["wrk", *options, address, "--", question.path, str(question.credentials), *told]
    with on_core(CLIENT_CORE):
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found = json.loads(said.strip().splitlines()[-1])
    expected = found["requests"] if question.is_refused else 0
    if found["broken"] or found["refused"] != expected:
        raise RuntimeError(f"{question.path} answered what it should not: {found}")
    return Sample(found["rate"], found["p50"], found["p99"])
