"""The format for people, on a terminal or in a pipe. stdout is the answer, stderr is the talk."""

import codecs
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from voicecli.errors import OutputFailed, VoicecliError
from voicecli.output import json_text
from voicecli.output.colours import error_codes, styles
from voicecli.output.printable import printable
from voicecli.output.rows import Line, Painter, Row, TableRow, broken, erasing, plain_heading, plain_row
from voicecli.output.secrets import Secrets
from voicecli.output.streams import Streams, terminal_size

if TYPE_CHECKING:
    from voicecli.output.stream import Stream


class Output:
    """For people: a sentence on stdout, talk and errors on stderr. The other formats vary from this.

    ``out`` and ``err`` are as ``Streams`` has them. ``live`` is whether the terminal can be drawn upon, and
    ``environment`` has its size and its colours.
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
        self.streams = Streams(out, err)
        self._colours = colours
        self._live = live
        self._environment = environment
        self._secrets = Secrets()
        self._painters: dict[TextIO, Painter] = {}
        self._reader_left = False  # the reader has left (``| head``)
        self._progress: Sequence[str] = ()  # its lines on the screen

    def hide(self, secret: str) -> None:
        """From now on show *** for this text, in any encoding."""
        self._secrets.add(secret)

    def disable_masking(self) -> None:
        """Show secrets as they are: for the sandbox's variables, which are not secret and must be exact."""
        self._secrets.disable()

    def json_for_people(self, document: object) -> str:
        """Indented JSON with its secrets masked, for the text of a ``result``."""
        return json_text.indented(self._secrets.masked_document(document))

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        """The answer of a command: for people, for programs, and the identifier alone.

        ``happened`` is for what can't be undone. Then an OutputFailed repeats the text, so that it does
        not get lost where standard output can't be written.
        """
        shown = printable(text, lines=True)
        if "\n" not in shown and self._painter(self.streams.out) is not None:
            shown = broken(shown, self.width)
        self._put(f"{shown}\n", text if happened else "")

    def row(self, row: Row) -> None:
        """One row of a list that grows as things happen.

        Raises OutputFailed, but not where the reader has seen enough (``| head``).
        """
        if (painter := self._painter(self.streams.out)) is None:
            self._row(plain_row(row))
        else:
            self._row(painter.painted(row, self.width))

    def partial_row(self, row: Row) -> None:
        """A row of an answer that grows; programs get all of it at the end, as the ``result``. Raises what
        ``row`` raises."""
        self.row(row)

    def table(self, rows: Iterable[Row], *, header: bool = False) -> int:
        """Rows of one kind; on a terminal, and with ``header`` in a pipe, with a heading. Gives how many they
        are. Raises what ``row`` raises."""
        shown = 0
        for row in rows:
            if shown == 0:
                self._heading(row, header=header)
            self.row(row)
            shown += 1
            if self._reader_left:
                break
        return shown

    def fitted_table(self, rows: Iterable[TableRow], *, header: bool = False, with_same: bool = False) -> int:
        """The same for rows that can be iterated twice. A terminal gets the columns that it has room for, and
        a sentence for those that say the same in all rows, unless it is to be ``with_same``; a pipe gets all
        columns."""
        if self._painter(self.streams.out) is None:
            return self.table(rows, header=header)
        from voicecli.output.fitting import Fitting

        fitting = Fitting.of(rows, self.width, with_same=with_same)
        if fitting is None:
            return 0
        shown = self.table(map(fitting.row, rows))
        if fitting.same and not self._reader_left:
            parts = [f"{name} {text}" for name, text in fitting.same]
            self.note(f"The same in all {shown:,} rows: {', '.join(parts)}.")
        return shown

    def _heading(self, row: Row, *, header: bool = False) -> None:
        if header and self._painter(self.streams.out) is None:
            self._row(plain_heading(row))
        if (painter := self._painter(self.streams.out)) is not None:
            self._row(painter.heading(row, self.width))

    def report(
        self, lines: Iterable[Line | Row], data: Mapping[str, object], *, identifier: str = ""
    ) -> None:
        """An answer of several lines, such as a timeline or bars; a program gets ``data``.

        Raises what ``row`` raises.
        """
        painter, width = self._painter(self.streams.out), self.width
        for line in lines:
            if not isinstance(line, tuple):
                self.row(line)
            elif painter is None:
                self._row(printable(line[0]))
            else:
                self._row("\n".join(painter.lines(*line, width)))

    def document(self, markdown: str, data: Mapping[str, object], *, identifier: str) -> None:
        """A text as the answer: as it is in a pipe, painted on a terminal, in the user's pager where it is
        longer than the screen. Raises what ``row`` raises."""
        text, out = markdown, self.streams.out
        if out is not None and out.isatty():
            from voicecli.output.markdown import painted
            from voicecli.output.pager import page

            text = painted(markdown, self.width, self._environment)
            is_long = text.count("\n") >= self._size().lines
            if is_long and self._live and page(self._masked(text), out, self._environment):
                return
        self._write(text)

    @property
    def width(self) -> int:
        """The width of the terminal in columns."""
        return self._size().columns

    def _size(self) -> os.terminal_size:
        return terminal_size(self._environment, self.streams.out)

    def stream(self, failed: Callable[[OutputFailed], None]) -> "Stream":
        """A stream of rows for a command that keeps running; ``failed`` is called when they can't be written.
        Raises OutputFailed where standard output is closed."""
        from voicecli.output.stream import LiveStream, Stream

        self.streams.check_open()
        if not self._live or (painter := self._painter(self.streams.out)) is None:
            return Stream(self._put, failed, talk=self.note)
        return LiveStream(self._put, failed, painter=painter, size=self._size)

    def note(self, text: str, *, indent: int = 0) -> None:
        """A sentence on stderr: progress, or what the command waits for. On a terminal it is broken between
        words, and goes on in the column ``indent``."""
        self._talk(self._wrapped(printable(text), indent=" " * indent))

    def waiting(self, text: str, until: str) -> None:
        """A note that nothing happens until that moment (ISO 8601): programs are told on stderr, too."""
        self.note(text)

    def explain(self, lines: Iterable[Line]) -> None:
        """Lines on stderr for a person who is asked something, in every format; on a terminal, broken
        between words."""
        painter, width = self._painter(self.streams.err), self._screen().columns
        for text, style in lines:
            self._talk(printable(text) if painter is None else "\n".join(painter.lines(text, style, width)))

    def warning(self, text: str) -> None:
        """A warning on stderr, which --quiet and --json show, too."""
        self._talk(self._wrapped(printable(self._masked(f"Warning: {text}"))))

    def content(self, pieces: Iterable[bytes]) -> None:
        """A file is the answer: as it came, but on a terminal shown and not obeyed. Raises what ``row``
        raises."""
        decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        on_terminal = self.streams.out is not None and self.streams.out.isatty()
        for piece in pieces:
            if on_terminal:
                self._write(printable(decode(piece).replace("\r\n", "\n"), lines=True))
            else:
                self._write(piece)
            if self._reader_left:
                return

    def page(self, text: str) -> None:
        """A text such as the help, which is the same in every format. Raises what ``row`` raises."""
        self._write(text)

    def progress(self, lines: str | Sequence[Line]) -> bool:
        """Show the current progress below all other output, on a terminal; the next call replaces it, an
        empty text removes it. Returns whether there is such a terminal."""
        painter = self._painter(self.streams.err) if self._live else None
        if painter is None:
            return False
        if self.streams.is_talk_waiting:
            return True  # nobody reads now: the next progress will do
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
        red = error_codes(self._environment)
        for word, style, text in (("Error:", red, error.message), ("Hint:", "1", error.hint)):
            if text:
                line = self._wrapped(f"{word} {printable(self._masked(text))}")  # a secret may have blanks
                self._talk(self._coloured(word, style) + line.removeprefix(word))

    def traceback(self, error: BaseException) -> None:
        import traceback

        self._talk(printable("".join(traceback.format_exception(error)).rstrip(), lines=True))

    def _painter(self, stream: TextIO | None) -> Painter | None:
        """The painter of a terminal; None for any other stream."""
        if stream is None or not stream.isatty():
            return None
        if stream not in self._painters:
            from rich.console import Console
            from rich.theme import Theme

            console = Console(
                file=stream, highlight=False, markup=False, emoji=False, _environ=self._environment
            )
            console.push_theme(Theme(styles(console.color_system)))
            console.file = io.StringIO()  # so that rich itself never writes to the terminal
            self._painters[stream] = Painter(console, mask=self._masked)
        return self._painters[stream]

    def _row(self, line: str) -> None:
        self._write(line + "\n")

    def _write(self, text: str | bytes) -> None:
        """Write a part of a longer answer; it is no error if the reader has left (``| head``)."""
        try:
            self._put(text)
        except OutputFailed as failed:
            if not isinstance(failed.__cause__, BrokenPipeError):
                raise
            self._reader_left = True

    def _put(self, written: str | bytes, happened: str = "") -> None:
        if self._reader_left:
            return
        self._erase()
        self.streams.put(written if isinstance(written, bytes) else self._masked(written), happened)

    def _talk(self, text: str) -> None:
        self._erase()
        self._raw(text + "\n")

    def _erase(self) -> None:
        if self._progress:
            self._raw(erasing(self._progress, self._screen().columns))
            self._progress = ()

    def _screen(self) -> os.terminal_size:
        """The size of the terminal that stderr is, even if stdout is a file."""
        return terminal_size(self._environment, self.streams.out, self.streams.err)

    def _raw(self, text: str) -> None:
        self.streams.talk(self._masked(text))

    def _masked(self, text: str) -> str:
        return self._secrets.masked(text)

    def _wrapped(self, line: str, *, indent: str = "") -> str:
        """One line in a pipe; on a terminal, broken between words."""
        return broken(line, self._screen().columns, indent) if self._talks_on_terminal else line

    def _coloured(self, word: str, style: str) -> str:
        is_coloured = self._talks_on_terminal and self._colours
        return f"\x1b[{style}m{word}\x1b[0m" if is_coloured else word

    @property
    def _talks_on_terminal(self) -> bool:
        return self.streams.err is not None and self.streams.err.isatty()
