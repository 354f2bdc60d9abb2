"""Cells of a CSV that people open in a spreadsheet, which takes some of them for formulas."""

import csv
import io
import re
from collections.abc import Iterable, Iterator

from voicecli.errors import Unreachable

PIECE = 1 << 16  # characters that are handed on at once
# What a formula begins with, also in full width, behind apostrophes of ours (OWASP, "CSV Injection").
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_TEXT_FORMULA = re.compile(r'="([^"]*)"')
# A number, also a telephone's: no formula can be made of digits alone, and programs want to read them.
_NUMBER = re.compile(r"[+-][0-9]+([ .,][0-9]+)*", re.ASCII)


def guard(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would take for a formula. Numbers such as
    +33199001234 or -3.5 stay as they are."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unguard(cell: str) -> str:
    """The cell as it was before it was guarded."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def formula_text(cell: str) -> str:
    """The text of a formula that is nothing else: 0042 of ="0042". Other cells stay as they are."""
    match = _TEXT_FORMULA.fullmatch(cell)
    return match[1] if match else cell


def guard_csv(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a CSV with its cells guarded; rows that need no guard stay as they are, to the byte.
    Raises Unreachable for what can't be read as CSV."""
    lines, waiting, size = _Lines(pieces), list[str](), 0
    try:
        for row in csv.reader(lines):
            written, cells = lines.taken(), [*map(guard, row)]
            if cells != row:
                text = io.StringIO()
                csv.writer(text).writerow(cells)
                end = written[len(written.rstrip("\r\n")) :]
                written = text.getvalue().removesuffix("\r\n") + end
            waiting.append(written)
            size += len(written)
            if size > PIECE:
                yield "".join(waiting).encode(errors="surrogateescape")
                waiting, size = [], 0
    except csv.Error as error:
        raise Unreachable(
            f"The export can't be read as CSV: {error}.", hint="--raw writes it as it came."
        ) from error
    yield "".join(waiting).encode(errors="surrogateescape")


class _Lines:
    """The lines of a text that comes in pieces, whatever its encoding, and those that a record has taken."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        rest = b""
        for piece in self._pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield self._take(line + b"\n")
        if rest:
            yield self._take(rest)

    def _take(self, line: bytes) -> str:
        text = line.decode(errors="surrogateescape")
        self._taken.append(text)
        return text

    def taken(self) -> str:
        text = "".join(self._taken)
        self._taken.clear()
        return text
