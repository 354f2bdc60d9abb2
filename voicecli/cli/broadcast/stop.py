"""``voicecli broadcast stop``: let a broadcast call nobody else."""

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.options.broadcast import Id
from voicecli.output.json_fields import with_former_names

EXAMPLES = """\
voicecli broadcast stop b3f9a1c2d4
voicecli broadcast stop b3f9
voicecli broadcast stop "$(voicecli broadcast list -q | head -1)"
"""


def stop(ctx: typer.Context, broadcast_id: Id) -> None:
    """Stop a broadcast, also one that runs in another process.

    Calls under way go on. voicecli broadcast resume calls the others.
    """
    from voicecli.store import broadcasts

    context = context_of(ctx)
    with wiring.store(context) as store:
        broadcast = broadcasts.find(store, broadcast_id)
        running = broadcasts.is_running(store, broadcast)
        stopped = broadcast.state is not broadcasts.BroadcastState.DONE
        if stopped:
            broadcasts.set_state(store, broadcast, broadcasts.BroadcastState.STOPPED)
    words = "is stopping" if running else "is stopped"
    if not stopped:
        words = "is done: nobody was left to call"
    context.output.result(
        f"Broadcast {broadcast.id} {words}",
        with_former_names("broadcast", {"broadcastId": broadcast.id, "stopped": stopped}),
        identifier=broadcast.id,
    )
