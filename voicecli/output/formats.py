"""The formats: for people, as JSON, and quiet. stdout is the answer, stderr is the talk."""

import json
import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from voicecli.errors import OutputFailed, VoicecliError
from voicecli.output.rows import Column, console_for, plain_row, rich_row
from voicecli.output.safe import visible

if TYPE_CHECKING:
    from rich.console import Console

MIN_SECRET = 6  # a shorter "secret" would take bites out of ordinary words


class Output:
    """For people: a sentence on stdout, talk and errors on stderr. The other formats vary from this.

    ``out`` and ``err`` may be None, as Python makes them where a stream was closed (``>&-``).
    """

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self._out = out
        self._err = err
        self._secrets: list[str] = []
        self._console: Console | None = None

    def hide(self, secret: str) -> None:
        """From now on show *** for this text, wherever it comes from."""
        if len(secret) >= MIN_SECRET:
            self._secrets.append(secret)

    def result(self, text: str, data: Mapping[str, object], *, identifier: str = "") -> None:
        """The answer of a command: for people, for programs, and the identifier alone.

        Raises OutputFailed, which repeats the text: what has happened must not get lost.
        """
        self._answer(visible(text, lines=True), text)

    def row(
        self, columns: Sequence[Column], cells: Sequence[str], data: Mapping[str, object], *, style: str = ""
    ) -> None:
        """One row of a list that grows as things happen; ``style`` is rich's, for the last cell."""
        if self._out is None or not self._out.isatty():
            self._answer(plain_row(columns, cells), "")
            return
        if self._console is None:
            self._console = console_for(self._out)
        rich_row(self._console, columns, cells, style)

    def note(self, text: str) -> None:
        """Talk: progress, warnings, what is being waited for."""
        self._talk(visible(text))

    def error(self, error: VoicecliError) -> None:
        for word, style, text in (("Error:", "1;31", error.message), ("Hint:", "1", error.hint)):
            if text:
                wrapped = self._wrapped(f"{word} {visible(text)}")
                self._talk(self._coloured(word, style) + wrapped.removeprefix(word))

    def traceback(self, error: BaseException) -> None:
        import traceback

        self._talk(visible("".join(traceback.format_exception(error)).rstrip(), lines=True))

    def _answer(self, written: str, told: str) -> None:
        if self._out is None:
            return
        try:
            self._out.write(self._masked(written) + "\n")
            self._out.flush()
        except OSError as error:
            _give_up_on(self._out)
            raise OutputFailed(
                f"Standard output can't be written ({error.strerror}); it would have said: {told}",
                hint="What it says did happen: do not run the command again for that.",
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
        plain = (
            self._err is None
            or not self._err.isatty()
            or os.environ.get("NO_COLOR")
            or os.environ.get("TERM") == "dumb"
        )
        return word if plain else f"\x1b[{style}m{word}\x1b[0m"


class Quiet(Output):
    """Only the identifier."""

    def result(self, text: str, data: Mapping[str, object], *, identifier: str = "") -> None:
        self._answer(visible(identifier), text)

    def row(
        self, columns: Sequence[Column], cells: Sequence[str], data: Mapping[str, object], *, style: str = ""
    ) -> None:
        pass


class Json(Output):
    """One JSON document on stdout, and an error as one JSON object on stderr."""

    def result(self, text: str, data: Mapping[str, object], *, identifier: str = "") -> None:
        self._answer(json.dumps(data), text)

    def row(
        self, columns: Sequence[Column], cells: Sequence[str], data: Mapping[str, object], *, style: str = ""
    ) -> None:
        self._answer(json.dumps(data), "")

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
