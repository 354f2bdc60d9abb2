"""``voicecli broadcast stop``: let a broadcast call nobody else."""

import typer

from voicecli.cli import context as contexts
from voicecli.cli import wiring
from voicecli.cli.options.broadcast import Id


def stop(
    ctx: typer.Context,
    broadcast_id: Id,
) -> None:
    """Let a broadcast call nobody more, even if another process is at it. Calls under way go on, and resume
    goes on with the others."""
    from voicecli.store import broadcasts

    context = contexts.of(ctx)
    with wiring.store(context) as store:
        broadcast = broadcasts.find(store, broadcast_id)
        running = broadcasts.is_running(store, broadcast)
        stopped = broadcast.state is not broadcasts.BroadcastState.DONE
        if stopped:
            broadcasts.set_state(store, broadcast, broadcasts.BroadcastState.STOPPED)
    words = "calls nobody more" if running else "is stopped"
    if not stopped:
        words = "is done: there was nobody left to call"
    context.output.result(
        f"Broadcast {broadcast.id} {words}",
        {"id": broadcast.id, "stopped": stopped},
        identifier=broadcast.id,
    )
