"""Rows that are shown as they come: aligned columns, coloured on a terminal, plain in a pipe."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from voicecli.output.safe import visible

NARROW = 100  # columns

if TYPE_CHECKING:
    from rich.console import Console


Line = tuple[str, str]
"""A line of text and its style (rich's)."""


class Column(NamedTuple):
    """``width`` in characters; the last column of a row takes what is left."""

    name: str
    width: int


class Row(Protocol):
    """One line of a table that knows its own looks: a cell for each of ``columns``, a style (rich's) for each
    cell, what a program gets to read, and what identifies it. A ``narrow`` terminal has fewer columns."""

    @property
    def identifier(self) -> str: ...

    def columns(self, *, narrow: bool) -> Sequence[Column]: ...

    def cells(self, *, narrow: bool) -> Sequence[str]: ...

    def styles(self, *, narrow: bool) -> Sequence[str]: ...

    def data(self) -> Mapping[str, object]: ...


class Record(NamedTuple):
    """A row of plain cells; ``style`` is for the last one. ``values`` is what a program gets, and
    ``identifier`` what is printed where only that is wanted, else the first cell."""

    of: Sequence[Column]
    texts: Sequence[str]
    values: Mapping[str, object]
    style: str = ""
    name: str = ""

    @property
    def identifier(self) -> str:
        return self.name or self.texts[0]

    def columns(self, *, narrow: bool) -> Sequence[Column]:
        return self.of

    def cells(self, *, narrow: bool) -> Sequence[str]:
        return self.texts

    def styles(self, *, narrow: bool) -> Sequence[str]:
        return [*("" for _ in self.of[1:]), self.style]

    def data(self) -> Mapping[str, object]:
        return self.values


def plain_row(columns: Sequence[Column], cells: Sequence[str]) -> str:
    """One line, whatever is in the cells."""
    pairs = zip(columns, map(visible, cells), strict=True)
    return "  ".join([cell.ljust(column.width) for column, cell in pairs]).rstrip()


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
        narrow = width < NARROW
        columns, cells = row.columns(narrow=narrow), row.cells(narrow=narrow)
        return self.row(columns, cells, row.styles(narrow=narrow), width)

    def heading(self, row: Row, width: int) -> str:
        """What stands above rows of this kind."""
        columns = row.columns(narrow=width < NARROW)
        names = [column.name for column in columns]
        return self.row(columns, names, ["bold underline"] * len(names), width)

    def row(self, columns: Sequence[Column], cells: Sequence[str], styles: Sequence[str], width: int) -> str:
        """The row as text, in at most ``width`` cells: the last column wraps inside itself."""
        from rich.cells import cell_len, set_cell_size

        start = sum(column.width + 2 for column in columns[:-1])
        *first, last = (self._shown(cell) for cell in cells)
        painted = ""
        for column, text, style in zip(columns, first, styles, strict=False):
            fits = text if cell_len(text) <= column.width else set_cell_size(text, column.width - 1) + "…"
            painted += self._paint(style)(fits) + " " * (column.width + 2 - cell_len(fits))
        room = max(1, width - start)
        lines = [last] if cell_len(last) <= room else self._wrapped(last, room)
        brush = self._paint(styles[-1])
        return painted + ("\n" + " " * start).join(brush(line) for line in lines)

    def lines(self, text: str, style: str, width: int) -> list[str]:
        """Text on as many lines as it takes, broken between words."""
        return [self._paint(style)(line) for line in self._wrapped(self._shown(text), width)]

    def line(self, text: str, style: str, width: int) -> str:
        """One line that ends where the terminal does."""
        from rich.cells import cell_len, set_cell_size

        text = self._shown(text)
        return self._paint(style)(text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…")

    def _wrapped(self, text: str, width: int) -> list[str]:
        from rich.text import Text

        return [line.plain.rstrip() for line in Text(text).wrap(self._console, width)]

    def _shown(self, text: str) -> str:
        return visible(self._mask(text))

    def _brush(self, style: str) -> Callable[[str], str]:
        """What the console puts around a text of this style: colours, or nothing where none are wanted."""
        from rich.text import Text

        with self._console.capture() as capture:
            self._console.print(Text("x", style=style), end="")
        before, _, after = capture.get().partition("x")
        return lambda text: f"{before}{text}{after}" if text else ""


def erasing(below: Sequence[str], width: int) -> str:
    """What takes painted lines off the screen, the cursor being at the end of the last one, and goes back to
    where they began. A terminal that was made narrower meanwhile has broken them.

    tmux keeps what is cleared from the screen's first cell in its scrollback, picture after picture: the
    first line is cleared alone, and the rest from its second cell.
    """
    if not below:
        return ""
    height = sum(max(1, math.ceil(_cells(line) / width)) for line in below)
    up = f"\x1b[{height - 1}A" if height > 1 else ""
    return f"\r{up}\x1b[K\x1b[C\x1b[J\r"


def _cells(painted: str) -> int:
    """How many cells a painted line takes."""
    from rich.cells import cell_len

    return cell_len(re.sub(r"\x1b\[[0-9;]*m", "", painted))
