"""Lists as CSV, streamed, and harmless in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")
"""A cell that begins so is run as a formula by spreadsheets (OWASP, CSV injection)."""


class _Line:
    """A file for `csv.writer` that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def stream(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> StreamingHttpResponse:
    """Answer with `rows` below `header` as the file `name`, each row sent as it is made."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_lines(header, rows), content_type="text/csv; charset=utf-8", headers=headers)


def harmless(cell: str) -> str:
    """Return `cell` so that a spreadsheet shows it as text."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(header)  # the mark tells spreadsheets that this is UTF-8
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])
