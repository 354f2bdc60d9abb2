"""Rows that come as things happen, for as long as it takes, and on a terminal a footer that changes.

Writing has a thread of its own: whoever stops their terminal or pipe stops the screen, not the listener.
"""

import json
import math
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from voicecli.errors import OutputFailed
from voicecli.output.rows import Painter, Row, plain_row

if TYPE_CHECKING:
    from rich.console import Console

INTERVAL = 0.05  # seconds between two writes
REDRAW = 0.2  # seconds between two pictures of the footer
MAX_WAITING = 20_000  # rows that wait for a screen that stands still
NARROW = 100  # columns
GOODBYE = 2.0  # seconds that the last rows may take

Line = tuple[str, str]
"""A line of the footer and its style."""


class Stream:
    """``add`` rows and ``note`` talk from anywhere; ``close`` writes what is left. In a pipe a row is a line.

    ``failed`` is told once when nothing can be written any more: by a BrokenPipeError in the error's cause
    where the reader has gone.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        talk: Callable[[str], None],
        failed: Callable[[OutputFailed], None],
    ) -> None:
        self._write = write
        self._talk = talk
        self._failed = failed
        self._rows: deque[Row | str] = deque()
        self._dropped = 0
        self._news = threading.Event()
        self._closing = False
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._thread.start()

    def add(self, row: Row | str) -> None:
        if len(self._rows) >= MAX_WAITING:
            self._rows.popleft()
            self._dropped += 1
        self._rows.append(row)
        self._news.set()

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        """Talk among the rows; ``record`` is what programs get of it."""
        self._talk(text)

    def picture(self, rows: Sequence[Row], footer: Sequence[Line]) -> None:
        """What stands below the rows until there is another picture: nothing in a pipe."""

    def close(self) -> None:
        self._closing = True
        self._news.set()
        self._thread.join(GOODBYE)

    def _run(self) -> None:
        pause = threading.Event()
        while not self._closing:
            self._news.wait(self._patience())
            self._news.clear()
            self._turn()
            if not self._closing:
                pause.wait(INTERVAL)
        self._turn()
        self._end()

    def _patience(self) -> float | None:
        return None

    def _turn(self) -> None:
        if rows := self._taken():
            self._guarded("\n".join(self._text(row) for row in rows))

    def _taken(self) -> "list[Row | str]":
        """What is to be written now."""
        if self._dropped:
            self._talk(f"{self._dropped:,} events are not shown: the screen stood still. They are kept.")
            self._dropped = 0
        return [self._rows.popleft() for _ in range(len(self._rows))]

    def _text(self, row: Row | str) -> str:
        return row if isinstance(row, str) else plain_row(row.columns(narrow=False), row.cells(narrow=False))

    def _end(self) -> None:
        """What is to be done after the last row."""

    def _guarded(self, text: str) -> None:
        if self._broken:
            return
        try:
            self._write(text)
        except OutputFailed as error:
            self._broken = True
            self._failed(error)


class JsonStream(Stream):
    """JSON Lines."""

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        if record is not None:
            self.add(json.dumps(record))

    def _text(self, row: Row | str) -> str:
        return row if isinstance(row, str) else json.dumps(row.data())


class LiveStream(Stream):
    """A terminal: rows go into its scrollback; below them stands the picture, redrawn at a steady rate."""

    def __init__(
        self,
        write: Callable[[str], None],
        failed: Callable[[OutputFailed], None],
        *,
        console: "Console",
    ) -> None:
        self._painter = Painter(console)
        self._picture: tuple[Sequence[Row], Sequence[Line]] = ((), ())
        self._drawn: list[int] = []  # the widths of the picture's lines on the screen
        self._last: list[str] = []
        self._headed = False
        super().__init__(write, self.note, failed)

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        self.add(text)

    def picture(self, rows: Sequence[Row], footer: Sequence[Line]) -> None:
        self._picture = (rows, footer)

    def _patience(self) -> float | None:
        return REDRAW

    def _turn(self) -> None:
        size = shutil.get_terminal_size()
        width, height = size.columns, size.lines
        lines = [line for row in self._taken() for line in self._painted(row, width)]
        below = [] if self._closing else self._below(width, height)
        text = "".join(f"{line}\n" for line in lines)
        if text or below != self._last:
            self._guarded(self._erased(width) + text + "\n".join(below))
            self._last, self._drawn = below, [_length(line) for line in below]

    def _painted(self, row: Row | str, width: int) -> Iterator[str]:
        if isinstance(row, str):
            yield self._painter.text(row, "dim")
            return
        narrow = width < NARROW
        columns = row.columns(narrow=narrow)
        if not self._headed:
            self._headed = True
            names = [column.name for column in columns]
            yield self._painter.row(columns, names, ["bold underline"] * len(names), width)
        yield from self._painter.row(
            columns, row.cells(narrow=narrow), row.styles(narrow=narrow), width
        ).split("\n")

    def _below(self, width: int, height: int) -> list[str]:
        """The picture's lines, at most as many as fit on the screen: its rows are cut, not its footer."""
        rows, footer = self._picture
        room = max(0, height - len(footer) - 2)
        newest = rows[-room:] if room else ()
        lines = [line for row in newest for line in self._painted(row, width)]
        if len(lines) > room:
            lines = lines[len(lines) - room :]
        hidden = len(rows) - room
        if hidden > 0 and lines:
            lines[0] = self._painter.line(f"… and {hidden + 1:,} more", "dim", width - 1)
        return [*lines, *(self._painter.line(text, style, width - 1) for text, style in footer)]

    def _erased(self, width: int) -> str:
        """Goes back to where the picture began; a terminal that was made narrower has broken its lines."""
        if not self._drawn:
            return ""
        height = sum(max(1, math.ceil(length / width)) for length in self._drawn)
        up = f"\x1b[{height - 1}A" if height > 1 else ""
        return f"\r{up}\x1b[J"


def _length(line: str) -> int:
    """How many cells a painted line takes."""
    import re

    from rich.cells import cell_len

    return cell_len(re.sub(r"\x1b\[[0-9;]*m", "", line))
