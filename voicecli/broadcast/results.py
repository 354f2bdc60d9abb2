"""The results of a broadcast: each row of its journal beside its record in the list."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from voicecli.broadcast import same_list
from voicecli.broadcast.call_errors import with_errors
from voicecli.broadcast.lists.phone_column import find_phone_column
from voicecli.broadcast.lists.recipients import Recipients
from voicecli.broadcast.lists.separated import RESULT_COLUMNS
from voicecli.broadcast.moved_rows import MovedRows
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.result_filter import ResultFilter
from voicecli.errors import InvalidInput
from voicecli.sessions.key_names import KeyNames
from voicecli.store import unsubscribed
from voicecli.store.broadcast_rows import read_rows
from voicecli.store.broadcasts import Broadcast, BroadcastRow
from voicecli.store.engine import Store


class Result(NamedTuple):
    """A row of the journal, and the values of its list's columns, by their names in ``Results.columns``."""

    row: BroadcastRow
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Results:
    """All rows in the order of their lines, iterated as often as wanted; those of failed calls have the error
    as their reason.

    ``columns`` are those of the list; one that has a name of ours gets ``input_`` before it. Without
    ``people`` there are none: the list is not there. ``moved`` says where its rows are now, if it was edited.
    """

    store: Store
    broadcast: Broadcast
    people: Recipients | None = None
    moved: MovedRows | None = None
    wanted: ResultFilter = field(default_factory=ResultFilter)

    def only(self, wanted: ResultFilter) -> Self:
        """Those that a filter shows. Raises StoreFailed."""
        if wanted.not_reached:
            wanted = replace(wanted, unsubscribed=unsubscribed.numbers(self.store))
        return replace(self, wanted=wanted)

    @property
    def keys(self) -> KeyNames | None:
        """What keys mean in the broadcast."""
        return BroadcastOptions.from_mapping(self.broadcast.options).key_names()

    @property
    def columns(self) -> Sequence[str]:
        return list(dict.fromkeys(self._names))

    @property
    def phone_column(self) -> str | None:
        """The column with the numbers; None without a list."""
        if self.people is None:
            return None
        options = BroadcastOptions.from_mapping(self.broadcast.options)
        return self._names[find_phone_column(self.people.columns, options.to_column)]

    def __iter__(self) -> Iterator[Result]:
        names = self._names
        shown = filter(self.wanted.shows, read_rows(self.store, self.broadcast))
        for row in with_errors(self.store, shown):
            values = self._values(row)
            yield Result(row, dict(zip(names, values or [""] * len(names), strict=False)))

    @property
    def _names(self) -> Sequence[str]:
        columns = () if self.people is None else self.people.columns
        return [f"input_{name}" if name in RESULT_COLUMNS else name for name in columns]

    def _values(self, row: BroadcastRow) -> Sequence[str] | None:
        """What its record has; None where it has none."""
        if self.people is None:
            return None
        line = row.line if self.moved is None else self.moved.line_of(row)
        return None if line is None else self.people.at(line).values


def read_results(
    store: Store, broadcast: Broadcast, people: str | None, read: Callable[[str], bytes]
) -> Results:
    """The results of a broadcast. Its list is the file ``people``, else the one that it was at the beginning;
    ``read`` gives what is in a file, and raises InvalidInput. Raises InvalidInput where ``people`` has nobody
    who was on that list."""
    path = people or broadcast.file
    if path:
        with suppress(InvalidInput):
            content = read(path)
            recipients = BroadcastOptions.from_mapping(broadcast.options).read_list(content)
            if same_list.is_list_of(store, broadcast, recipients, content):
                return Results(store, broadcast, recipients)
            moved = MovedRows.find(recipients, broadcast, read_rows(store, broadcast))
            if moved.found:
                return Results(store, broadcast, recipients, moved)
    if people:
        raise InvalidInput(f"{people} is not the list of broadcast {broadcast.id}.")
    return Results(store, broadcast)
