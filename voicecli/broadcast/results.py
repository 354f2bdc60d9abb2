"""The results of a broadcast: each row of its journal beside its record in the list, as values and as CSV."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from voicecli.broadcast import same_list
from voicecli.broadcast.lists.recipients import Recipients
from voicecli.broadcast.lists.separated import RESULT_COLUMNS
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.status import row_data
from voicecli.errors import InvalidInput
from voicecli.sessions.key_names import KeyNames, answers_of, answers_text
from voicecli.spreadsheets import PIECE, guard
from voicecli.store.broadcast_rows import read_rows
from voicecli.store.broadcasts import Broadcast, BroadcastRow
from voicecli.store.engine import Store


class Result(NamedTuple):
    """A row of the journal, and the values of its list's columns, by their names in ``Results.columns``."""

    row: BroadcastRow
    values: Mapping[str, str]


class Results(NamedTuple):
    """All rows in the order of their lines. ``columns`` are those of the list; one that has a name of ours
    gets ``input_`` before it. ``keys`` is what keys meant. With ``list_missing`` there are no columns: the
    list is not there as it was."""

    columns: Sequence[str]
    rows: Iterable[Result]
    keys: KeyNames | None
    list_missing: bool = False


def read_results(
    store: Store, broadcast: Broadcast, people: str | None, read: Callable[[str], bytes]
) -> Results:
    """The results of a broadcast. Its list is the file ``people``, else the one that it was at the beginning;
    ``read`` gives what is in a file, and raises InvalidInput. Raises InvalidInput where ``people`` is not
    that list."""
    recipients = _recipients(store, broadcast, people, read)
    keys = BroadcastOptions.from_mapping(broadcast.options).key_names()
    if recipients is None:
        return Results((), (Result(row, {}) for row in read_rows(store, broadcast)), keys, list_missing=True)
    columns = [f"input_{name}" if name in RESULT_COLUMNS else name for name in recipients.columns]
    rows = (
        Result(row, dict(zip(columns, recipients.at(row.line).values, strict=False)))
        for row in read_rows(store, broadcast)
    )
    return Results(list(dict.fromkeys(columns)), rows, keys)


def _recipients(
    store: Store, broadcast: Broadcast, people: str | None, read: Callable[[str], bytes]
) -> Recipients | None:
    """The list, if it is still as it was."""
    path = people or broadcast.file
    if path:
        with suppress(InvalidInput):
            content = read(path)
            recipients = BroadcastOptions.from_mapping(broadcast.options).read_list(content)
            if same_list.is_list_of(store, broadcast, recipients, content):
                return recipients
    if people:
        raise InvalidInput(f"{people} is not the list of broadcast {broadcast.id}, or has changed.")
    return None


def as_csv(
    columns: Sequence[str], results: Iterable[Result], keys: KeyNames | None, *, raw: bool
) -> Iterator[bytes]:
    """A CSV in UTF-8, in pieces of some PIECE bytes: our own columns, and behind them these of the list.
    ``keys`` is what keys meant. What a spreadsheet would take for a formula gets an apostrophe, unless it is
    to be ``raw``."""
    text = io.StringIO()
    writer = csv.writer(text)
    as_written = str if raw else guard
    writer.writerow(map(as_written, (*RESULT_COLUMNS, *columns)))
    for row, values in results:
        ours = row_data(row, keys)  # the columns have names of their own, which earlier JSON shared
        ours["answers"] = answers_text(answers_of(keys, row.digits))
        known = ("" if ours[name] is None else str(ours[name]) for name in RESULT_COLUMNS)
        writer.writerow(map(as_written, (*known, *(values[name] for name in columns))))
        if text.tell() > PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()
