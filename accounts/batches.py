"""What is too much for one statement, or for memory, is taken a list at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

FOR_SQLITE = 500
"""Values that any SQLite takes in one statement, with room for those of the rest of it."""


def in_batches(items: Iterable[Item], size: int = FOR_SQLITE) -> Iterator[list[Item]]:
    """Yield `items` in lists of `size`, the last one shorter: what belongs to them is asked for once a list."""
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
