"""``voicecli broadcast list``: the broadcasts of this machine."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.options import common
from voicecli.clock import to_local
from voicecli.output import Column, TableRow

if TYPE_CHECKING:
    from voicecli.store.broadcasts import Broadcast
    from voicecli.store.engine import Store

EXAMPLES = """\
voicecli broadcast list
voicecli broadcast list -q | head -1
voicecli broadcast list --json
"""
_COLUMNS = (
    Column("id", 11),
    Column("begun", 16, rank=3),
    Column("state", 11, rank=1),
    Column("people", 9, rank=2),
    Column("accepted", 9, rank=4),
    Column("list", 0),
)


def list_(
    ctx: typer.Context,
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """List the broadcasts, newest first."""
    from voicecli.store import broadcasts

    context = context_of(ctx)
    with wiring.store(context) as store:
        rows = _Rows(_row(store, broadcast) for broadcast in broadcasts.newest_first(store))
        shown = context.output.fitted_table(rows, with_same=True)
    if not shown:
        context.output.note("There is no broadcast yet. To send one: voicecli broadcast --help")


class _Rows:
    """Each is read once, when it is needed first, and they are iterated as often as wanted."""

    def __init__(self, rows: Iterator[TableRow]) -> None:
        self._left = rows
        self._read: list[TableRow] = []

    def __iter__(self) -> Iterator[TableRow]:
        yield from self._read
        for row in self._left:
            self._read.append(row)
            yield row


def _row(store: "Store", broadcast: "Broadcast") -> TableRow:
    from voicecli.broadcast import status
    from voicecli.cli.broadcast.view import broadcast_data

    counts, state = status.counts(store, broadcast), status.state(store, broadcast)
    shard = "" if broadcast.parts == 1 else f" {broadcast.part}/{broadcast.parts}"
    texts = (
        broadcast.id,
        f"{to_local(broadcast.created):%Y-%m-%d %H:%M}",
        state,
        f"{counts.total:,}",
        f"{counts.accepted:,}",
        (broadcast.file or "-") + shard,
    )
    return TableRow(_COLUMNS, texts, {**broadcast_data(broadcast, state), **counts.totals()})
