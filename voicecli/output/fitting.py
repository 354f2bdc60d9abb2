"""Chooses the columns of a table for the terminal that it is shown on."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from voicecli.output.printable import printable
from voicecli.output.rows import Column, TableRow

_GAP = 2  # columns between two cells


class Fitting(NamedTuple):
    """``kept`` are the places of the columns that are shown, ``columns`` these as wide as their texts.
    ``same`` are the names and texts of columns that are left out because all rows have the same there."""

    kept: Sequence[int]
    columns: Sequence[Column]
    same: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, rows: Iterable[TableRow], width: int, *, with_same: bool) -> Self | None:
        """For all rows of a table, and a terminal of so many columns; None without rows. A column is at most
        as wide as it says; the least important ones are left out where there is no room, and unless it is
        to be ``with_same`` those in which all rows have the same. The last one takes what is left, or goes on
        below its row."""
        columns: Sequence[Column] = ()
        first: Sequence[str] = ()
        widths: list[int] = []
        differs: list[bool] = []
        count = 0
        for row in rows:
            if not count:
                columns, first = row.columns, row.texts
                widths, differs = [0] * len(columns), [False] * len(columns)
            for place, text in enumerate(row.texts):
                if text != first[place]:
                    differs[place] = True
                elif count:
                    continue
                widths[place] = max(widths[place], cells(text))
            count += 1
        if not count:
            return None
        told = [any(widths[place : place + 1]) for place in range(len(columns))]
        with_same |= count == 1
        shown = [place for place in range(len(columns)) if told[place] and (differs[place] or with_same)]
        fitted = {place: _as_wide(columns[place], widths[place], width) for place in shown}
        return cls(*_within(fitted, len(columns) - 1, width), _same(columns, first, told, shown))

    def row(self, row: TableRow) -> TableRow:
        """As it is shown."""
        texts = [row.texts[place] for place in self.kept]
        return row._replace(columns=self.columns, texts=texts)


def _as_wide(column: Column, text: int, width: int) -> Column:
    """The column, as wide as its widest text, on a terminal of so many columns."""
    most = max(column.least, width // 4) if column.least else column.width
    return column._replace(width=max(cells(column.name), min(text, column.width, most)))


def _within(columns: dict[int, Column], last: int, width: int) -> tuple[Sequence[int], Sequence[Column]]:
    """Those that fit, and their places."""
    rest = columns.pop(last, None)
    while len(columns) > 1 and _width(columns) > width:
        least = max(columns, key=lambda place: columns[place].rank)
        del columns[least]
    if rest is not None:
        has_room = _width(columns) + _GAP + max(len(rest.name), rest.least) <= width
        columns[last] = rest._replace(name=rest.name if has_room else "")
    return list(columns), list(columns.values())


def _width(columns: dict[int, Column]) -> int:
    return sum(column.width for column in columns.values()) + _GAP * (len(columns) - 1)


def _same(
    columns: Sequence[Column], first: Sequence[str], told: Sequence[bool], shown: Sequence[int]
) -> Sequence[tuple[str, str]]:
    return [
        (column.name, first[place])
        for place, column in enumerate(columns)
        if told[place] and place not in shown
    ]


def cells(text: str) -> int:
    """How wide a terminal shows it."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich.cells import cell_len

    return cell_len(printable(text))
