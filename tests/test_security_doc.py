"""`docs/security.md`: what it cites exists, and nothing of OWASP ASVS 5.0 below level 3 is passed over in silence."""

import ast
import importlib
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

import pytest
from django.conf import settings

PAGE = (settings.BASE_DIR / "docs" / "security.md").read_text(encoding="utf-8")
HEADER = ["no.", "asks for", "how it is met", "shown by"]
NOT_HERE = ["no.", "why"]
LIMITS = ["what", "limit", "constant"]

SECTIONS = dict(
    re.findall(
        r"(\S+):(\d+)",
        """
    1.1:2 1.2:10 1.3:12 1.4:3 1.5:3 2.1:3 2.2:3 2.3:5 2.4:2 3.1:1 3.2:3 3.3:5 3.4:8 3.5:8 3.6:1 3.7:5 4.1:5 4.2:5 4.3:2
    4.4:4 5.1:1 5.2:6 5.3:3 5.4:3 6.1:3 6.2:12 6.3:8 6.4:6 6.5:8 6.6:4 6.7:2 6.8:4 7.1:3 7.2:4 7.3:2 7.4:5 7.5:3 7.6:2
    8.1:4 8.2:4 8.3:3 8.4:2 9.1:3 9.2:4 10.1:2 10.2:3 10.3:5 10.4:16 10.5:5 10.6:2 10.7:3 11.1:4 11.2:5 11.3:5 11.4:4
    11.5:2 11.6:2 11.7:2 12.1:5 12.2:2 12.3:5 13.1:4 13.2:6 13.3:4 13.4:7 14.1:2 14.2:8 14.3:3 15.1:5 15.2:5 15.3:7
    15.4:4 16.1:1 16.2:5 16.3:4 16.4:3 16.5:4
""",
    )
)
"""Section of ASVS 5.0.0 -> how many requirements it has; WebRTC, chapter 17, left out."""

LEVEL_3 = set(
    re.findall(
        r"\S+",
        """
    1.2.10 1.3.12 1.5.3 2.3.5 2.4.2 3.1.1 3.2.3 3.3.5 3.4.7 3.4.8 3.5.6 3.5.7 3.5.8 3.6.1 3.7.3 3.7.4 3.7.5 4.1.4 4.1.5
    4.2.2 4.2.3 4.2.4 4.2.5 5.2.4 5.2.5 5.2.6 5.3.3 6.3.5 6.3.6 6.3.7 6.3.8 6.4.5 6.4.6 6.5.6 6.5.7 6.5.8 6.6.4 6.7.1
    6.7.2 7.5.3 8.1.3 8.1.4 8.2.4 8.3.2 8.3.3 8.4.2 10.2.3 10.3.5 10.4.12 10.4.13 10.4.14 10.4.15 10.4.16 11.1.3 11.1.4
    11.2.4 11.2.5 11.3.4 11.3.5 11.5.2 11.6.2 11.7.1 11.7.2 12.1.4 12.1.5 12.3.5 13.1.2 13.1.3 13.1.4 13.2.6 13.3.3
    13.3.4 13.4.6 13.4.7 14.2.5 14.2.6 14.2.7 14.2.8 15.1.4 15.1.5 15.2.4 15.2.5 15.4.1 15.4.2 15.4.3 15.4.4 16.5.4
""",
    )
)

KNOWN = {f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, int(count) + 1)}
CITED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
FILES = re.compile(
    r"`((?:accounts|tokens|portal|tests|deploy|docs|static|templates)/[\w./*@-]+|[\w-]+\.(?:md|toml|txt))`"
)
WITHOUT = re.compile(r"none|none: .+")
"""What stands in place of a test where there can be none, and why."""
UNITS = {"minutes": 60, "hour": 3600, "hours": 3600, "days": 86_400, "MB": 1_000_000}


def tables(header: list[str]) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield (the heading above it, its rows) for each table of the page with this header."""
    heading, rows = "", None
    for line in [*PAGE.splitlines(), ""]:
        if line.startswith("#"):
            heading = line.lstrip("# ")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if cells == header:
            rows = []
        elif rows is not None and not cells:
            yield heading, rows[1:]  # without the line below the header
            rows = None
        elif rows is not None:
            rows.append(cells)


TABLES = [(heading, rows) for heading, rows in tables(HEADER)]
ROWS = [(heading, row) for heading, rows in TABLES for row in rows]
ASVS = [(heading, row) for heading, row in ROWS if heading.startswith("V")]


def in_order(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]


@lru_cache
def functions_in(path: str) -> set[str]:
    tree = ast.parse((settings.BASE_DIR / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_there_is_a_table_for_each_chapter_and_for_pci_dss():
    chapters = [heading.split(" ")[0] for heading, _rows in TABLES if heading.startswith("V")]
    assert chapters == [f"V{number}" for number in range(1, 17)]
    assert any("PCI DSS" in heading for heading, _rows in TABLES)


@pytest.mark.parametrize(("heading", "rows"), TABLES, ids=[heading for heading, _rows in TABLES])
def test_each_number_has_the_right_form_and_stands_once_in_its_order(heading, rows):
    numbers = [row[0] for row in rows]
    form = r"\d+\.\d+\.\d+" if heading.startswith("V") else r"\d+\.\d+\.\d+(\.\d+)?"
    assert all(re.fullmatch(form, number) for number in numbers)
    assert all(in_order(before) < in_order(after) for before, after in pairwise(numbers))
    if heading.startswith("V"):
        assert {f"V{number.split('.')[0]}" for number in numbers} == {heading.split(" ")[0]}
        assert set(numbers) <= KNOWN


def test_every_row_has_all_its_cells():
    for _heading, row in ROWS:
        assert len(row) == len(HEADER), row
        assert all(row), row


def test_every_test_that_is_cited_exists():
    found = CITED.findall(PAGE)
    assert found
    for path, name in found:
        assert (settings.BASE_DIR / path).is_file(), path
        assert name in functions_in(path), f"{path}::{name}"


def test_every_row_cites_a_test_or_says_that_there_is_none():
    for _heading, row in ROWS:
        cited = CITED.sub("", row[3]).strip(", ")
        assert not cited or WITHOUT.fullmatch(cited), row


def test_every_file_that_is_named_exists():
    for path in FILES.findall(PAGE):
        assert list(settings.BASE_DIR.glob(path)), path


def test_every_link_leads_somewhere():
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\((?!https:)([^)]+)\)", PAGE):
        path, _, anchor = target.partition("#")
        assert not path or (settings.BASE_DIR / "docs" / path).exists(), target
        assert path or anchor in anchors, target


def numbers_in(text: str) -> set[str]:
    """Return the requirements that `text` names, `10.4.1 ... 10.4.4` all of them, `4.3` those of the section."""
    found = set()
    for first, last in re.findall(r"(\d+\.\d+\.\d+) … (\d+\.\d+\.\d+)", text):
        section = first.rpartition(".")[0]
        assert last.startswith(f"{section}."), f"{first} … {last}"
        found |= {f"{section}.{number}" for number in range(in_order(first)[2], in_order(last)[2] + 1)}
    found |= set(re.findall(r"\b\d+\.\d+\.\d+\b", text))
    for section in re.findall(r"(?<![\d.])\d+\.\d+(?![\d.])", text):
        found |= {number for number in KNOWN if number.startswith(f"{section}.")}
    return found


def test_nothing_of_level_one_and_two_is_left_out():
    elsewhere = set()
    for heading, rows in tables(NOT_HERE):
        assert heading
        for numbers, why in rows:
            assert why
            elsewhere |= numbers_in(numbers)
    told = {row[0] for _heading, row in ASVS}
    assert elsewhere <= KNOWN
    assert not told & elsewhere
    assert not KNOWN - LEVEL_3 - told - elsewhere


def value_of(limit: str) -> int:
    number, unit = re.match(r"([\d,]+) ?(\w+)?", limit).groups()
    return int(number.replace(",", "")) * UNITS.get(unit, 1)


def test_the_limits_are_those_of_the_code():
    """ASVS 2.1.3, 6.1.1, 7.1.1: what is written down about limits is what holds."""
    ((_heading, rows),) = tables(LIMITS)
    assert len(rows) > 20
    for what, limit, constant in rows:
        module, _, name = constant.strip("`").rpartition(".")
        found = getattr(settings if module == "portal.settings" else importlib.import_module(module), name)
        seconds = found.total_seconds() if isinstance(found, timedelta) else found
        assert seconds == value_of(limit), what


def test_numbers_are_read_as_they_are_written():
    """What cannot fail shows nothing."""
    assert numbers_in("1.2.6 … 1.2.8, 5.3.3") == {"1.2.6", "1.2.7", "1.2.8", "5.3.3"}
    assert numbers_in("4.3, 7.6") == {"4.3.1", "4.3.2", "7.6.1", "7.6.2"}
    assert (value_of("15 minutes"), value_of("10,000 rows"), value_of("2 MB")) == (900, 10_000, 2_000_000)
    assert len(KNOWN) == 333
    assert LEVEL_3 < KNOWN
