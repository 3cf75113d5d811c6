"""The tables: Markdown, medians of the calm rounds, and beside each ratio the target that PERFORMANCE gave it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench import in_process, over_http
from tests.bench.samples import Rounds

NAMES = {"knox": "django-rest-knox", "api-key": "djangorestframework-api-key", "token": "DRF TokenAuthentication"}
IN_PROCESS = {"sqlite": {"knox": 12, "api-key": 6, "token": 7}, "postgresql": {"knox": 5, "api-key": 2.5, "token": 3}}
HTTP, CEILING = {"sqlite": 15, "postgresql": 8}, {"sqlite": 0.60, "postgresql": 0.20}


@dataclass(frozen=True)
class Verdict:
    """A ratio and what it should be."""

    what: str
    measured: float
    target: float
    at_most: bool = False
    form: str = ".2f"

    def row(self) -> list[str]:
        """Return the cells of its line."""
        is_met = self.measured <= self.target if self.at_most else self.measured >= self.target
        sign = "≤" if self.at_most else "≥"
        return [self.what, f"{self.measured:{self.form}}", f"{sign} {self.target:{self.form}}", _said(is_met)]


def _said(is_met: bool) -> str:
    return "met" if is_met else "**not met**"


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def sized(tokens: int) -> str:
    return f"{tokens:,} tokens"


def process_table(found: Rounds, sizes: list[int]) -> Iterator[str]:
    """Yield microseconds for each question and size, and how many times `decide()` is faster."""
    names = {
        "decide": "Keyhouse, `decide()`",
        "wsgi": "Keyhouse, the whole WSGI callable",
        "malformed": "Keyhouse, malformed token",
        "unknown": "Keyhouse, unknown key ID",
        "wrong": "Keyhouse, wrong secret",
        **NAMES,
        "crowd": "django-rest-knox, a user with 1,000 tokens",
    }

    def cells(name: str, size: int) -> list[str]:
        times = f"{found.ratio(('decide', size), (name, size)):.1f}" if name in (*NAMES, "crowd") else ""
        return [f"{found.median((name, size), 'p50'):,.1f}", times]

    yield f"Microseconds a decision, in process; medians of the {len(found.calm)} calmest of {found.all} rounds.\n"
    head = ["", *(cell for size in sizes for cell in (sized(size), "`decide()` is faster"))]
    yield from table(head, ([said, *(c for size in sizes for c in cells(name, size))] for name, said in names.items()))


def process_verdicts(found: Rounds, sizes: list[int], kind: str) -> Iterator[Verdict]:
    """Yield what is asked of the decision in process."""
    for size in sizes:
        for name, target in IN_PROCESS[kind].items():
            ratio = found.ratio(("decide", size), (name, size))
            yield Verdict(f"in process, {sized(size)}: times faster than {NAMES[name]}", ratio, target, form=".1f")
        apart = abs(found.ratio(("unknown", size), ("wrong", size), "p50") - 1)
        what = f"in process, {sized(size)}: unknown key ID and wrong secret apart"
        yield Verdict(what, apart, 0.05, at_most=True, form=".1%")
    if len(sizes) > 1:
        growth = found.ratio(("decide", sizes[-1]), ("decide", sizes[0]), "p50")
        yield Verdict(f"in process: cost at {sized(sizes[-1])} against {sizes[0]:,}", growth, 1.3, at_most=True)


def http_table(found: Rounds, sizes: list[int]) -> Iterator[str]:
    """Yield requests a second, their share of the ceiling, median and 99th percentile."""
    first = over_http.EMPTY, over_http.DJANGO
    names = {
        first[0]: "empty WSGI 204, the ceiling",
        first[1]: "empty Django view, default middleware",
        over_http.ONE_ROW: "empty WSGI 204 after one row was read by its key ID",
        over_http.COUNTED: "Keyhouse",
        over_http.UNCOUNTED: "Keyhouse, counting switched off",
        over_http.MALFORMED: "Keyhouse, malformed token",
        **NAMES,
    }

    def rows() -> Iterator[list[str]]:
        for name, said in names.items():
            for size in [None] if name in first else sizes:
                key = name if size is None else (name, size)
                rate, share = f"{found.median(key):,.0f}", f"{found.ratio(key, over_http.EMPTY):.3f}"
                times = [f"{found.median(key, what) / 1000:.2f}" for what in ("p50", "p99")]
                yield [said, f"{size:,}" if size else "", rate, share, *times]

    yield f"Over HTTP, {over_http.CONNECTIONS} connections; the {len(found.calm)} calmest of {found.all} rounds.\n"
    yield from table(["", "tokens", "requests/s", "of the ceiling", "p50, ms", "p99, ms"], rows())


def http_verdicts(found: Rounds, sizes: list[int], kind: str) -> Iterator[Verdict]:
    """Yield what is asked of the decision over HTTP."""
    empty, counted = over_http.EMPTY, over_http.COUNTED
    for size in sizes:
        own, at = (counted, size), f"HTTP, {sized(size)}:"
        for name in over_http.LIBRARIES:
            ratio = found.ratio(own, (name, size))
            yield Verdict(f"{at} times the requests of {NAMES[name]}", ratio, HTTP[kind], form=".1f")
        yield Verdict(f"{at} share of the empty 204", found.ratio(own, empty), CEILING[kind])
        yield Verdict(f"{at} p99 against the empty 204's", found.ratio(own, empty, "p99"), 2, at_most=True)
        malformed = found.ratio((over_http.MALFORMED, size), empty)
        yield Verdict(f"{at} malformed token against the empty 204", malformed, 0.80)
        cost = 1 - found.ratio(own, (over_http.UNCOUNTED, size))
        yield Verdict(f"{at} cost of counting", cost, 0.08, at_most=True, form=".1%")
    if len(sizes) > 1:
        growth = found.ratio((counted, sizes[0]), (counted, sizes[-1]))
        yield Verdict(f"HTTP: cost at {sized(sizes[-1])} against {sizes[0]:,}", growth, 1.3, at_most=True)


def nginx_table(found: Rounds) -> Iterator[str]:
    """Yield requests a second behind nginx."""
    names = {
        over_http.EMPTY: "empty 204 as the subrequest",
        over_http.ONE_ROW: "empty 204 after one row was read",
        over_http.COUNTED: "Keyhouse as the subrequest",
    }
    yield f"Behind nginx, `auth_request` with kept connections; the {len(found.calm)} calmest of {found.all} rounds.\n"
    head = ["", "requests/s", "p50, ms", "p99, ms"]
    rows = (
        [said, f"{found.median(name):,.0f}", *(f"{found.median(name, what) / 1000:.2f}" for what in ("p50", "p99"))]
        for name, said in names.items()
    )
    yield from table(head, rows)


def nginx_verdicts(found: Rounds) -> Iterator[Verdict]:
    """Yield what is asked behind nginx."""
    ratio = found.ratio(over_http.COUNTED, over_http.EMPTY)
    yield Verdict("behind nginx: share of an empty subrequest", ratio, 0.85)


def verdict_table(verdicts: list[Verdict]) -> Iterator[str]:
    """Yield the targets, met or not."""
    yield from table(["target", "measured", "asked", ""], (verdict.row() for verdict in verdicts))


assert set(NAMES) == set(over_http.LIBRARIES) <= {name for names in in_process.QUESTIONS["peers"] for name in names}
