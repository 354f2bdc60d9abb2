"""The list of people to call: a sheet of a workbook, CSV in its many forms, JSON Lines, or one number a
line."""

import codecs
import csv
import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol

import orjson

from voicecli import phone
from voicecli.broadcast.lists.encodings import OLE, as_utf8
from voicecli.broadcast.lists.json_lines import JsonLines
from voicecli.broadcast.lists.lines import Lines, Place, empty_list, first_line
from voicecli.broadcast.lists.separated import Separated, separated, unreadable_record
from voicecli.broadcast.lists.sheet_cells import SheetCell
from voicecli.errors import InvalidInput, quote
from voicecli.spelling import nearest

MAX_LIST = 1 << 30  # bytes: it is held in memory
_MOST_SHOWN = 20  # columns in a hint


class Record(NamedTuple):
    """``line`` is where it begins in the file, from 1, or its row in a sheet; ``values`` has one for each of
    the list's columns, without blanks around them; ``problem`` says in a few words why it can't be used, if
    so; ``cells`` has what is special about cells of a sheet, by the index of the column."""

    line: int
    values: Sequence[str]
    problem: str = ""
    cells: Mapping[int, SheetCell] = {}


_Parts = tuple[Sequence[str], str] | tuple[Sequence[str], str, Mapping[int, SheetCell]]


class _Format(Protocol):
    @property
    def columns(self) -> Iterable[str]: ...

    def records(self, lines: Iterable[str]) -> Iterator[_Parts | None]:
        """What is in each record, or None for a line with nothing in it; never reads ahead."""


class Recipients:
    """People in the order of their list; iterated as often as wanted, or read one by one by ``at``.

    It is held as the bytes of the file (those of a sheet as JSON), and as 12 bytes for each record.
    ``encoding`` is what the file was in: utf-8, utf-16, utf-32 or windows-1252; ``unit`` is what its lines
    are called, and ``notes`` say how a workbook was read.
    """

    def __init__(
        self,
        content: bytes,
        encoding: str,
        form: _Format,
        start: Place,
        *,
        unit: str = "line",
        notes: Sequence[str] = (),
    ) -> None:
        self.encoding = encoding
        self.unit = unit
        self.notes = notes
        self._content = content
        self._format = form
        self._start = start
        self._index: _Index | None = None
        self._next: tuple[int, Iterator[Record]] = -1, iter(())  # in the index: who reads it in order goes on

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the heading, or the keys of all objects; plain lines have ``phone``."""
        return tuple(self._format.columns)

    @property
    def delimiter(self) -> str | None:
        """What stands between its values; None where nothing does."""
        return self._format.delimiter if isinstance(self._format, Separated) else None

    def __iter__(self) -> Iterator[Record]:
        """Raises InvalidInput for a quote that is never closed."""
        lines = Lines(self._content, self._start)
        return self._first_pass(lines) if self._index is None else self._records(lines)

    def __len__(self) -> int:
        return len(self._whole_index().lines)

    def at(self, line: int) -> Record:
        """The record that begins at this line; others are not read. Raises LookupError if there is none."""
        index = self._whole_index()
        place = bisect_left(index.lines, line)
        if place == len(index.lines) or index.lines[place] != line:
            raise LookupError(f"no record begins at line {line}")
        expected, records = self._next
        if place != expected:
            records = self._records(Lines(self._content, (index.offsets[place], line)))
        self._next = place + 1, records
        return next(records)

    def _whole_index(self) -> "_Index":
        if self._index is None:
            for _ in self:
                pass
        assert self._index is not None  # noqa: S101 (a whole pass makes it)
        return self._index

    @property
    def digest(self) -> bytes:
        """A hash of the heading and all values, however they are written: not of line numbers."""
        return self._whole_index().digest

    @property
    def lines_digest(self) -> str:
        """A hash of the line numbers of all records."""
        return blake2b(self._whole_index().lines.tobytes(), digest_size=16).hexdigest()

    def _first_pass(self, lines: Lines) -> Iterator[Record]:
        places, digest = _Places(array("I"), array("Q")), blake2b()
        for record in self._records(lines, places):
            digest.update(orjson.dumps(record.values) + record.problem.encode())
            yield record
        # Those of objects are known by now; their names may have halves of characters.
        digest.update(json.dumps(self.columns).encode())
        self._index = _Index(*places, digest.digest())

    def _records(self, lines: Lines, index: "_Places | None" = None) -> Iterator[Record]:
        offset, line = lines.place
        try:
            for read in self._format.records(lines):
                if read is not None:
                    if index is not None:
                        index.lines.append(line)
                        index.offsets.append(offset)
                    yield Record(line, *read)
                offset, line = lines.offset, lines.line
        except csv.Error:
            raise unreadable_record(self._content, (offset, line)) from None


class _Places(NamedTuple):
    """Where each record begins."""

    lines: "array[int]"
    offsets: "array[int]"


class _Index(NamedTuple):
    """With a hash of the whole list."""

    lines: "array[int]"
    offsets: "array[int]"
    digest: bytes


class _Plain:
    """One number a line; a line that begins with # is a comment."""

    columns: Iterable[str] = ("phone",)

    def records(self, lines: Iterable[str]) -> Iterator[tuple[Sequence[str], str] | None]:
        for text in lines:
            value = _strip_delimiters(text)
            yield ((value,), "") if value and not value.startswith("#") else None


def read(content: bytes, *, sheet: str | None = None, hidden: bool = False) -> Recipients:
    """Find out how a list is written. ``sheet`` is the name of one of a workbook, else it is the first, and
    with ``hidden`` its hidden rows are read, too. Raises InvalidInput for a list without anybody in it,
    without a heading, and for what is no list."""
    if is_workbook(content):
        return _from_sheet(content, sheet=sheet, hidden=hidden)
    if sheet is not None or hidden:
        raise InvalidInput("--sheet and --hidden are for a workbook (.xlsx), and the list is none.")
    content, encoding = as_utf8(content)
    found = _detect_format(content, encoding)
    if next(iter(found), None) is None:
        raise empty_list()
    return found


def read_all(content: bytes) -> Recipients:
    """A list of which no row may be missed, as of people not to call: hidden rows are read, too. Raises
    InvalidInput where another sheet has some."""
    if not is_workbook(content):
        return read(content)
    from voicecli.broadcast.lists.sheet import refuse_several_sheets

    refuse_several_sheets(content)
    return read(content, hidden=True)


def is_workbook(content: bytes) -> bool:
    """Whether it is of a kind in which offices keep workbooks: an archive (.xlsx), or older than these."""
    return content.startswith((b"PK\x03\x04", OLE))


def _from_sheet(content: bytes, *, sheet: str | None, hidden: bool) -> Recipients:
    from voicecli.broadcast.lists.sheet import SheetLines, read_sheet

    read = read_sheet(content, name=sheet, hidden=hidden)
    form, start = SheetLines(read.columns), (0, read.first)
    return Recipients(read.text, "utf-8", form, start, unit="row", notes=read.notes)


def column(columns: Sequence[str], name: str) -> int:
    """Which of the columns is meant, from 0: the one of this name or else the only one of this name but for
    case and blanks around it. Raises InvalidInput with the nearest."""
    if name in columns:
        return columns.index(name)
    folded = [known.strip().casefold() for known in columns]
    wanted = name.strip().casefold()
    if folded.count(wanted) == 1:
        return folded.index(wanted)
    near = nearest(name, columns, 0.5)
    meant = f"; the nearest is {quote(near)}" if near else ""
    more = f" and {len(columns) - _MOST_SHOWN} more" if len(columns) > _MOST_SHOWN else ""
    raise InvalidInput(
        f"The list has no column {quote(name)}{meant}.",
        hint=f"Its columns are: {', '.join(map(quote, columns[:_MOST_SHOWN]))}{more}.",
    )


def _detect_format(content: bytes, encoding: str) -> Recipients:
    mark = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    start, first = first_line(content, (mark, 1))
    if first.startswith("{"):
        found = Recipients(content, encoding, JsonLines(), start)
        len(found)  # every key is a column, in whichever line it is
        return found
    if re.match(r"<(\?xml|!doctype|html|table)", first, re.IGNORECASE):  # many programs call it .xls
        raise InvalidInput(
            "The list is an HTML or XML file.", hint="Open it in Excel or LibreOffice, and save it as .xlsx."
        )
    if first == "[" or first.startswith("[{"):
        raise InvalidInput(
            "The list is a JSON array.", hint="Write one object on each line: jq -c '.[]' people.json"
        )
    _, first_number = first_line(content, start, comments="#")
    if "\t" not in first_number and phone.looks_like_number(_strip_delimiters(first_number)):
        return Recipients(content, encoding, _Plain(), start)
    return Recipients(content, encoding, *separated(content, start))


def _strip_delimiters(text: str) -> str:
    """A line that a spreadsheet wrote, without its quotes and delimiters."""
    return text.strip().strip("\"',;").strip()
