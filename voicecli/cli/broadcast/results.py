"""What became of each row: one broadcast, or the shards of one from several machines, as one table or CSV."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from voicecli.broadcast.lists import recipients as lists
from voicecli.broadcast.lists.recipients import Recipients
from voicecli.broadcast.lists.separated import ADDED_RESULT_COLUMNS, RESULT_COLUMNS, own_columns
from voicecli.cli import wiring
from voicecli.cli.broadcast.look import settle_if_idle
from voicecli.cli.broadcast.view import row_data
from voicecli.cli.context import Context
from voicecli.cli.options.values import one_of
from voicecli.errors import InvalidInput, quoted
from voicecli.output import Column, files
from voicecli.spreadsheets import guarded, unguarded
from voicecli.store import broadcasts as journals
from voicecli.store import journal, keys
from voicecli.store.broadcasts import Broadcast, Row, RowState
from voicecli.store.sqlite import Store
from voicecli.voice_api import codes

OWN = RESULT_COLUMNS
"""Our columns. Those of the list come behind them; one that has a name of ours gets input_ before it."""
_NUMBERS = ("line", "attempts")
_COLUMNS = (
    Column("line", 8),
    Column("destination", 16),
    Column("status", 9),
    Column("outcome", 13),
    Column("digits", 8),
    Column("attempts", 8),
    Column("session", 0),
)
_NARROW = (Column("line", 6), *_COLUMNS[1:4], Column("session", 0))
Cells = Mapping[str, str]


def results(
    context: Context,
    sources: Sequence[str],
    *,
    file: str | None,
    status: str | None,
    people: str | None,
    raw: bool,
) -> None:
    """``raw`` leaves formulas in a CSV. Raises InvalidInput for what is no broadcast and no file of results,
    and where a row is in several."""
    wanted = _states(status)
    target = None if file in (None, "-") else files.target(file or "")
    with wiring.store(context) as store:
        parts = [_Part.of(context, store, source, people) for source in sources]
        rows = (
            cells for cells in _merged(parts) if not wanted or wanted & {cells["status"], cells["outcome"]}
        )
        if file is None:
            context.output.table(_Line(cells) for cells in rows)
            return
        counter = _Counted(rows)
        columns = dict.fromkeys([*OWN, *(column for part in parts for column in part.columns)])
        csv_of_all = _csv(list(columns), counter, raw=raw)
        if target is None:
            context.output.content(csv_of_all)
            return
        files.replace(target, csv_of_all)
    context.output.result(
        f"{target.path} has {counter.rows:,} row{'' if counter.rows == 1 else 's'}",
        {"file": target.path, "rows": counter.rows},
        identifier=target.path,
        happened=True,
    )


class _Counted:
    """Rows that pass by, counted."""

    def __init__(self, rows: Iterator[Cells]) -> None:
        self._rows = rows
        self.rows = 0

    def __iter__(self) -> Iterator[Cells]:
        for cells in self._rows:
            self.rows += 1
            yield cells


class _Part:
    """Rows in the order of their lines; ``columns`` are those of the list."""

    def __init__(self, columns: Sequence[str], rows: Iterator[Cells]) -> None:
        self.columns = columns
        self.rows = rows

    @classmethod
    def of(cls, context: Context, store: Store, source: str, people: str | None) -> "_Part":
        """Of a broadcast, or of a file that was written before."""
        if Path(source).is_file():
            return cls(*_from_file(source))
        broadcast = journals.find(store, source)
        settle_if_idle(store, broadcast)
        recipients = _recipients(context, store, broadcast, people)
        names = () if recipients is None else [_named(name) for name in recipients.columns]
        return cls(names, _from_journal(store, broadcast, recipients, names))


def _recipients(
    context: Context, store: Store, broadcast: Broadcast, people: str | None
) -> Recipients | None:
    """The list, if it is still as it was."""
    path = people or broadcast.file
    if path:
        with suppress(InvalidInput):
            content = context.read_bytes(path, limit=lists.MAX_LIST)
            if keys.fingerprint(store, content) == broadcast.fingerprint:
                return lists.read(content)
    if people:
        raise InvalidInput(f"{people} is not the list of broadcast {broadcast.id}, or has changed.")
    context.output.warning(
        f"The list of broadcast {broadcast.id} is not there as it was: its own columns are left out. "
        "--list says where it is."
    )
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


def _from_file(path: str) -> tuple[Sequence[str], Iterator[Cells]]:
    """Raises InvalidInput for a file that was not written here."""
    lines = _lines(path)
    columns = [*map(unguarded, next(lines, []))]

    def no_results() -> InvalidInput:
        hint = "voicecli broadcast results ID -o FILE writes one."
        return InvalidInput(f"{quoted(path)} is no file of results.", hint=hint)

    def rows() -> Iterator[Cells]:
        for line in lines:
            cells = {**dict.fromkeys(ADDED_RESULT_COLUMNS, ""), **dict(zip(columns, line, strict=False))}
            if len(line) != len(columns) or not all(map(_is_number, map(cells.get, _NUMBERS))):
                raise no_results()
            yield {name: unguarded(cell) for name, cell in cells.items()}

    own = own_columns(columns)
    if not own:
        raise no_results()
    return columns[own:], rows()


def _is_number(cell: str | None) -> bool:
    return re.fullmatch(r"[0-9]{1,18}", cell or "", re.ASCII) is not None


def _lines(path: str) -> Iterator[list[str]]:
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            yield from csv.reader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"The file {path} can't be read as results.") from error


def _merged(parts: Sequence[_Part]) -> Iterator[Cells]:
    last = ""
    for cells in merge(*(part.rows for part in parts), key=lambda cells: int(cells["line"])):
        if cells["line"] == last:
            raise InvalidInput(f"Line {last} is in several of these.", hint="Are they shards of one list?")
        last = cells["line"]
        yield cells


def _csv(columns: Sequence[str], rows: "_Counted", *, raw: bool) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    as_written = str if raw else guarded
    writer.writerow(map(as_written, columns))
    for cells in rows:
        writer.writerow(as_written(cells.get(name, "")) for name in columns)
        if text.tell() > 1 << 16:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


class _Line(NamedTuple):
    """A row of the table. On a narrow terminal the session is short, and some columns are left out."""

    row: Cells

    @property
    def identifier(self) -> str:
        return self.row["line"]

    def columns(self, *, narrow: bool) -> Sequence[Column]:
        return _NARROW if narrow else _COLUMNS

    def cells(self, *, narrow: bool) -> Sequence[str]:
        session = self.row["session"]
        last = (session[:8] if narrow else session) or self.row["reason"]
        if self.row["bridge"]:
            last += f"; bridge: {codes.outcome_words(self.row['bridge'])}"
        return [*(self.row[column.name] for column in self.columns(narrow=narrow)[:-1]), last]

    def styles(self, *, narrow: bool) -> Sequence[str]:
        return [""] * len(self.columns(narrow=narrow))

    def data(self) -> Mapping[str, object]:
        data: dict[str, object] = {name: self.row[name] or None for name in OWN}
        for name in _NUMBERS:
            data[name] = int(self.row[name])
        with suppress(ValueError):
            data["duration"] = float(self.row["duration"])
        return {**data, "input": {name: cell for name, cell in self.row.items() if name not in OWN}}


def _states(text: str | None) -> set[str]:
    """Raises InvalidInput for what is neither a state of a row nor an outcome."""
    words = [word for word in (text or "").split(",") if word.strip()]
    states = {state.value: state.name for state in RowState}
    names = [*states.values(), *(outcome.value for outcome in codes.Outcome)]
    chosen = {one_of(word, names, "status or outcome") for word in words}
    return {name.lower() if name in states.values() else name for name in chosen}
