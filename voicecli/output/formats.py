"""The formats: for people, as JSON, and quiet."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from voicecli.errors import OutputFailed, VoicecliError
from voicecli.output import json_text
from voicecli.output.for_people import Output
from voicecli.output.printable import printable
from voicecli.output.rows import Line, Row, TableRow

if TYPE_CHECKING:
    from voicecli.output.stream import Stream


class _ForPrograms(Output):
    """Without notes, progress and headings: stderr has only warnings and the error."""

    def note(self, text: str, *, indent: int = 0) -> None:
        """Nothing."""

    def progress(self, lines: str | Sequence[Line]) -> bool:
        """Nothing."""
        return False

    def fitted_table(self, rows: Iterable[TableRow], *, header: bool = False, with_same: bool = False) -> int:
        return self.table(rows)

    def _heading(self, row: Row, *, header: bool = False) -> None:
        """Nothing."""

    def document(self, markdown: str, data: Mapping[str, object], *, identifier: str) -> None:
        self.report((), data, identifier=identifier)


class Quiet(_ForPrograms):
    """Only the identifier; of a list, that of each row."""

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        if identifier:
            self._put(f"{printable(identifier)}\n", text if happened else "")

    def row(self, row: Row) -> None:
        self._row(printable(row.identifier))

    def report(
        self, lines: Iterable[Line | Row], data: Mapping[str, object], *, identifier: str = ""
    ) -> None:
        self._row(printable(identifier))


class Json(_ForPrograms):
    """One JSON document on stdout, of a list one a line, and an error as one JSON object on stderr."""

    def stream(self, failed: Callable[[OutputFailed], None]) -> "Stream":
        from voicecli.output.stream import JsonStream

        self.streams.check_open()
        return JsonStream(self._put, failed)

    def result(
        self, text: str, data: Mapping[str, object], *, identifier: str = "", happened: bool = False
    ) -> None:
        self._put(f"{json_text.one_line(data)}\n", text if happened else "")

    def row(self, row: Row) -> None:
        self._row(json_text.one_line(row.data()))

    def partial_row(self, row: Row) -> None:
        """Nothing yet."""

    def report(
        self, lines: Iterable[Line | Row], data: Mapping[str, object], *, identifier: str = ""
    ) -> None:
        self._row(json_text.one_line(data))

    def waiting(self, text: str, until: str) -> None:
        self._talk(json_text.one_line({"waiting": {"message": text, "until": until}}))

    def warning(self, text: str) -> None:
        self._talk(json_text.one_line({"warning": {"message": text}}))

    def error(self, error: VoicecliError) -> None:
        self._talk(json_text.one_line({"error": error.data()}))

    def _masked(self, text: str) -> str:
        return self._secrets.masked_lines(text)


FORMATS = {"people": Output, "json": Json, "quiet": Quiet}
