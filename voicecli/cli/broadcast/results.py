"""``voicecli broadcast results``: what became of each row, as a table or CSV."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from voicecli.cli import context as contexts
from voicecli.cli import wiring
from voicecli.cli.context import Context
from voicecli.cli.options import common
from voicecli.cli.options.values import one_of
from voicecli.output import Column
from voicecli.plurals import counted
from voicecli.voice_api import codes

if TYPE_CHECKING:
    from voicecli.broadcast.results import Part
    from voicecli.store.sqlite import Store

_COLUMNS = (
    Column("line", 8),
    Column("destination", 16),
    Column("status", 9),
    Column("outcome", 13),
    Column("digits", 8),
    Column("attempts", 8),
    Column("session", 0),
)
_NARROW = (Column("line", 6), *_COLUMNS[1:4], Column("session", 0))


def results(
    ctx: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...", help="Broadcasts, or files that results has written: all become one."
        ),
    ],
    file: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write a CSV file that has the list's own columns, too; - for standard output.",
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATES",
            help="Only rows with these statuses or outcomes, such as refused,unknown or NO_ANSWER.",
        ),
    ] = None,
    people: Annotated[
        str | None, typer.Option("--list", metavar="FILE", help="The list, if it has moved.")
    ] = None,
    raw: common.Raw = False,
) -> None:
    """Show the result of each row of a broadcast, or write the results as a CSV file.

    In the file, cells that a spreadsheet would run as formulas get an apostrophe in front. A broadcast that
    takes such a file as its list ignores these apostrophes.
    """
    from voicecli.broadcast.results import OWN, as_csv, merged
    from voicecli.output import files

    context = contexts.of(ctx)
    wanted = _states(status)
    target = None if file in (None, "-") else files.target(file or "")
    with wiring.store(context) as store:
        parts = [_part(context, store, source, people) for source in sources]
        rows = (
            cells for cells in merged(parts) if not wanted or wanted & {cells["status"], cells["outcome"]}
        )
        if file is None:
            context.output.table(_Line(cells) for cells in rows)
            return
        counter = _Counted(rows)
        columns = dict.fromkeys([*OWN, *(column for part in parts for column in part.columns)])
        csv_of_all = as_csv(list(columns), counter, raw=raw)
        if target is None:
            context.output.content(csv_of_all)
            return
        files.replace(target, csv_of_all)
    context.output.result(
        f"{target.path} has {counted(counter.rows, 'row')}",
        {"file": target.path, "rows": counter.rows},
        identifier=target.path,
        happened=True,
    )


def _part(context: Context, store: "Store", source: str, people: str | None) -> "Part":
    """The rows of a broadcast, or of a file that was written before."""
    from voicecli.broadcast import results, status
    from voicecli.broadcast.lists.recipients import MAX_LIST
    from voicecli.store import broadcasts

    if Path(source).is_file():
        return results.from_file(source)
    broadcast = broadcasts.find(store, source)
    status.settle_if_idle(store, broadcast)
    read = partial(context.read_bytes, limit=MAX_LIST)
    part = results.of_broadcast(store, broadcast, people, read)
    if part.list_missing:
        context.output.warning(
            f"The list of broadcast {broadcast.id} is not there as it was: its own columns are left out. "
            "--list says where it is."
        )
    return part


class _Counted:
    """Rows that pass by, counted."""

    def __init__(self, rows: Iterator[Mapping[str, str]]) -> None:
        self._rows = rows
        self.rows = 0

    def __iter__(self) -> Iterator[Mapping[str, str]]:
        for cells in self._rows:
            self.rows += 1
            yield cells


class _Line(NamedTuple):
    """A row of the table. On a narrow terminal the session is short, and some columns are left out."""

    row: Mapping[str, str]

    @property
    def identifier(self) -> str:
        return self.row["line"]

    def columns(self, *, narrow: bool) -> Sequence[Column]:
        return _NARROW if narrow else _COLUMNS

    def cells(self, *, narrow: bool) -> Sequence[str]:
        session = self.row["session"]
        last = (session[:8] if narrow else session) or self.row["reason"]
        if self.row["bridge"]:
            last += f"; bridge: {codes.outcome_words(self.row['bridge'])}"
        return [*(self.row[column.name] for column in self.columns(narrow=narrow)[:-1]), last]

    def styles(self, *, narrow: bool) -> Sequence[str]:
        return [""] * len(self.columns(narrow=narrow))

    def data(self) -> Mapping[str, object]:
        from voicecli.broadcast.results import NUMBERS, OWN

        data: dict[str, object] = {name: self.row[name] or None for name in OWN}
        for name in NUMBERS:
            data[name] = int(self.row[name])
        with suppress(ValueError):
            data["duration"] = float(self.row["duration"])
        return {**data, "input": {name: cell for name, cell in self.row.items() if name not in OWN}}


def _states(text: str | None) -> set[str]:
    """Raises InvalidInput for what is neither a state of a row nor an outcome."""
    from voicecli.store.broadcasts import RowState

    words = [word for word in (text or "").split(",") if word.strip()]
    states = {state.value: state.name for state in RowState}
    names = [*states.values(), *(outcome.value for outcome in codes.Outcome)]
    chosen = {one_of(word, names, "status or outcome") for word in words}
    return {name.lower() if name in states.values() else name for name in chosen}
