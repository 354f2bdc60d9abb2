"""Where the rows of a broadcast are in its list, after that was edited."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from voicecli import interrupts
from voicecli.broadcast.lists.phone_column import find_phone_column
from voicecli.broadcast.lists.recipients import Recipients
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.plan import column_of, number_of
from voicecli.errors import InvalidInput
from voicecli.plurals import counted
from voicecli.store.broadcasts import Broadcast, BroadcastRow


@dataclass(frozen=True, slots=True)
class MovedRows:
    """A row of a broadcast is where its line was, if its number is still there, else where that number is.

    ``found`` counts the rows that are in the list, ``moved`` those of them on other lines, and ``missing``
    the others.
    """

    found: int
    moved: int
    missing: int
    _numbers: Mapping[int, str]
    _lines: Mapping[str, int]

    @classmethod
    def find(cls, recipients: Recipients, broadcast: Broadcast, rows: Iterable[BroadcastRow]) -> Self:
        """Look the rows of a broadcast up in a list. Raises InvalidInput where it has no column for that."""
        options = BroadcastOptions.from_mapping(broadcast.options)
        numbers = _numbers_by_line(recipients, options)
        lines: dict[str, int] = {}
        for line, number in numbers.items():
            lines.setdefault(number, line)
        lines.pop("", None)
        found = moved = missing = 0
        places = cls(0, 0, 0, numbers, lines)
        for row in rows:
            place = places.line_of(row)
            found += place is not None
            moved += place not in (None, row.line)
            missing += place is None
        return cls(found, moved, missing, numbers, lines)

    def line_of(self, row: BroadcastRow) -> int | None:
        """Where the record of this row begins now; None where it is not in the list any more."""
        if self._numbers.get(row.line) == row.destination:
            return row.line
        return self._lines.get(row.destination)

    def in_words(self) -> str:
        """What a person has to know of it."""
        total = self.found + self.missing
        found = f"{self.moved:,} of {counted(total, 'row')} found by number on other lines"
        gone = f", {self.missing:,} not on it any more" if self.missing else ""
        return f"The list was changed after it was sent: {found}{gone}."


def _numbers_by_line(recipients: Recipients, options: BroadcastOptions) -> dict[int, str]:
    """Whom each record would call, in E.164; empty where it has no valid number."""
    column = find_phone_column(recipients.columns, options.to_column)
    region_column = column_of(dict(enumerate(recipients.columns)), "region")
    numbers = {}
    for record in recipients:
        interrupts.check()
        try:
            number = number_of(record, column, region_column, region=options.region, any_number=True)
        except InvalidInput:
            number = ""
        numbers[record.line] = number
    return numbers
