"""The formats: for people, as JSON, and quiet. stdout is the answer, stderr is the talk."""

import json
import os
import shutil
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from voicecli.errors import OutputFailed, VoicecliError
from voicecli.output.rows import Column, Painter, plain_row
from voicecli.output.safe import visible
from voicecli.output.stream import JsonStream, LiveStream, Stream

if TYPE_CHECKING:
    from rich.console import Console

MIN_SECRET = 4  # characters: to mask less would garble words and hide nothing


class Output:
    """For people: a sentence on stdout, talk and errors on stderr. The other formats vary from this.

    ``out`` and ``err`` may be None, as Python makes them where a stream was closed (``>&-``): then
    nothing is wanted there. ``live`` is whether the terminal can be drawn upon.
    """

    def __init__(
        self, out: TextIO | None, err: TextIO | None, *, colours: bool = True, live: bool = True
    ) -> None:
        self._out = out
        self._err = err
        self._colours = colours
        self._live = live
        self._secrets: set[str] = set()
        self._console: Console | None = None

    def give_up(self) -> None:
        """Write nothing more to stdout, not even what is still waiting to be written."""
        if self._out is not None:
            _give_up_on(self._out)

    def hide(self, secret: str) -> None:
        """From now on show *** for this text, wherever it comes from, and as JSON writes it, too."""
        if len(secret) >= MIN_SECRET:
            self._secrets |= {secret, json.dumps(secret)[1:-1]}

    def hide_nothing(self) -> None:
        """For what is nobody's secret, and must be right to the letter: the sandbox's variables."""
        self._secrets.clear()

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        """The answer of a command: for people, for programs, and the identifier alone.

        ``happened`` is for what can't be undone. Then an OutputFailed repeats the text, so that it does
        not get lost where standard output can't be written.
        """
        self._answer(visible(text, lines=True), text if happened else "")

    def row(
        self, columns: Sequence[Column], cells: Sequence[str], data: Mapping[str, object], *, style: str = ""
    ) -> None:
        """One row of a list that grows as things happen; ``style`` is rich's, for the last cell.

        Raises OutputFailed, but not where the reader has seen enough (``| head``).
        """
        if self._out is None or not self._out.isatty():
            self._row(plain_row(columns, cells))
            return
        width = shutil.get_terminal_size().columns
        styles = ("",) * (len(columns) - 1) + (style,)
        self._row(Painter(self._screen(self._out)).row(columns, cells, styles, width))

    def stream(self, failed: Callable[[OutputFailed], None]) -> Stream:
        """Rows that come for as long as the command runs; ``failed`` is told when they can't be written."""
        if self._out is None or not self._out.isatty() or not self._live:
            return Stream(self._put, failed, talk=self.note)
        return LiveStream(self._put, failed, console=self._screen(self._out))

    def note(self, text: str) -> None:
        """Talk: progress, warnings, what is being waited for."""
        self._talk(visible(text))

    def error(self, error: VoicecliError) -> None:
        for word, style, text in (("Error:", "1;31", error.message), ("Hint:", "1", error.hint)):
            if text:
                line = self._wrapped(f"{word} {visible(text)}")
                self._talk(self._coloured(word, style) + line.removeprefix(word))

    def traceback(self, error: BaseException) -> None:
        import traceback

        self._talk(visible("".join(traceback.format_exception(error)).rstrip(), lines=True))

    def _screen(self, out: TextIO) -> "Console":
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=out, highlight=False, markup=False, emoji=False)
        return self._console

    def _row(self, line: str) -> None:
        try:
            self._answer(line, "")
        except OutputFailed as failed:
            if not isinstance(failed.__cause__, BrokenPipeError):
                raise

    def _answer(self, written: str, happened: str) -> None:
        self._put(written + "\n", happened)

    def _put(self, written: str, happened: str = "") -> None:
        if self._out is None:
            return
        try:
            self._out.write(self._masked(written))
            self._out.flush()
        except OSError as error:
            _give_up_on(self._out)
            what = f"; it would have said: {happened}" if happened else ""
            hint = "What it would have said did happen: do not run the command again for that."
            raise OutputFailed(
                f"Standard output can't be written ({error.strerror}){what}.", hint=hint if happened else ""
            ) from error

    def _talk(self, text: str) -> None:
        if self._err is None:
            return
        try:
            self._err.write(self._masked(text) + "\n")
            self._err.flush()
        except OSError:
            _give_up_on(self._err)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _wrapped(self, line: str) -> str:
        """One line in a pipe; on a terminal, broken between words."""
        if self._err is None or not self._err.isatty():
            return line
        width = shutil.get_terminal_size().columns
        return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)

    def _coloured(self, word: str, style: str) -> str:
        plain = self._err is None or not self._err.isatty() or not self._colours
        return word if plain else f"\x1b[{style}m{word}\x1b[0m"


class Quiet(Output):
    """Only the identifier; of a list, each first cell."""

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        self._answer(visible(identifier), text if happened else "")

    def row(
        self, columns: Sequence[Column], cells: Sequence[str], data: Mapping[str, object], *, style: str = ""
    ) -> None:
        self._row(visible(cells[0]))


class Json(Output):
    """One JSON document on stdout, of a list one a line, and an error as one JSON object on stderr."""

    def stream(self, failed: Callable[[OutputFailed], None]) -> Stream:
        return JsonStream(self._put, failed)

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        self._answer(json.dumps(data), text if happened else "")

    def row(
        self, columns: Sequence[Column], cells: Sequence[str], data: Mapping[str, object], *, style: str = ""
    ) -> None:
        self._row(json.dumps(data))

    def note(self, text: str) -> None:
        """Nothing: whoever reads JSON reads stderr for the error, and that is JSON, too."""

    def error(self, error: VoicecliError) -> None:
        content = {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "retryable": error.retryable,
            **error.details(),
        }
        self._talk(json.dumps({"error": content}))


FORMATS = {"people": Output, "json": Json, "quiet": Quiet}


def _give_up_on(stream: TextIO) -> None:
    """Point a stream that can't be written at nothing, so that Python's own last flush does not fail too."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
    except (OSError, ValueError):
        pass
