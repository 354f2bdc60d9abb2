"""Rows that come as things happen, for as long as it takes, and on a terminal a footer that changes.

Writing has a thread of its own: whoever stops their terminal or pipe stops the screen, not the listener.
"""

import json
import math
import shutil
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from voicecli.errors import OutputFailed
from voicecli.output.rows import Painter, Row, plain_row

if TYPE_CHECKING:
    from rich.console import Console

INTERVAL = 0.05  # seconds between two writes
REDRAW = 0.2  # seconds between two pictures of the footer
MAX_WAITING = 16_000_000  # characters that wait for a screen that stands still
NARROW = 100  # columns
GOODBYE = 2.0  # seconds that the last rows may take

Line = tuple[str, str]
"""A line of the footer and its style."""


class Stream:
    """``add`` rows and ``note`` talk; ``close`` writes what is left. In a pipe a row is a line.

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
        self._lines: deque[str] = deque()  # that are to be written
        self._size = 0  # their characters
        self._lost = 0
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._closing = False
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._thread.start()

    def add(self, row: Row) -> None:
        self._add(plain_row(row.columns(narrow=False), row.cells(narrow=False)))

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        """Talk among the rows; ``record`` is what programs get of it."""
        self._talk(text)

    def picture(self, rows: Sequence[Row], footer: Sequence[Line]) -> None:
        """What stands below the rows until there is another picture: nothing in a pipe."""

    def close(self) -> None:
        self._closing = True
        self._news.set()
        self._thread.join(GOODBYE)

    def _add(self, line: str) -> None:
        """Made ready here, and not by the thread, which would take its turns from the listener."""
        with self._lock:
            self._lines.append(line)
            self._size += len(line)
            while self._size > MAX_WAITING and len(self._lines) > 1:
                self._size -= len(self._lines.popleft())
                self._lost += 1
        if not self._news.is_set():
            self._news.set()

    def _taken(self) -> list[str]:
        """What is to be written now."""
        with self._lock:
            lines, self._lines, self._size = list(self._lines), deque(), 0
            lost, self._lost = self._lost, 0
        if lost:
            self._talk(f"{lost:,} events are not shown: the screen stood still. They are kept.")
        return lines

    def _run(self) -> None:
        pause = threading.Event()
        while not self._closing:
            self._news.wait(REDRAW)
            self._news.clear()
            self._turn()
            if not self._closing:
                pause.wait(INTERVAL)
        self._turn()

    def _turn(self) -> None:
        if lines := self._taken():
            self._guarded("\n".join([*lines, ""]))

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

    def add(self, row: Row) -> None:
        self._add(_json(row.data()))

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        if record is not None:
            self._add(json.dumps(record))


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
        self._screen = shutil.get_terminal_size()
        self._below: list[str] = []  # the picture's lines on the screen
        self._headed = False
        super().__init__(write, self.note, failed)

    def add(self, row: Row) -> None:
        width = self._screen.columns
        if not self._headed:
            self._headed = True
            columns = row.columns(narrow=width < NARROW)
            names = [column.name for column in columns]
            self._add(self._painter.row(columns, names, ["bold underline"] * len(names), width))
        self._add(self._painted(row, width))

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        self._add(self._painter.text(text, "dim"))

    def picture(self, rows: Sequence[Row], footer: Sequence[Line]) -> None:
        self._picture = (rows, footer)

    def _turn(self) -> None:
        self._screen = shutil.get_terminal_size()
        lines = self._taken()
        below = [] if self._closing else self._pictured()
        if lines or below != self._below:
            self._guarded(self._erased() + "".join(f"{line}\n" for line in lines) + "\n".join(below))
            self._below = below

    def _painted(self, row: Row, width: int) -> str:
        narrow = width < NARROW
        columns, cells, styles = (
            row.columns(narrow=narrow),
            row.cells(narrow=narrow),
            row.styles(narrow=narrow),
        )
        return self._painter.row(columns, cells, styles, width)

    def _pictured(self) -> list[str]:
        """The picture's lines, at most as many as fit on the screen: its rows are cut, not its footer."""
        width, height = self._screen
        rows, footer = self._picture
        room = max(0, height - len(footer) - 2)
        newest = rows[-room:] if room else ()
        lines = [line for row in newest for line in self._painted(row, width).split("\n")]
        lines = lines[max(0, len(lines) - room) :]
        if (hidden := len(rows) - room) > 0 and lines:
            lines[0] = self._painter.line(f"… and {hidden + 1:,} more", "dim", width - 1)
        return [*lines, *(self._painter.line(text, style, width - 1) for text, style in footer)]

    def _erased(self) -> str:
        """Goes back to where the picture began; a terminal that was made narrower has broken its lines."""
        if not self._below:
            return ""
        height = sum(max(1, math.ceil(_length(line) / self._screen.columns)) for line in self._below)
        up = f"\x1b[{height - 1}A" if height > 1 else ""
        return f"\r{up}\x1b[J"


def _json(data: Mapping[str, object]) -> str:
    """In ASCII, which no terminal obeys."""
    import orjson

    with suppress(orjson.JSONEncodeError):  # for halves of characters, and numbers of over 64 bits
        text = orjson.dumps(data).decode()
        if text.isascii():
            return text
    return json.dumps(data)


def _length(line: str) -> int:
    """How many cells a painted line takes."""
    import re

    from rich.cells import cell_len

    return cell_len(re.sub(r"\x1b\[[0-9;]*m", "", line))
