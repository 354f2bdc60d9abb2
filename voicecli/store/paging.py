"""Reading many rows in pages: a slow reader blocks no writer."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from voicecli.store.engine import Store

T = TypeVar("T")
Place = tuple[int, ...]
"""Where a row is in the order that is read."""
PAGE = 500  # rows that are read at once
LAST: Place = (1 << 62, 0)


def read_pages(
    store: Store, read: Callable[[Place, int], Iterable[T]], start: Place, place: Callable[[T], Place]
) -> Iterator[T]:
    """All that ``read`` finds behind one place (at most so many), then behind the last of these, and so on.
    It reads backwards where it starts at LAST. Raises StoreFailed, also where an index is not in order."""
    last = start
    while page := list(read(last, PAGE)):
        yield from page
        before, last = last, place(page[-1])
        if not (last < before if start == LAST else last > before):
            raise store.damaged("an index is not in order")
