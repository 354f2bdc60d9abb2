"""Rows that are shown as they come: aligned columns, coloured on a terminal, plain in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.output.safe import visible

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Column:
    """``width`` in characters; the last column of a row takes what is left."""

    name: str
    width: int


def plain_row(columns: Sequence[Column], cells: Sequence[str]) -> str:
    """One line, whatever is in the cells."""
    pairs = zip(columns, cells, strict=True)
    return "  ".join(visible(cell).ljust(column.width) for column, cell in pairs).rstrip()


def rich_row(console: "Console", columns: Sequence[Column], cells: Sequence[str], style: str) -> str:
    """The same for a terminal, as text: the last column wraps inside itself."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for index, column in enumerate(columns):
        last = index == len(columns) - 1
        table.add_column(width=None if last else column.width, ratio=1 if last else None, no_wrap=not last)
    *first, words = (visible(cell) for cell in cells)
    table.add_row(*(Text(cell) for cell in first), Text(words, style=style))
    with console.capture() as drawn:
        console.print(table)
    return "\n".join(line.rstrip() for line in drawn.get().splitlines())
