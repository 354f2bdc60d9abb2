"""People as values between delimiters: CSV in its many forms."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from voicecli import phone
from voicecli.broadcast.lists.lines import Lines, Place, first_line
from voicecli.errors import InvalidInput, quote
from voicecli.spreadsheets import formula_text, unguard

RESULT_COLUMNS = (
    "line",
    "destination",
    "status",
    "outcome",
    "bridge",
    "digits",
    "result",
    "answers",
    "duration",
    "attempts",
    "session",
    "reason",
)
"""What our own columns are called in a file of results; those of its list come behind them."""
_FORMER_COLUMNS = tuple(name for name in RESULT_COLUMNS if name not in ("result", "answers"))
_DELIMITERS = ",;\t|"
_SAMPLE = 50  # records that show which delimiter it is


class Separated:
    """Values between delimiters, as many as there are columns; spreadsheets may write more, but empty."""

    def __init__(self, delimiter: str, columns: tuple[str, ...], *, has_formulas: bool) -> None:
        """With formulas, values such as ="0042" are among those of the list: people write them so that Excel
        leaves them as they are."""
        self.delimiter = delimiter
        self._has_formulas = has_formulas
        # Of a file of results that was written here, whose cells are guarded against spreadsheets.
        self._guarded = any(columns[: len(ours)] == ours for ours in (RESULT_COLUMNS, _FORMER_COLUMNS))
        self.columns: Iterable[str] = tuple(map(unguard, columns)) if self._guarded else columns
        self._width = len(columns)

    def records(self, lines: Iterable[str]) -> Iterator[tuple[Sequence[str], str] | None]:
        records = _rows(lines, self.delimiter)
        while True:
            try:
                yield from self._fitted(records)
                return
            except csv.Error as error:
                if "expected after" not in str(error):
                    raise
            # The reader goes on with the next line.
            yield [""] * self._width, "has something between a closing quote and the next delimiter"

    def _fitted(self, records: Iterator[list[str]]) -> Iterator[tuple[Sequence[str], str] | None]:
        width = self._width
        for row in records:
            values = [*map(str.strip, row)]
            if self._has_formulas:
                values = [formula_text(value) for value in values]
            if self._guarded:
                values = [unguard(value).strip() for value in values]
            if not any(values):
                yield None
            elif len(values) == width:
                yield values, ""
            elif len(values) < width:
                yield [*values, *[""] * (width - len(values))], f"has {len(values)} of {width} columns"
            else:
                most = len(_without_empty_end(values))
                problem = f"has {most} columns, the heading {width}" if most > width else ""
                yield values[:width], problem


def separated(content: bytes, start: Place) -> tuple[Separated, Place]:
    """How the list is written whose heading begins at ``start``, and where the first record does. Raises
    InvalidInput for what is no heading."""
    delimiter, start = _declared_delimiter(content, start)
    delimiter = delimiter or _detect_delimiter(content, start)
    lines = Lines(content, start)
    try:
        heading = next(_rows(lines, delimiter))
    except csv.Error:
        raise unreadable_record(content, start) from None
    columns = heading_columns([*map(str.strip, heading)])
    return Separated(delimiter, columns, has_formulas=b'="' in content), lines.place


def heading_columns(heading: list[str]) -> tuple[str, ...]:
    names = _without_empty_end(heading)
    if any(map(phone.looks_like_number, names)):
        raise InvalidInput(
            "The list has no heading: its first line holds a phone number.",
            hint="Let the first line name the columns, such as phone,name.",
        )
    if not all(names):
        raise InvalidInput(
            f"Column {names.index('') + 1} of the list has no name.",
            hint="Let the first line name every column.",
        )
    if twice := next((name for name, times in Counter(names).items() if times > 1), ""):
        raise InvalidInput(
            f"The list has two columns {quote(twice)}.", hint="Give every column a name of its own."
        )
    return tuple(names)


def _declared_delimiter(content: bytes, start: Place) -> tuple[str, Place]:
    """That of a line as Excel writes it above the heading (sep=;), which begins at the place returned."""
    lines = Lines(content, start)
    declared = re.fullmatch(r'"?sep=([^\w\s"]|\t)"?\s*', next(iter(lines)))
    return (declared[1], first_line(content, lines.place)[0]) if declared else ("", start)


def _detect_delimiter(content: bytes, start: Place) -> str:
    """The one that parts the heading, and the most of the first records into as many values as that."""

    def fitness(delimiter: str) -> tuple[float, int]:
        heading, *records = _sample(Lines(content, start), delimiter)
        width = len(_without_empty_end(heading))
        fit = sum(len(record) >= width >= len(_without_empty_end(record)) for record in records)
        return ((1 + fit) / (1 + len(records)), width) if len(heading) > 1 else (0, 0)

    return max(_DELIMITERS, key=fitness)


def _sample(lines: Lines, delimiter: str) -> list[list[str]]:
    """The first records, up to one that can't be read."""
    records: list[list[str]] = []
    with suppress(csv.Error):
        records.extend(islice(filter(None, _rows(lines, delimiter)), _SAMPLE))
    return records or [[]]


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def _without_empty_end(values: list[str]) -> list[str]:
    width = len(values)
    while width and not values[width - 1].strip():
        width -= 1
    return values[:width]


_QUOTED = re.compile(rb'(?<![^,;\t|\r\n\xbf]) *+"(?:[^"]|"")*+("?)')  # \xbf ends a byte order mark


def unreadable_record(content: bytes, record: Place) -> InvalidInput:
    """What the csv module gave up on is somewhere in the record that begins there."""
    offset, line = record
    limit = csv.field_size_limit()
    problem = f"has a value of more than {limit:,} characters"
    for found in _QUOTED.finditer(content, offset):
        if not found[1] or found.end() - found.start() > limit:
            line += len(re.findall(rb"\r\n?|\n", content[offset : found.start()]))
            problem = problem if found[1] else "opens a quote that is never closed"
            break
    return InvalidInput(
        f"Line {line} of the list {problem}.",
        hint='Close each quote, and write one inside of a quoted value twice: "".',
    )
