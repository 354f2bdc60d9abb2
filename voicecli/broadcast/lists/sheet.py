"""A sheet of a workbook as text, in which line n is row n of the sheet: a JSON array of its values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel
from openpyxl.utils.escape import unescape

from voicecli import interrupts, phone
from voicecli.broadcast.lists.lines import empty_list
from voicecli.broadcast.lists.number_formats import show
from voicecli.broadcast.lists.separated import heading_columns
from voicecli.broadcast.lists.sheet_cells import CellKind, SheetCell
from voicecli.broadcast.lists.workbook import MAX_UNPACKED, Row, Workbook, damage_reported
from voicecli.errors import InvalidInput, quote
from voicecli.plurals import counted

TITLE_ROWS = 10  # at most above the heading
_MOST_NAMED = 5  # rows in an error


class SheetLines:
    """Reads that text. A value is a string, or what ``SheetCell`` has."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns: Iterable[str] = columns

    def records(
        self, lines: Iterable[str]
    ) -> Iterator[tuple[Sequence[str], str, Mapping[int, SheetCell]] | None]:
        for text in lines:
            if text == "\n":
                yield None
                continue
            values = orjson.loads(text)
            cells = {}
            for index, value in enumerate(values):
                if not isinstance(value, str):
                    cells[index] = SheetCell(value[0], CellKind(value[1]), value[2])
                    values[index] = value[0]
            yield values, "", cells


@dataclass(frozen=True, slots=True)
class Sheet:
    """``text`` begins with line ``first``; ``notes`` say how the sheet was read."""

    text: bytes
    first: int
    columns: tuple[str, ...]
    notes: Sequence[str]


def read_sheet(content: bytes, *, name: str | None, hidden: bool) -> Sheet:
    """Read a sheet of an .xlsx file: the one of this name, else the first that is visible. Raises
    InvalidInput for what is no such workbook, and, unless ``hidden`` rows are wanted, for these."""
    with damage_reported():
        workbook = interrupts.in_thread(lambda: Workbook(content))  # seconds, for a list of 100,000
        table = _Table.find(workbook.rows(workbook.find(name)))
        notes = [*workbook.notes]
        values = _Values(workbook)
        text = bytearray()
        hidden_rows: list[int] = []
        last = table.first - 1
        for row in table.rows:
            found = values.of(row, table.columns)
            if any(found):
                if row.is_hidden:
                    hidden_rows.append(row.number)
                text += b"\n" * (row.number - last - 1) + orjson.dumps(found) + b"\n"
                last = row.number
                if len(text) > MAX_UNPACKED:  # with ten thousand columns a file is a hundredth of that
                    raise InvalidInput(
                        "The sheet has more than 1 GiB of text.",
                        hint="Save the columns that are needed as CSV UTF-8.",
                    )
    if not text:
        raise empty_list()
    if hidden_rows and not hidden:
        raise _hidden_refusal(hidden_rows)
    if values.repaired:
        shown = counted(len(values.repaired), "number")
        notes.append(f"Excel shows {shown} in short, {values.repaired[0]} first: read with all digits.")
    return Sheet(bytes(text), table.first, tuple(table.columns.values()), notes)


def refuse_several_sheets(content: bytes) -> None:
    """Raises InvalidInput where something is on more than one sheet, and what ``read_sheet`` raises."""
    with damage_reported():
        workbook = Workbook(content)
        paths = workbook.sheets.items()
        filled = [name for name, (path, _) in paths if next(workbook.rows(path), None) is not None]
    if len(filled) > 1:
        raise InvalidInput(
            f"{len(filled)} sheets of the workbook have rows, and only one would be read: "
            f"{', '.join(map(quote, filled[:_MOST_NAMED]))}{', …' * (len(filled) > _MOST_NAMED)}.",
            hint="Put all numbers on one sheet, and delete the others.",
        )


def _hidden_refusal(rows: Sequence[int]) -> InvalidInput:
    named = ", ".join(map(str, rows[:_MOST_NAMED])) + ", …" * (len(rows) > _MOST_NAMED)
    return InvalidInput(
        f"{counted(len(rows), 'row')} of the sheet can't be seen, hidden or filtered out: {named}.",
        hint="--hidden takes them, too. To leave them out, copy the visible rows to a new sheet.",
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """``columns`` has the names by the number of the sheet's column; ``first`` is the row below the
    heading."""

    columns: Mapping[int, str]
    first: int
    rows: Iterable[Row]

    @classmethod
    def find(cls, rows: Iterator[Row]) -> "_Table":
        """Rows on top that have one cell only are a title. A sheet that begins with a number in the only
        cell of its row has no heading. Raises InvalidInput."""
        leading: list[Row] = []
        for row in rows:
            leading.append(row)
            if len(row.cells) > 1 or len(leading) > TITLE_ROWS:
                break
        if not leading:
            raise empty_list()
        heading = leading[-1]
        if len(heading.cells) == 1 or any(map(_is_number, heading.cells)):
            heading = leading[0]
        if len(heading.cells) == 1 and _is_number(heading.cells[0]):
            column = {heading.cells[0]["column"]: "phone"}
            return cls(column, heading.number, chain(leading, rows))
        below = leading[leading.index(heading) + 1 :]
        # A column without a name is no part of the list.
        named = {cell["column"]: name for cell in heading.cells if (name := _heading_text(cell))}
        columns = zip(named, heading_columns([*named.values()]), strict=True)
        return cls(dict(columns), heading.number + 1, chain(below, rows))


def _heading_text(cell: Mapping[str, Any]) -> str:
    value = cell["value"]
    return "" if value is None else " ".join(str(value).split())


def _is_number(cell: Mapping[str, Any]) -> bool:
    return phone.looks_like_number(_heading_text(cell))


class _Values:
    """The values of rows, as Excel shows them. ``repaired`` has the cells of numbers of which it shows
    less than there is."""

    def __init__(self, workbook: Workbook) -> None:
        self.repaired: list[str] = []
        self._formats = workbook.formats
        self._epoch = workbook.epoch

    def of(self, row: Row, columns: Mapping[int, str]) -> list[object]:
        """A value for each of the columns: a string, or what ``SheetCell`` has."""
        found: dict[int, object] = {
            cell["column"]: self._value(cell, row.number) for cell in row.cells if cell["column"] in columns
        }
        return [found.get(column, "") for column in columns]

    def _value(self, cell: Mapping[str, Any], row: int) -> object:
        value, data_type = cell["value"], cell["data_type"]
        if data_type == "s" and value is not None:
            return (unescape(value) if "_x" in value else value).strip()
        if data_type == "b":
            return str(value).upper()
        name = f"{get_column_letter(cell['column'])}{row}"
        if value is None:
            return "", CellKind.FORMULA, name
        if data_type == "e":
            return value, CellKind.ERROR, name
        if data_type == "d":
            value = to_excel(value, self._epoch)  # type: ignore[no-untyped-call]
        shown = show(value, self._formats[cell["style_id"]], self._epoch)
        if shown.is_repaired:
            self.repaired.append(name)
        return shown.text if shown.kind is None else (shown.text, shown.kind, name)
