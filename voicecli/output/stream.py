"""A stream of rows as events happen, on a terminal with a changing footer. A thread writes: if the terminal
or pipe blocks, only the display stops, not the listener.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from voicecli.errors import OutputFailed
from voicecli.output.json_fields import with_former_names
from voicecli.output.json_text import compact
from voicecli.output.rows import Line, Painter, Row, erasing, plain_row

INTERVAL = 0.05  # seconds between two writes
REDRAW = 0.2  # seconds between two pictures of the footer
MAX_WAITING = 16_000_000  # characters that wait for whoever does not read
MAX_KEPT_NOTES = 1_000  # lines that are no rows, kept when rows are left out
GOODBYE = 2.0  # seconds that the last rows may take


class _Waiting(NamedTuple):
    """A line to be written. If too much waits, only rows are dropped."""

    text: str
    is_row: bool


class Stream:
    """``add`` rows and ``note`` talk; ``close`` writes what is left. In a pipe a row is a line. Notes go to
    ``talk``, or without it among the rows.

    ``failed`` is told once when nothing can be written any more: by a BrokenPipeError in the error's cause
    where the reader has gone.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        failed: Callable[[OutputFailed], None],
        *,
        talk: Callable[[str], None] | None = None,
    ) -> None:
        self._write = write
        self._talk = talk
        self._failed = failed
        self._waiting: deque[_Waiting] = deque()
        self._size = 0  # their characters
        self._kept_notes: deque[_Waiting] = deque(maxlen=MAX_KEPT_NOTES)
        self._lost = 0
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._closing = False
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._thread.start()

    def add(self, row: Row) -> None:
        self._put(plain_row(row), is_row=True)

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        """A sentence among the rows; programs get ``record`` instead, if given."""
        self._put(text, is_row=False)

    def picture(self, rows: Sequence[Row], footer: Sequence[Line]) -> None:
        """Show these rows and lines below all others until the next call; ignored in a pipe."""

    def close(self) -> None:
        self._closing = True
        self._news.set()
        self._thread.join(GOODBYE)

    def _put(self, line: str, *, is_row: bool) -> None:
        """Queue a line. The caller has formatted it, since the thread would compete with the listener."""
        with self._lock:
            self._waiting.append(_Waiting(line, is_row))
            self._size += len(line)
            while self._size > MAX_WAITING:
                oldest = self._waiting.popleft()
                self._size -= len(oldest.text)
                if oldest.is_row:
                    self._lost += 1
                else:
                    self._kept_notes.append(oldest)
        if not self._news.is_set():
            self._news.set()

    def _take_lines(self) -> list[_Waiting]:
        """Take all waiting lines off the queue."""
        with self._lock:
            lines = [*self._kept_notes, *self._waiting]
            self._kept_notes.clear()
            self._waiting.clear()
            lost, self._lost, self._size = self._lost, 0, 0
        if lost:
            self.note(
                f"{lost:,} rows are not shown: nobody read them. The events are stored.",
                {"record": "lost", "rows": lost},
            )
        return lines

    def _run(self) -> None:
        pause = threading.Event()
        while not self._closing:
            self._news.wait(REDRAW)
            self._news.clear()
            self._write_waiting()
            if not self._closing:
                pause.wait(INTERVAL)
        while self._write_waiting():
            pass

    def _write_waiting(self) -> bool:
        """Write all waiting lines, and return whether there were any."""
        lines = self._take_lines()
        for to_talk, group in groupby(lines, key=lambda line: None if line.is_row else self._talk):
            if to_talk is None:
                self._write_or_fail("".join(f"{line.text}\n" for line in group))
            else:
                for line in group:
                    to_talk(line.text)
        return bool(lines)

    def _write_or_fail(self, text: str) -> None:
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
        self._put(compact(row.data()), is_row=True)

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        self._put(
            compact(record or with_former_names("talk", {"record": "note", "words": text})), is_row=False
        )


class LiveStream(Stream):
    """A terminal: rows scroll, and the picture below them is redrawn at a steady rate."""

    def __init__(
        self,
        write: Callable[[str], None],
        failed: Callable[[OutputFailed], None],
        *,
        painter: Painter,
        size: Callable[[], os.terminal_size],
    ) -> None:
        self._painter = painter
        self._size_of_screen = size
        self._picture: tuple[Sequence[Row], Sequence[Line]] = ((), ())
        self._screen = self._size_of_screen()
        self._below: list[str] = []  # the picture's lines on the screen
        self._headed = False
        super().__init__(write, failed)

    def add(self, row: Row) -> None:
        width = self._screen.columns
        if not self._headed:
            self._headed = True
            self._put(self._painter.heading(row, width), is_row=False)
        self._put(self._painter.painted(row, width), is_row=True)

    def note(self, text: str, record: Mapping[str, object] | None = None) -> None:
        for line in self._painter.lines(text, "dim", self._screen.columns):
            self._put(line, is_row=False)

    def picture(self, rows: Sequence[Row], footer: Sequence[Line]) -> None:
        self._picture = (rows, footer)

    def _write_waiting(self) -> bool:
        self._screen = self._size_of_screen()
        lines = self._take_lines()
        below = [] if self._closing else self._picture_lines()
        if lines or below != self._below:
            erased = erasing(self._below, self._screen.columns)
            self._write_or_fail(erased + "".join(f"{line.text}\n" for line in lines) + "\n".join(below))
            self._below = below
        return bool(lines)

    def _picture_lines(self) -> list[str]:
        """The lines of the picture, at most as many as fit on the screen: the footer whole, the rows as far
        as they fit."""
        width, height = self._screen
        rows, footer = self._picture
        lines = self._newest(rows, max(0, height - len(footer) - 2), width)
        return [*lines, *(self._painter.line(text, style, width - 1) for text, style in footer)]

    def _newest(self, rows: Sequence[Row], room: int, width: int) -> list[str]:
        """The lines of the last rows that fit, below a line with the number of the others."""
        painted = [self._painter.painted(row, width).split("\n") for row in rows[max(0, len(rows) - room) :]]
        hidden = len(rows) - len(painted)
        while painted and sum(map(len, painted)) + (hidden > 0) > room:
            del painted[0]
            hidden += 1
        more = [self._painter.line(f"… and {hidden:,} more", "dim", width - 1)] if hidden and room else []
        return more + [line for lines in painted for line in lines]
