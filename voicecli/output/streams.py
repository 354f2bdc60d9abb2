"""The streams of a command: its answer goes to stdout, all else to stderr."""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from voicecli import interrupts
from voicecli.errors import OutputFailed

if TYPE_CHECKING:
    from voicecli.output.background import BackgroundWriter

MAX_BEHIND = 1_000_000  # bytes that wait for a reader; beyond it, output that can be postponed is
MAX_TALK = 4_000_000  # bytes that wait for a reader of stderr; what comes beyond them is dropped
GOODBYE = 2.0  # seconds that a reader has after an interrupt
LOOK_EVERY = 0.02  # seconds between two checks


class Streams:
    """``out`` and ``err`` may be None, as Python makes them where a stream was closed (``>&-``): then an
    answer can't be written, and other output is dropped."""

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self.out = out
        self.err = err
        self._out_writer: BackgroundWriter | None = None
        self._err_writer: BackgroundWriter | None = None

    def check_open(self, happened: str = "") -> TextIO:
        """Standard output. Raises OutputFailed where it is closed."""
        if self.out is None:
            raise _unwritable("it is closed", happened)
        return self.out

    def give_up(self) -> None:
        """Write nothing more to stdout, not even what is still waiting to be written."""
        if self.out is not None:
            _give_up_on(self.out)

    @contextmanager
    def in_background(self, is_interrupted: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Inside the context, writing never blocks, as event loops need. At the end, output that is still
        waiting is written as it is read; after an interrupt (KeyboardInterrupt, or if ``is_interrupted``) for
        GOODBYE at most. Raises what ``check_read`` raises, but not in place of another error."""
        self._out_writer = self._writer(self.out)
        self._err_writer = self._writer(self.err)
        try:
            yield
        except BaseException as error:
            self._wait_for_readers(isinstance(error, KeyboardInterrupt) or is_interrupted())
            raise
        self._wait_for_readers(is_interrupted())
        self.check_read()

    def check_read(self) -> None:
        """Raises OutputFailed if output of the background writer was not read."""
        writer = self._out_writer
        if writer is None:
            return
        if writer.size:
            raise _unwritable("nobody reads it", writer.unwritten())
        if writer.error is not None and (writer.unwritten() or not isinstance(writer.error, BrokenPipeError)):
            raise _unwritable(writer.error.strerror, writer.unwritten()) from writer.error

    def _wait_for_readers(self, is_interrupted: bool) -> None:
        end = time.monotonic() + GOODBYE if is_interrupted else math.inf
        writers = [writer for writer in (self._out_writer, self._err_writer) if writer is not None]
        with suppress(KeyboardInterrupt):
            while any(writer.size for writer in writers) and time.monotonic() < end:
                interrupts.sleep(LOOK_EVERY)
        if self._err_writer is not None and not self._err_writer.size:
            self._err_writer = None

    def _writer(self, stream: TextIO | None) -> "BackgroundWriter | None":
        """A background writer for a stream that may block, else None. If both streams are the same pipe or
        terminal, they share one, which keeps the order."""
        from voicecli.output.background import BackgroundWriter, may_block
        from voicecli.platforms import system

        other = self._out_writer
        try:
            if stream is None or not may_block(stream.fileno()):
                return None
            stream.flush()
            if other is not None and system.are_same(other.descriptor, stream.fileno()):
                return other
            return BackgroundWriter(stream)
        except (OSError, ValueError):  # it is no file of the system, or the reader has gone
            return None

    @property
    def is_behind(self) -> bool:
        """Whether so much output waits for a reader that less important output should be postponed."""
        return self._out_writer is not None and self._out_writer.size > MAX_BEHIND

    def is_read(self) -> bool:
        """Whether standard output still has a reader. Raises OutputFailed if it is closed."""
        from voicecli.platforms import system

        out = self.check_open()
        try:
            return system.has_reader(out.fileno())
        except (OSError, ValueError):  # it is no file of the system
            return True

    @property
    def is_talk_waiting(self) -> bool:
        """Whether output to stderr is waiting for a reader."""
        return self._err_writer is not None and self._err_writer.size > 0

    def put(self, written: str | bytes, happened: str = "") -> None:
        """Write to stdout. Raises OutputFailed, whose message has ``happened``."""
        out = self.check_open(happened)
        if (writer := self._out_writer) is not None:
            data = written if isinstance(written, bytes) else _encoded(written, out)
            writer.put(data, happened)
            if writer.error is not None:
                _give_up_on(out)
                raise _unwritable(writer.error.strerror, happened) from writer.error
            return
        try:
            with interrupts.waiting():
                if isinstance(written, bytes):  # a file, which is passed on as it is
                    out.buffer.write(written)
                else:
                    out.write(written)
                out.flush()
        except OSError as error:
            from voicecli.platforms import system

            _give_up_on(out)
            raise _unwritable(error.strerror, happened) from system.write_error(error)

    def talk(self, text: str) -> None:
        """Write to stderr; if that fails, the text is dropped."""
        if self.err is None:
            return
        if (writer := self._err_writer) is not None:
            if writer.size < MAX_TALK:
                writer.put(_encoded(text, self.err))
            return
        try:
            with interrupts.waiting(noted=False):  # it may be the very message on what has happened
                self.err.write(text)
                self.err.flush()
        except OSError:
            _give_up_on(self.err)


def _unwritable(reason: str | None, happened: str = "") -> OutputFailed:
    what = f"; it would have said: {happened}" if happened else ""
    hint = "That did happen: do not run the command again for it." if happened else ""
    return OutputFailed(f"Standard output can't be written ({reason}){what}.", hint=hint)


def _encoded(text: str, stream: TextIO) -> bytes:
    return text.encode(stream.encoding or "utf-8", stream.errors or "backslashreplace")


def _give_up_on(stream: TextIO) -> None:
    """Redirect a broken stream to the null device, so that Python's flush at exit does not fail, too."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
    except (OSError, ValueError):
        pass


COLUMNS, LINES = 80, 24  # where nobody knows it


def terminal_size(environment: Mapping[str, str], *streams: TextIO | None) -> os.terminal_size:
    """From COLUMNS and LINES, else from the first stream that is a terminal."""
    columns, lines = _given(environment, "COLUMNS"), _given(environment, "LINES")
    for stream in streams:
        if stream is not None and not (columns and lines):
            with suppress(OSError, ValueError):  # it is no terminal
                own = os.get_terminal_size(stream.fileno())
                columns, lines = columns or own.columns, lines or own.lines  # some do not know, and say 0
    return os.terminal_size((columns or COLUMNS, lines or LINES))


def _given(environment: Mapping[str, str], name: str) -> int:
    with suppress(ValueError):
        return max(0, int(environment.get(name, "")))
    return 0
