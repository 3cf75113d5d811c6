"""Every behaviour that is promised is named by a test that would notice its loss."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

LAST = {"S0": 40, "S1": 27, "S2": 24, "S3": 22, "C": 10}
"""Document -> its last number: the behaviours are numbered S<document>-<n>, the rulings between the documents C<n>."""

WIDEST = 12
"""`S3-13 ... S3-17` names five. What names more than this tells a story, and may miss the loss of one of them."""

NUMBER = re.compile(r"\b(S\d)-(\d+)|\b(C)(\d+)\b(?!\d)")
RANGE = re.compile(r"\b(S\d)-(\d+) \.\.\. (?:S\d-)(\d+)")


def numbers(text: str) -> set[str]:
    """Return the behaviours that `text` names, each by itself or in a short range."""
    found = set()
    for document, first, last in RANGE.findall(text):
        if int(last) - int(first) < WIDEST:
            found |= {f"{document}-{number}" for number in range(int(first), int(last) + 1)}
    for document, number, ruling, of_it in NUMBER.findall(RANGE.sub("", text)):
        found.add(f"{document}-{number}" if document else f"{ruling}{of_it}")
    return found


def named() -> Iterator[tuple[str, str]]:
    """Yield (behaviour, test) for everything that the docstrings of tests name."""
    for path in sorted(Path(__file__).parent.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in numbers(ast.get_docstring(node) or ""):
                    yield number, f"{path.name}::{node.name}"


@pytest.mark.parametrize("document", LAST)
def test_every_behaviour_is_named_by_a_test(document: str):
    mark = document if document == "C" else f"{document}-"
    promised = {f"{mark}{number}" for number in range(1, LAST[document] + 1)}
    missing = promised - {number for number, _test in named()}
    assert not missing, sorted(missing, key=lambda each: int(re.split(r"C|-", each)[1]))


def test_what_does_not_exist_is_not_named():
    """A number that was mistyped covers nothing."""
    for number, test in named():
        document = number.split("-")[0].rstrip("0123456789") or number[:2]
        document = "C" if number.startswith("C") else number[:2]
        if document in LAST:
            assert 1 <= int(re.split(r"C|-", number)[1]) <= LAST[document], f"{test} names {number}"


def test_a_range_names_what_lies_between():
    assert numbers("S3-13 ... S3-15, S0-2 and ruling C4.") == {"S3-13", "S3-14", "S3-15", "S0-2", "C4"}
    assert numbers("S0-1 ... S0-34, C3") == {"C3"}
    assert numbers("UTF-8, ISO C90x, S3") == set()
