"""The formats: for people, as JSON, and quiet. stdout is the answer, stderr is the talk."""

import codecs
import io
import math
import os
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from voicecli import interrupts
from voicecli.errors import OutputFailed, VoicecliError
from voicecli.output import documents
from voicecli.output.rows import Line, Painter, Row, erasing, plain_row
from voicecli.output.safe import visible
from voicecli.output.screen import terminal_size
from voicecli.output.secrets import Secrets

if TYPE_CHECKING:
    from voicecli.output.background import BackgroundWriter
    from voicecli.output.stream import Stream

MAX_BEHIND = 1_000_000  # bytes that may wait for a reader before who can wait with more should do so
MAX_TALK = 4_000_000  # bytes of it and of rows that may wait: talk beyond it is lost
GOODBYE = 2.0  # seconds that a reader has after an interrupt
LOOK_EVERY = 0.02  # seconds between two looks whether he has read


class Output:
    """For people: a sentence on stdout, talk and errors on stderr. The other formats vary from this.

    ``out`` and ``err`` may be None, as Python makes them where a stream was closed (``>&-``): an answer can't
    be written then, and talk is not wanted. ``live`` is whether the terminal can be drawn upon, and
    ``environment`` says more of it: how large it is, which colours it has.
    """

    def __init__(
        self,
        out: TextIO | None,
        err: TextIO | None,
        *,
        colours: bool = True,
        live: bool = True,
        environment: Mapping[str, str] = {},
    ) -> None:
        self._out = out
        self._err = err
        self._colours = colours
        self._live = live
        self._environment = environment
        self._secrets = Secrets()
        self._painters: dict[TextIO, Painter] = {}
        self._has_enough = False  # the reader, who has gone
        self._progress: Sequence[str] = ()  # its lines on the screen
        self._out_writer: BackgroundWriter | None = None
        self._err_writer: BackgroundWriter | None = None

    def give_up(self) -> None:
        """Write nothing more to stdout, not even what is still waiting to be written."""
        if self._out is not None:
            _give_up_on(self._out)

    @contextmanager
    def in_background(self, is_interrupted: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Inside, a reader who has stopped holds nobody up: for event loops. What waits for him then is
        written at the end, when he reads on; after an interrupt (KeyboardInterrupt, or as ``is_interrupted``
        says) he has GOODBYE for that. Raises what ``see_that_it_was_read`` raises, but not in place of
        another error."""
        self._out_writer = self._writer(self._out)
        self._err_writer = self._writer(self._err)
        try:
            yield
        except BaseException as error:
            self._wait_for_readers(isinstance(error, KeyboardInterrupt) or is_interrupted())
            raise
        self._wait_for_readers(is_interrupted())
        self.see_that_it_was_read()

    def see_that_it_was_read(self) -> None:
        """Raises OutputFailed where something was written in the background, and nobody has read it."""
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
        """None where writing there waits for nobody. Both streams may be the same pipe or terminal: then what
        is written stays in order."""
        from voicecli.output.background import BackgroundWriter, may_block

        other = self._out_writer
        try:
            if stream is None or not may_block(stream.fileno()):
                return None
            stream.flush()
            if other is not None and os.path.sameopenfile(other.descriptor, stream.fileno()):
                return other
            return BackgroundWriter(stream.fileno())
        except (OSError, ValueError):  # it is no file of the system, or the reader has gone
            return None

    @property
    def is_behind(self) -> bool:
        """Whether so much waits for a reader that more should not be added to it."""
        return self._out_writer is not None and self._out_writer.size > MAX_BEHIND

    def hide(self, secret: str) -> None:
        """From now on show *** for this text, wherever it comes from and however it is written."""
        self._secrets.add(secret)

    def hide_nothing(self) -> None:
        """For what is nobody's secret, and must be right to the letter: the sandbox's variables."""
        self._secrets.show_all()

    def json_for_people(self, document: object) -> str:
        """JSON for the text of a ``result``, without its secrets."""
        return documents.for_people(self._secrets.masked_document(document))

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        """The answer of a command: for people, for programs, and the identifier alone.

        ``happened`` is for what can't be undone. Then an OutputFailed repeats the text, so that it does
        not get lost where standard output can't be written.
        """
        self._answer(visible(text, lines=True), text if happened else "")

    def row(self, row: Row) -> None:
        """One row of a list that grows as things happen.

        Raises OutputFailed, but not where the reader has seen enough (``| head``).
        """
        if (painter := self._painter(self._out)) is None:
            self._row(plain_row(row))
        else:
            self._row(painter.painted(row, self.width))

    def piece(self, row: Row) -> None:
        """A row of an answer that grows; programs get all of it at the end, as the ``result``. Raises what
        ``row`` raises."""
        self.row(row)

    def table(self, rows: Iterable[Row]) -> int:
        """Rows of one kind; on a terminal with a heading. Gives how many there were. Raises what ``row``
        raises."""
        shown = 0
        for row in rows:
            if shown == 0:
                self._heading(row)
            self.row(row)
            shown += 1
            if self._has_enough:
                break
        return shown

    def _heading(self, row: Row) -> None:
        if (painter := self._painter(self._out)) is not None:
            self._row(painter.heading(row, self.width))

    def figure(
        self, lines: Iterable[Line | Row], data: Mapping[str, object], *, identifier: str = ""
    ) -> None:
        """An answer of several lines that people look at: a timeline, bars. A program gets ``data``.

        Raises what ``row`` raises.
        """
        painter, width = self._painter(self._out), self.width
        for line in lines:
            if not isinstance(line, tuple):
                self.row(line)
            elif painter is None:
                self._row(visible(line[0]))
            else:
                self._row("\n".join(painter.lines(*line, width)))

    @property
    def width(self) -> int:
        """How many columns there are to draw upon."""
        return self._size().columns

    def _size(self) -> os.terminal_size:
        return terminal_size(self._environment, self._out)

    def is_read(self) -> bool:
        """Whether there still is somebody to read standard output. Raises OutputFailed where it is closed."""
        import select

        if self._out is None:
            raise _unwritable("it is closed")
        try:
            poll = select.poll()
            poll.register(self._out.fileno(), 0)
            return not poll.poll(0)  # that the other end has gone is told unasked
        except (
            OSError,
            ValueError,
            AttributeError,
        ):  # it is no file of the system, or the system has no poll
            return True

    def stream(self, failed: Callable[[OutputFailed], None]) -> "Stream":
        """Rows that come for as long as the command runs; ``failed`` is told when they can't be written.
        Raises OutputFailed where standard output is closed."""
        from voicecli.output.stream import LiveStream, Stream

        if self._out is None:
            raise _unwritable("it is closed")
        if not self._live or (painter := self._painter(self._out)) is None:
            return Stream(self._put, failed, talk=self.note)
        return LiveStream(self._put, failed, painter=painter, size=self._size)

    def note(self, text: str) -> None:
        """Talk: progress, warnings, what is being waited for."""
        self._talk(visible(text))

    def warning(self, text: str) -> None:
        """Talk that even those want to hear who want no talk."""
        self._talk(visible(f"Warning: {text}"))

    def content(self, pieces: Iterable[bytes]) -> None:
        """A file is the answer: as it came, but on a terminal shown and not obeyed. Raises what ``row``
        raises."""
        decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        on_terminal = self._out is not None and self._out.isatty()
        for piece in pieces:
            if on_terminal:
                self._write(visible(decode(piece).replace("\r\n", "\n"), lines=True))
            else:
                self._write(piece)
            if self._has_enough:
                return

    def progress(self, lines: str | Sequence[Line]) -> bool:
        """What is going on now, on a terminal: the next one takes its place, whatever else is printed stands
        above it, and nothing ends it. Whether there is such a terminal."""
        painter = self._painter(self._err) if self._live else None
        if painter is None:
            return False
        if self._err_writer is not None and self._err_writer.size:
            return True  # nobody looks now: the next one will do
        width, height = self._screen()
        if isinstance(lines, str):
            lines = [(lines, "dim")] if lines else []
        painted = [painter.line(text, style, width - 1) for text, style in lines[: height - 1]]
        self._raw(erasing(self._progress, width) + "\n".join(painted))
        self._progress = painted
        return True

    @property
    def progress_width(self) -> int:
        """How many columns a line of progress can have."""
        return self._screen().columns - 1

    def error(self, error: VoicecliError) -> None:
        for word, style, text in (("Error:", "1;31", error.message), ("Hint:", "1", error.hint)):
            if text:
                line = self._wrapped(f"{word} {visible(self._masked(text))}")  # a secret may have blanks
                self._talk(self._coloured(word, style) + line.removeprefix(word))

    def traceback(self, error: BaseException) -> None:
        import traceback

        self._talk(visible("".join(traceback.format_exception(error)).rstrip(), lines=True))

    def _painter(self, stream: TextIO | None) -> Painter | None:
        """Who paints there; None for what is no terminal."""
        if stream is None or not stream.isatty():
            return None
        if stream not in self._painters:
            from rich.console import Console

            console = Console(
                file=stream, highlight=False, markup=False, emoji=False, _environ=self._environment
            )
            console.file = io.StringIO()  # not even nothing may be written to a terminal that has stopped
            self._painters[stream] = Painter(console, mask=self._masked)
        return self._painters[stream]

    def _row(self, line: str) -> None:
        self._write(line + "\n")

    def _write(self, text: str | bytes) -> None:
        """More of an answer that comes bit by bit: a reader who has seen enough is no error."""
        try:
            self._put(text)
        except OutputFailed as failed:
            if not isinstance(failed.__cause__, BrokenPipeError):
                raise
            self._has_enough = True

    def _answer(self, written: str, happened: str) -> None:
        self._put(written + "\n", happened)

    def _put(self, written: str | bytes, happened: str = "") -> None:
        if self._has_enough:
            return
        self._erase()
        if self._out is None:
            raise _unwritable("it is closed", happened)
        if not isinstance(written, bytes):
            written = self._masked(written)
        if (writer := self._out_writer) is not None:
            data = written if isinstance(written, bytes) else _encoded(written, self._out)
            writer.put(data, happened)
            if writer.error is not None:
                _give_up_on(self._out)
                raise _unwritable(writer.error.strerror, happened) from writer.error
            return
        try:
            with interrupts.waiting():
                if isinstance(written, bytes):  # a file, which is passed on as it is
                    self._out.buffer.write(written)
                else:
                    self._out.write(written)
                self._out.flush()
        except OSError as error:
            _give_up_on(self._out)
            raise _unwritable(error.strerror, happened) from error

    def _talk(self, text: str) -> None:
        self._erase()
        self._raw(text + "\n")

    def _erase(self) -> None:
        if self._progress:
            self._raw(erasing(self._progress, self._screen().columns))
            self._progress = ()

    def _screen(self) -> os.terminal_size:
        """The size of the terminal that is talked to, even if the answer goes to a file."""
        return terminal_size(self._environment, self._out, self._err)

    def _raw(self, text: str) -> None:
        if self._err is None:
            return
        text = self._masked(text)
        if (writer := self._err_writer) is not None:
            if writer.size < MAX_TALK:
                writer.put(_encoded(text, self._err))
            return
        try:
            with interrupts.waiting(noted=False):  # it may be the very message on what has happened
                self._err.write(text)
                self._err.flush()
        except OSError:
            _give_up_on(self._err)

    def _masked(self, text: str) -> str:
        return self._secrets.masked(text)

    def _wrapped(self, line: str) -> str:
        """One line in a pipe; on a terminal, broken between words."""
        if self._err is None or not self._err.isatty():
            return line
        return textwrap.fill(line, self._screen().columns, break_long_words=False, break_on_hyphens=False)

    def _coloured(self, word: str, style: str) -> str:
        plain = self._err is None or not self._err.isatty() or not self._colours
        return word if plain else f"\x1b[{style}m{word}\x1b[0m"


class Quiet(Output):
    """Only the identifier; of a list, that of each row."""

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        if identifier:
            self._answer(visible(identifier), text if happened else "")

    def row(self, row: Row) -> None:
        self._row(visible(row.identifier))

    def note(self, text: str) -> None:
        """Nothing."""

    def progress(self, lines: str | Sequence[Line]) -> bool:
        """Nothing."""
        return False

    def figure(
        self, lines: Iterable[Line | Row], data: Mapping[str, object], *, identifier: str = ""
    ) -> None:
        self._row(visible(identifier))

    def _heading(self, row: Row) -> None:
        """Nothing."""


class Json(Output):
    """One JSON document on stdout, of a list one a line, and an error as one JSON object on stderr."""

    def stream(self, failed: Callable[[OutputFailed], None]) -> "Stream":
        from voicecli.output.stream import JsonStream

        if self._out is None:
            raise _unwritable("it is closed")
        return JsonStream(self._put, failed)

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        self._answer(documents.for_programs(data), text if happened else "")

    def row(self, row: Row) -> None:
        self._row(documents.for_programs(row.data()))

    def _heading(self, row: Row) -> None:
        """Nothing."""

    def piece(self, row: Row) -> None:
        """Nothing yet."""

    def figure(
        self, lines: Iterable[Line | Row], data: Mapping[str, object], *, identifier: str = ""
    ) -> None:
        self._row(documents.for_programs(data))

    def warning(self, text: str) -> None:
        self._talk(documents.for_programs({"warning": {"message": text}}))

    def note(self, text: str) -> None:
        """Nothing: whoever reads JSON reads stderr for the error, and that is JSON, too."""

    def progress(self, lines: str | Sequence[Line]) -> bool:
        """Nothing, like talk."""
        return False

    def error(self, error: VoicecliError) -> None:
        self._talk(documents.for_programs({"error": error.data()}))

    def _masked(self, text: str) -> str:
        return self._secrets.masked_lines(text)


FORMATS = {"people": Output, "json": Json, "quiet": Quiet}


def _unwritable(reason: str | None, happened: str = "") -> OutputFailed:
    what = f"; it would have said: {happened}" if happened else ""
    hint = "That did happen: do not run the command again for it." if happened else ""
    return OutputFailed(f"Standard output can't be written ({reason}){what}.", hint=hint)


def _encoded(text: str, stream: TextIO) -> bytes:
    return text.encode(stream.encoding or "utf-8", stream.errors or "backslashreplace")


def _give_up_on(stream: TextIO) -> None:
    """Point a stream that can't be written at nothing, so that Python's own last flush does not fail too."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
    except (OSError, ValueError):
        pass
