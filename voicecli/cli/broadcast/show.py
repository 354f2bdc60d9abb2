"""``voicecli broadcast show``: how a broadcast stands."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.options.broadcast import Id

if TYPE_CHECKING:
    from voicecli.output.rows import Line
    from voicecli.store.workers import Worker


EXAMPLES = """\
voicecli broadcast show b3f9a1c2d4
voicecli broadcast show b3f9a1c2d4 --json
watch voicecli broadcast show b3f9a1c2d4
"""


def show(ctx: typer.Context, broadcast_id: Id) -> None:
    """Show the state and the figures of a broadcast."""
    from voicecli.broadcast import report_recording, status
    from voicecli.broadcast.options import BroadcastOptions
    from voicecli.cli.broadcast.view import broadcast_data, commands, in_lines
    from voicecli.output.broadcast import summary_lines
    from voicecli.output.event_rows import local_time
    from voicecli.store import broadcast_rows, broadcasts

    context = context_of(ctx)
    with wiring.store(context) as store:
        broadcast = broadcasts.find(store, broadcast_id)
        report_recording.record_reports_if_idle(store, broadcast)
        state, counts = status.state(store, broadcast), status.counts(store, broadcast)
        waits = BroadcastOptions.from_mapping(broadcast.options).waits
        left = list(commands(context.program, broadcast, counts, waits=waits, running=state == "running"))
        shard = "" if broadcast.parts == 1 else f", shard {broadcast.part} of {broadcast.parts}"
        where = broadcast.file or "a list from a pipe"
        head = f"Broadcast {broadcast.id} of {where}{shard}: begun {local_time(broadcast.created)}, {state}"
        bridges = broadcast_rows.count_bridges(store, broadcast)
        at_work = broadcasts.at_work(store, broadcast)
        lines = [
            (head, "bold"),
            *_at_work(at_work),
            *summary_lines(counts),
            *_bridges(bridges),
            *in_lines(left),
        ]
        data = {
            **broadcast_data(broadcast, state),
            **counts.totals(),
            "bridges": bridges,
            "options": {_camel(name): value for name, value in broadcast.options.items()},
            "commands": [command for command, _ in left],
        }
        if store.is_shared:
            data["workers"] = [{"name": worker.who, "process": worker.process} for worker in at_work]
        context.output.report(lines, data, identifier=broadcast.id)


def _at_work(workers: "Sequence[Worker]") -> "Iterator[Line]":
    """Who works on it, where machines share the store."""
    from voicecli.output.printable import printable

    if workers:
        who = ", ".join(f"{worker.who} (process {worker.process})" for worker in workers)
        yield printable(f"Worked on by {who}"), ""


def _bridges(bridges: Mapping[str, int]) -> "Iterator[Line]":
    """What became of second legs."""
    from voicecli.output.printable import printable
    from voicecli.voice_api import codes

    counts = [f"{count:,} {codes.describe_outcome(outcome)}" for outcome, count in bridges.items()]
    if counts:
        yield from (("", ""), (printable(f"Bridges: {', '.join(counts)}"), ""))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))
