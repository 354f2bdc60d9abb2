"""A reader who stops reading a pipe holds nobody up, and loses nothing when he reads on."""

import os
import pty
import signal
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest

from voicecli.errors import OutputFailed
from voicecli.output import Output, streams
from voicecli.output.formats import Json

LONG = {"text": "x" * 100_000}  # more than a pipe holds


class Pipe:
    """A pipe that nobody reads before ``read``."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream: TextIO = os.fdopen(writing, "w")

    def read(self) -> list[str]:
        """All that is written until the other end is closed."""
        with os.fdopen(self.reading) as file:
            return file.read().splitlines()

    def close(self) -> None:
        with suppress(OSError):
            self.stream.close()
        with suppress(OSError):
            os.close(self.reading)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def write_all(output: Json, work: Callable[[], None], *, is_interrupted: bool = False) -> None:
    with output.streams.in_background(lambda: is_interrupted):
        output.result("", LONG)
        output.result("accepted", {}, happened=True)
        work()


def interrupt() -> None:
    raise KeyboardInterrupt(signal.SIGINT)


def test_what_nobody_reads_is_written_when_somebody_does(pipe: Pipe) -> None:
    output = Json(pipe.stream, pipe.stream)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.extend(pipe.read()))
    with output.streams.in_background():
        output.result("", {"number": 1})
        for _ in range(15):
            output.result("", LONG)
        output.warning("two")
        assert output.streams.is_behind
        reader.start()
    assert not output.streams.is_behind
    output.result("", {"number": 3})
    pipe.stream.close()
    reader.join()
    assert len(found) == 18
    assert (found[0], found[-2:]) == ('{"number": 1}', ['{"warning": {"message": "two"}}', '{"number": 3}'])


def test_after_an_interrupt_what_is_not_read_is_told_as_lost(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "GOODBYE", 0.05)
    with pytest.raises(OutputFailed, match=r"nobody reads it\); it would have said: accepted"):
        write_all(Json(pipe.stream, None), lambda: None, is_interrupted=True)


def test_an_interrupt_stays_one_where_something_is_not_read(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "GOODBYE", 0.05)
    output = Json(pipe.stream, None)
    with pytest.raises(KeyboardInterrupt):
        write_all(output, interrupt)
    with pytest.raises(OutputFailed):
        output.streams.check_read()


def test_a_reader_who_goes_before_he_has_read_what_happened_is_told_of(pipe: Pipe) -> None:
    with pytest.raises(OutputFailed, match="accepted"):
        write_all(Json(pipe.stream, None), lambda: os.close(pipe.reading))


def test_a_file_is_written_as_ever(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full, pytest.raises(OutputFailed, match="No space left"):
        write_all(Json(full, None), lambda: None)


def test_a_terminal_that_was_stopped_holds_nobody_up_who_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "GOODBYE", 0.05)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours):
        output = Output(stream, stream)
        termios.tcflow(theirs, termios.TCOOFF)  # Ctrl-S
        with pytest.raises(OutputFailed, match="nobody reads it"), output.streams.in_background(lambda: True):
            output.report([("a line", "bold"), ("another", "red")], {})
        termios.tcflow(theirs, termios.TCOON)
