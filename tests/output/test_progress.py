"""Progress on a terminal: it is drawn over itself, and takes nothing else with it."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest
from screen import screen

from voicecli.errors import InvalidInput
from voicecli.output import Output
from voicecli.output.formats import Json, Quiet
from voicecli.output.rows import Line, erasing

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A terminal, and what stands on it."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        mode = termios.tcgetattr(theirs)
        mode[1] &= ~termios.OPOST  # a line break stays one
        termios.tcsetattr(theirs, termios.TCSANOW, mode)
        self.stream: TextIO = os.fdopen(theirs, "w")
        self.resize(40)
        self.written = ""

    def resize(self, columns: int, lines: int = 10) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def lines(self) -> list[str]:
        self.stream.flush()
        os.set_blocking(self._ours, False)
        try:
            while chunk := os.read(self._ours, 65536):
                self.written += chunk.decode()
        except BlockingIOError:
            return [COLOUR.sub("", line) for line in screen(self.written)]
        raise AssertionError("the terminal was closed")

    def close(self) -> None:
        self.stream.close()
        os.close(self._ours)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.__stdout__", None)  # the tests' own, which has a size, too
    terminal = Terminal()
    yield terminal
    terminal.close()


def plain(*texts: str) -> list[Line]:
    return [(text, "") for text in texts]


def test_lines_take_the_place_of_those_before_however_many(terminal: Terminal) -> None:
    output = Output(None, terminal.stream)
    for texts in (["a", "b"], ["c", "d", "e"], ["f"], ["g", "h", "i", "j"]):
        assert output.progress(plain(*texts))
        assert terminal.lines() == texts
    output.progress("")
    assert terminal.lines() == [""]
    output.progress("one line")
    assert terminal.lines() == ["one line"]


def test_what_is_printed_in_between_stays_above_it(terminal: Terminal) -> None:
    output = Output(terminal.stream, terminal.stream)
    output.progress(plain("a", "b"))
    output.error(InvalidInput("Something went wrong.", hint="Do it again."))
    output.progress(plain("c", "d", "e"))
    output.note("By the way")
    output.progress(plain("f"))
    output.result("The answer", {})
    output.progress(plain("g", "h"))
    assert terminal.lines() == [
        *("Error: Something went wrong.", "Hint: Do it again.", "By the way", "The answer"),
        *("g", "h"),
    ]


def test_a_line_ends_where_the_terminal_does_and_the_picture_where_the_screen_does(
    terminal: Terminal,
) -> None:
    output = Output(None, terminal.stream)
    terminal.resize(20, lines=4)
    assert output.progress_width == 19
    output.progress(plain("x" * 30, "漢" * 30, "third", "fourth", "fifth"))
    assert terminal.lines() == ["x" * 18 + "…", "漢" * 9 + "…", "third"]


def test_a_terminal_that_was_made_narrower_has_broken_the_lines(terminal: Terminal) -> None:
    output = Output(None, terminal.stream)
    output.progress(plain("x" * 39, "y" * 10, "z" * 21))
    terminal.lines()
    before = len(terminal.written)
    terminal.resize(20)
    output.progress(plain("a"))
    terminal.lines()
    assert terminal.written[before:].startswith("\r\x1b[4A")  # two lines, one and two


def test_colours_take_no_room() -> None:
    assert erasing(["\x1b[1;31m" + "x" * 20 + "\x1b[0m"], 20) == "\r\x1b[K\x1b[C\x1b[J\r"
    assert erasing([], 20) == ""


def test_the_terminals_own_size_counts_where_the_answer_goes_elsewhere(terminal: Terminal) -> None:
    terminal.resize(33)
    assert Output(None, terminal.stream).progress_width == 32


def test_who_wants_no_talk_gets_no_progress(terminal: Terminal) -> None:
    for output in (Quiet(None, terminal.stream), Json(None, terminal.stream)):
        assert not output.progress(plain("a", "b"))
    assert not Output(None, terminal.stream, live=False).progress("a")
    assert terminal.lines() == [""]


def test_what_is_in_it_is_shown_and_not_obeyed(terminal: Terminal) -> None:
    output = Output(None, terminal.stream)
    output.hide("some-secret")
    output.progress(plain("\x1b[2J", "[red]some-secret[/]"))
    assert terminal.lines() == ["\\u001b[2J", "[red]***[/]"]
