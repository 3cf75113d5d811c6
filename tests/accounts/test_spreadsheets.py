import csv
import io

import pytest

from accounts.spreadsheets import harmless, stream


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", '=HYPERLINK("x")'])
def test_nothing_in_a_cell_is_run_as_a_formula(cell):
    """ASVS 1.2.10, TRAPS: an alias of one merchant must not run on another's computer."""
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Till 1", "a=b", "1-2", "مقهى"])
def test_what_is_no_formula_stays_as_it_is(cell):
    assert harmless(cell) == cell


def test_a_list_is_streamed_row_by_row():
    asked = []

    def rows():
        for number in range(3):
            asked.append(number)
            yield [f"a,{number}", 'say "b"']

    answer = stream("list.csv", ("One", "Two"), rows())
    assert answer.streaming
    assert asked == []
    text = answer.getvalue().decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [["One", "Two"], *[[f"a,{n}", 'say "b"'] for n in range(3)]]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="list.csv"'
