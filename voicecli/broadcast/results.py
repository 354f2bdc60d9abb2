"""What became of each row: of one broadcast, or of the shards of one from several machines, as cells of a
table or as a CSV."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from voicecli.broadcast.lists import recipients as lists
from voicecli.broadcast.lists.recipients import Recipients
from voicecli.broadcast.lists.separated import ADDED_RESULT_COLUMNS, RESULT_COLUMNS, own_columns
from voicecli.broadcast.status import row_data
from voicecli.errors import InvalidInput, quote
from voicecli.spreadsheets import guard, unguard
from voicecli.store import journal, keys
from voicecli.store.broadcasts import Broadcast, Row
from voicecli.store.sqlite import Store

OWN = RESULT_COLUMNS
"""Our columns. Those of the list come behind them; one that has a name of ours gets input_ before it."""
NUMBERS = ("line", "attempts")
"""Those of them that are whole numbers."""
Cells = Mapping[str, str]


class Part(NamedTuple):
    """Rows in the order of their lines; ``columns`` are those of the list. With ``list_missing`` they are
    left out, since the list is not there as it was."""

    columns: Sequence[str]
    rows: Iterator[Cells]
    list_missing: bool = False


def of_broadcast(
    store: Store, broadcast: Broadcast, people: str | None, read: Callable[[str], bytes]
) -> Part:
    """The rows of a broadcast, with the columns of its list, which is at ``people``, else where it was at the
    beginning; ``read`` gives what is in a file, and raises InvalidInput. Raises InvalidInput where ``people``
    is not that list."""
    recipients = _recipients(store, broadcast, people, read)
    names = () if recipients is None else [_named(name) for name in recipients.columns]
    return Part(names, _from_journal(store, broadcast, recipients, names), list_missing=recipients is None)


def _recipients(
    store: Store, broadcast: Broadcast, people: str | None, read: Callable[[str], bytes]
) -> Recipients | None:
    """The list, if it is still as it was."""
    path = people or broadcast.file
    if path:
        with suppress(InvalidInput):
            content = read(path)
            if keys.fingerprint(store, content) == broadcast.fingerprint:
                return lists.read(content)
    if people:
        raise InvalidInput(f"{people} is not the list of broadcast {broadcast.id}, or has changed.")
    return None


def _named(column: str) -> str:
    return f"input_{column}" if column in OWN else column


def _from_journal(
    store: Store, broadcast: Broadcast, recipients: Recipients | None, names: Sequence[str]
) -> Iterator[Cells]:
    for row in journal.rows(store, broadcast):
        cells = own_cells(row)
        if recipients is not None:
            cells.update(zip(names, recipients.at(row.line).values, strict=False))
        yield cells


def own_cells(row: Row) -> dict[str, str]:
    """What we know of a row, as the cells of a CSV."""
    known = row_data(row)
    return {name: "" if known[name] is None else str(known[name]) for name in OWN}


def from_file(path: str) -> Part:
    """The rows of a CSV that ``as_csv`` wrote. Raises InvalidInput for another file."""
    lines = _lines(path)
    columns = [*map(unguard, next(lines, []))]

    def no_results() -> InvalidInput:
        hint = "voicecli broadcast results ID -o FILE writes one."
        return InvalidInput(f"{quote(path)} is no file of results.", hint=hint)

    def rows() -> Iterator[Cells]:
        for line in lines:
            cells = {**dict.fromkeys(ADDED_RESULT_COLUMNS, ""), **dict(zip(columns, line, strict=False))}
            if len(line) != len(columns) or not all(map(_is_number, map(cells.get, NUMBERS))):
                raise no_results()
            yield {name: unguard(cell) for name, cell in cells.items()}

    own = own_columns(columns)
    if not own:
        raise no_results()
    return Part(columns[own:], rows())


def _is_number(cell: str | None) -> bool:
    return re.fullmatch(r"[0-9]{1,18}", cell or "", re.ASCII) is not None


def _lines(path: str) -> Iterator[list[str]]:
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            yield from csv.reader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"The file {path} can't be read as results.") from error


def merged(parts: Sequence[Part]) -> Iterator[Cells]:
    """The rows of all, in the order of their lines. Raises InvalidInput where a line is in several."""
    last = ""
    for cells in merge(*(part.rows for part in parts), key=lambda cells: int(cells["line"])):
        if cells["line"] == last:
            raise InvalidInput(f"Line {last} is in several of these.", hint="Are they shards of one list?")
        last = cells["line"]
        yield cells


def as_csv(columns: Sequence[str], rows: Iterable[Cells], *, raw: bool) -> Iterator[bytes]:
    """A CSV in UTF-8, some 64 kB at a time; what a spreadsheet would take for a formula gets an apostrophe,
    unless it is to be ``raw``."""
    text = io.StringIO()
    writer = csv.writer(text)
    as_written = str if raw else guard
    writer.writerow(map(as_written, columns))
    for cells in rows:
        writer.writerow(as_written(cells.get(name, "")) for name in columns)
        if text.tell() > 1 << 16:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()
