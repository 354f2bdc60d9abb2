"""``voicecli broadcast results``: what became of each row, as a table or a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import Context, context_of
from voicecli.cli.options import common
from voicecli.cli.options.broadcast import Id
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.results import List, ResultFilterOptions, Show
from voicecli.errors import InvalidInput
from voicecli.output import Column, TableRow
from voicecli.plurals import counted
from voicecli.voice_api import codes

if TYPE_CHECKING:
    from voicecli.broadcast.results import Result, Results
    from voicecli.sessions.key_names import KeyNames
    from voicecli.store.broadcasts import Broadcast
    from voicecli.store.engine import Store

EXAMPLES = """\
voicecli broadcast results b3f9a1c2d4
voicecli broadcast results b3f9a1c2d4 -o results.xlsx
voicecli broadcast results b3f9a1c2d4 --not-reached --show name,city
voicecli broadcast results b3f9a1c2d4 --json
"""
MAX_SHOWN = 30  # columns of a terminal that one of the list has
FORMS = (".csv", ".jsonl", ".xlsx")
_COLUMNS = (
    Column("destination", 16, rank=1),
    Column("status", 9, rank=6),
    Column("outcome", 22, rank=3, least=10),
    Column("result", 20, rank=4, least=10),
    Column("digits", 12, rank=7),
    Column("attempts", 8, rank=5),
    Column("session", 36, rank=9),
    Column("reason", 0, least=24),
)


def results(
    ctx: typer.Context,
    broadcast_id: Id,
    file: Annotated[
        str | None,
        option(
            "FILE",
            "Write all columns, those of the list, too, to a .csv, .jsonl or .xlsx file; - for CSV on "
            "standard output.",
            "-o",
            "--output",
        ),
    ] = None,
    *,
    filters: ResultFilterOptions,
    people: List = None,
    show: Show = None,
    header: Annotated[bool, flag("Begin with a heading in a pipe, too.", "--header")] = False,
    excel: Annotated[
        bool, flag("Write the CSV as Excel reads it: with semicolons and a byte order mark.", "--excel")
    ] = False,
    raw: common.Raw = False,
) -> None:
    """Show the result of each row of a broadcast, or write the results to a file.

    On a terminal, what is the same in all rows is left out, and so is what has no room. In a CSV file, cells
    that a spreadsheet would run as formulas get an apostrophe in front. A broadcast that takes such a file as
    its list ignores these apostrophes.
    """
    from voicecli.broadcast import report_recording
    from voicecli.broadcast.result_files import pieces, write_workbook
    from voicecli.broadcast.shown_columns import shown_columns
    from voicecli.output import files
    from voicecli.store import broadcasts

    context = context_of(ctx)
    form = _form(file, excel=excel)
    target = None if file in (None, "-") else files.target(file or "", context.folder)
    with wiring.store(context) as store:
        broadcast = broadcasts.find(store, broadcast_id)
        report_recording.record_reports_if_idle(store, broadcast)
        found = read(context, store, broadcast, people)
        found = found.only(filters.chosen(found.keys))
        if file is None:
            if not context.output.fitted_table(_Rows(found, shown_columns(found, show)), header=header):
                context.output.note("There is no such row in this broadcast.")
            return
        rows = 0

        def chosen() -> "Iterator[Result]":
            nonlocal rows
            for result in found:
                rows += 1
                yield result

        if target is None:
            context.output.content(pieces(form, found, chosen(), excel=excel, raw=raw))
            return
        if form == ".xlsx":
            files.write(target, partial(write_workbook, found, chosen()))
        else:
            files.replace(target, pieces(form, found, chosen(), excel=excel, raw=raw))
    context.output.result(
        f"{target.path} has {counted(rows, 'row')}",
        {"file": target.path, "rows": rows},
        identifier=target.path,
        happened=True,
    )


def read(context: Context, store: "Store", broadcast: "Broadcast", people: str | None) -> "Results":
    """The results of a broadcast, with a warning where they don't fit the list. Raises InvalidInput."""
    from voicecli.broadcast.lists.recipients import MAX_LIST
    from voicecli.broadcast.results import read_results

    found = read_results(store, broadcast, people, partial(context.read_bytes, limit=MAX_LIST))
    if found.people is None:
        context.output.warning(
            f"The list of broadcast {broadcast.id} is not there as it was: its own columns are left out. "
            "--list says where it is."
        )
    elif found.moved is not None:
        context.output.warning(found.moved.in_words())
    return found


def _form(file: str | None, *, excel: bool) -> str:
    """The ending of a file, which says how it is written. Raises InvalidInput."""
    form = Path(file or "").suffix.lower() or ".csv"
    if form not in FORMS:
        raise InvalidInput(
            f"Results can't be written as {form}: only as {', '.join(FORMS[:-1])} or {FORMS[-1]}."
        )
    if excel and (file is None or form != ".csv"):
        raise InvalidInput(
            "--excel is for a .csv file.", hint="Give its name with -o, such as -o results.csv."
        )
    return form


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of the table, iterated as often as wanted; ``shown`` are columns of the list."""

    results: "Results"
    shown: Sequence[str]

    def __iter__(self) -> Iterator[TableRow]:
        columns = (
            Column("line", 6, rank=8),
            *(Column(name, MAX_SHOWN, rank=2, least=10) for name in self.shown),
            *_COLUMNS,
        )
        keys = self.results.keys
        return (self._row(columns, result, keys) for result in self.results)

    def _row(self, columns: Sequence[Column], result: "Result", keys: "KeyNames | None") -> TableRow:
        from voicecli.broadcast.status import row_data

        row, values = result
        ours = row_data(row, keys)
        reasons = [row.reason or ""]
        if row.bridge:
            reasons.append(f"bridge: {codes.describe_outcome(row.bridge)}")
        texts = (
            str(row.line),
            *(values[name] for name in self.shown),
            *(row.destination, row.state, row.outcome or "", str(ours["result"] or "")),
            *(row.digits or "", str(row.attempts), row.session or "", "; ".join(filter(None, reasons))),
        )
        return TableRow(columns, texts, {**ours, "input": values})
