"""Rows that are shown as they come: aligned columns, coloured on a terminal, plain in a pipe."""

import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from voicecli.output.printable import printable

NARROW = 100  # columns
INDENT = 2  # columns, of what stands below a row

if TYPE_CHECKING:
    from rich.console import Console


Line = tuple[str, str]
"""A line of text and its style (rich's)."""


class Column(NamedTuple):
    """``width`` in characters; the last column of a row takes what is left. ``narrow`` is whether it is only
    on narrow terminals (True), or only where there is more room (False). In a table that is fitted to its
    terminal, a column that has ``least`` takes a quarter of it at most, but that much, and the column of the
    highest ``rank`` is left out first. The last column goes on below the row where it has less."""

    name: str
    width: int
    narrow: bool | None = None
    rank: int = 0
    least: int = 0


Cell = tuple[Column, str, str]
"""The text of a row in a column, and its style (rich's)."""


class Row(Protocol):
    """One line of a table: its cells, what a program gets to read, and what identifies it."""

    @property
    def identifier(self) -> str: ...

    def cells(self) -> Sequence[Cell]: ...

    def data(self) -> Mapping[str, object]: ...


class TableRow(NamedTuple):
    """A row of plain cells; ``style`` is for the last one. ``values`` is what a program gets, and ``name``
    what is printed where only an identifier is wanted, else the first cell."""

    columns: Sequence[Column]
    texts: Sequence[str]
    values: Mapping[str, object]
    style: str = ""
    name: str = ""

    @property
    def identifier(self) -> str:
        return self.name or self.texts[0]

    def cells(self) -> Sequence[Cell]:
        styles = (*[""] * (len(self.texts) - 1), self.style)
        return [*zip(self.columns, self.texts, styles, strict=False)]

    def data(self) -> Mapping[str, object]:
        return self.values


def _shown(row: Row, *, narrow: bool) -> list[Cell]:
    return [cell for cell in row.cells() if cell[0].narrow is not (not narrow)]


def plain_row(row: Row) -> str:
    """One line, whatever is in the cells."""
    cells = _shown(row, narrow=False)
    line = "  ".join([text.ljust(column.width) for column, text, _ in cells])
    if not _is_simple(line):
        line = "  ".join([padded(printable(text), column.width) for column, text, _ in cells])
    return line.rstrip()


def plain_heading(row: Row) -> str:
    """The names of its columns, in one line."""
    cells = _shown(row, narrow=False)
    return "  ".join([padded(printable(column.name), column.width) for column, _, _ in cells]).rstrip()


def _is_simple(text: str) -> bool:
    """Whether all of it can be shown, and is as wide as it has characters, as with nearly all rows."""
    ascii_only = text.replace("→", "-")
    return ascii_only.isascii() and ascii_only.isprintable()


def padded(text: str, width: int) -> str:
    """The text with blanks behind it, so wide as a terminal shows it."""
    if text.isascii():
        return text.ljust(width)
    from rich.cells import cell_len

    return text + " " * (width - cell_len(text))


class Painter:
    """Paints rows for a terminal, some ten times faster than a rich table: thousands can come in a second.

    ``mask`` hides the secrets in a text: before it is cut or broken into lines, since a part of one could not
    be found any more.
    """

    def __init__(self, console: "Console", mask: Callable[[str], str] = str) -> None:
        self._console = console
        self._mask = mask
        self._paint = cache(self._brush)

    def painted(self, row: Row, width: int) -> str:
        """A row as it looks on a terminal of this width."""
        return self.row(_shown(row, narrow=width < NARROW), width)

    def heading(self, row: Row, width: int) -> str:
        """The heading above rows of this kind."""
        cells = _shown(row, narrow=width < NARROW)
        return self.row([(column, column.name, "bold underline") for column, _, _ in cells], width)

    def row(self, cells: Sequence[Cell], width: int) -> str:
        """The cells as text, at most ``width`` wide: those that do not fit go on below the row. The last one
        wraps inside its column, or below the row where there is no room beside the others, or a word of it,
        such as a path, would be broken there."""
        from rich.cells import cell_len, set_cell_size

        *first, last = cells
        painted, start = "", 0
        for column, text, style in first:
            if start > INDENT and start + column.width > width:
                painted, start = painted.rstrip(" ") + "\n" + " " * INDENT, INDENT
            text, most = self._printable(text), max(1, min(column.width, width - start))
            fits = text if cell_len(text) <= most else set_cell_size(text, most - 1) + "…"
            painted += self._paint(style)(fits) + " " * (most + 2 - cell_len(fits))
            start += most + 2
        column, text, style = last
        text, room = self._printable(text), width - start
        if not text:
            return painted.rstrip(" ")
        lines = [text] if cell_len(text) <= room else self._wrapped(text, max(1, room))
        longest = max(map(cell_len, text.split()), default=0)
        if room < 1 or (len(lines) > 1 and (room < column.least or room < longest <= width - INDENT)):
            painted, start = painted.rstrip(" "), INDENT
            lines = ["", *self._wrapped(text, width - INDENT)]
        brush = self._paint(style)
        return painted + ("\n" + " " * start).join(brush(line) for line in lines)

    def lines(self, text: str, style: str, width: int) -> list[str]:
        """Text on as many lines as it takes, broken between words; those that follow are indented as the
        first one is."""
        text = self._printable(text)
        indent = " " * (len(text) - len(text.lstrip()))
        wrapped = self._wrapped(text.lstrip(), max(1, width - len(indent)))
        return [indent + self._paint(style)(line) for line in wrapped]

    def line(self, text: str, style: str, width: int) -> str:
        """One line that ends where the terminal does."""
        from rich.cells import cell_len, set_cell_size

        text = self._printable(text)
        return self._paint(style)(text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…")

    def _wrapped(self, text: str, width: int) -> list[str]:
        from rich.text import Text

        return [line.plain.rstrip() for line in Text(text).wrap(self._console, width)]

    def _printable(self, text: str) -> str:
        return printable(self._mask(text))

    def _brush(self, style: str) -> Callable[[str], str]:
        """A function that puts the escape sequences of this style around a text; none without colours."""
        from rich.text import Text

        with self._console.capture() as capture:
            self._console.print(Text("x", style=style), end="")
        before, _, after = capture.get().partition("x")
        return lambda text: f"{before}{text}{after}" if text else ""


def broken(line: str, width: int, indent: str = "") -> str:
    """A sentence that is longer than ``width`` columns on several lines, broken between words."""
    if len(line) <= width:
        return line
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def erasing(below: Sequence[str], width: int) -> str:
    """The escape sequence that erases painted lines, from the end of the last one, and leaves the cursor
    where they began. A terminal that was made narrower meanwhile has wrapped them.

    tmux keeps what is cleared from the screen's first cell in its scrollback, picture after picture: the
    first line is cleared alone, and the rest from its second cell.
    """
    if not below:
        return ""
    height = sum(max(1, math.ceil(_cells(line) / width)) for line in below)
    up = f"\x1b[{height - 1}A" if height > 1 else ""
    return f"\r{up}\x1b[K\x1b[C\x1b[J\r"


def _cells(painted: str) -> int:
    """The width of a painted line in terminal cells."""
    from rich.cells import cell_len

    return cell_len(re.sub(r"\x1b\[[0-9;]*m", "", painted))
