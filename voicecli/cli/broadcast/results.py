"""``voicecli broadcast results``: what became of each row, as a table or CSV."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.options import common
from voicecli.cli.options.broadcast import Id
from voicecli.cli.options.records import option
from voicecli.cli.options.values import one_of
from voicecli.output import Column, TableRow
from voicecli.plurals import counted
from voicecli.voice_api import codes

if TYPE_CHECKING:
    from voicecli.broadcast.results import Result
    from voicecli.sessions.key_names import KeyNames

EXAMPLES = """\
voicecli broadcast results b3f9a1c2d4
voicecli broadcast results b3f9a1c2d4 -o results.csv
voicecli broadcast results b3f9a1c2d4 --status NO_ANSWER,BUSY
voicecli broadcast results b3f9a1c2d4 --json
"""
_COLUMNS = (
    Column("line", 8, narrow=False),
    Column("line", 6, narrow=True),
    Column("destination", 16),
    Column("status", 9),
    Column("outcome", 13),
    Column("digits", 8, narrow=False),
    Column("attempts", 8, narrow=False),
    Column("session", 0, narrow=False),
    Column("session", 0, narrow=True),
)


def results(
    ctx: typer.Context,
    broadcast_id: Id,
    file: Annotated[
        str | None,
        option(
            "FILE",
            "Write a CSV file that has the list's own columns, too; - for standard output.",
            "-o",
            "--output",
        ),
    ] = None,
    status: Annotated[
        str | None,
        option("STATES", "Only rows with these statuses or outcomes, such as refused,unknown or NO_ANSWER."),
    ] = None,
    people: Annotated[str | None, option("FILE", "The list, if it has moved.", "--list")] = None,
    raw: common.Raw = False,
) -> None:
    """Show the result of each row of a broadcast, or write the results as a CSV file.

    In the file, cells that a spreadsheet would run as formulas get an apostrophe in front. A broadcast that
    takes such a file as its list ignores these apostrophes.
    """
    from voicecli.broadcast import report_recording
    from voicecli.broadcast.lists.recipients import MAX_LIST
    from voicecli.broadcast.results import as_csv, read_results
    from voicecli.output import files
    from voicecli.store import broadcasts

    context = context_of(ctx)
    wanted = _states(status)
    target = None if file in (None, "-") else files.target(file or "", context.folder)
    with wiring.store(context) as store:
        broadcast = broadcasts.find(store, broadcast_id)
        report_recording.record_reports_if_idle(store, broadcast)
        found = read_results(store, broadcast, people, partial(context.read_bytes, limit=MAX_LIST))
        if found.list_missing:
            context.output.warning(
                f"The list of broadcast {broadcast.id} is not there as it was: its own columns are left out. "
                "--list says where it is."
            )
        rows = 0

        def chosen() -> "Iterator[Result]":
            nonlocal rows
            for result in found.rows:
                if not wanted or wanted & {result.row.state, result.row.outcome}:
                    rows += 1
                    yield result

        if file is None:
            context.output.table(_row(result, found.keys) for result in chosen())
            return
        content = as_csv(found.columns, chosen(), found.keys, raw=raw)
        if target is None:
            context.output.content(content)
            return
        files.replace(target, content)
    context.output.result(
        f"{target.path} has {counted(rows, 'row')}",
        {"file": target.path, "rows": rows},
        identifier=target.path,
        happened=True,
    )


def _row(result: "Result", keys: "KeyNames | None") -> TableRow:
    """A row of the table. On a narrow terminal the session is short, and some columns are left out."""
    from voicecli.broadcast.status import row_data
    from voicecli.sessions.key_names import result_of

    row = result.row
    answer = result_of(keys, row.digits) or row.digits or ""
    line, session, last = str(row.line), row.session or "", row.reason or ""
    bridge = f"; bridge: {codes.describe_outcome(row.bridge)}" if row.bridge else ""
    texts = (
        *(line, line, row.destination, row.state, row.outcome or "", answer, str(row.attempts)),
        *((session or last) + bridge, (session[:8] or last) + bridge),
    )
    return TableRow(_COLUMNS, texts, {**row_data(row, keys), "input": result.values})


def _states(text: str | None) -> set[str]:
    """Raises InvalidInput for what is neither a state of a row nor an outcome."""
    from voicecli.store.broadcasts import RowState

    words = [word for word in (text or "").split(",") if word.strip()]
    states = {state.value: state.name for state in RowState}
    names = [*states.values(), *(outcome.value for outcome in codes.Outcome)]
    chosen = {one_of(word, names, "status or outcome") for word in words}
    return {name.lower() if name in states.values() else name for name in chosen}
