"""How a broadcast stands, by the store."""

from contextlib import closing, suppress

from voicecli.broadcast import retention
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.progress import Progress
from voicecli.errors import InUse
from voicecli.output.json_fields import with_former_names
from voicecli.sessions.counts import Counts
from voicecli.store import broadcasts
from voicecli.store.broadcasts import Broadcast, BroadcastRow, BroadcastState
from voicecli.store.journal import Journal
from voicecli.store.sqlite import Store


def settle_if_idle(store: Store, broadcast: Broadcast) -> None:
    """Take in what was reported meanwhile, unless a process is at it that does so. Raises StoreFailed."""
    with suppress(InUse), closing(Journal.open(store, broadcast)) as journal:
        journal.mark_interrupted_rows()
        retention.settle(journal)


def counts(store: Store, broadcast: Broadcast) -> Counts:
    """How many rows are in which state, by the journal."""
    return Progress(
        store, broadcast, BroadcastOptions.from_options(broadcast.options).policy().confirming
    ).counts


def state(store: Store, broadcast: Broadcast) -> str:
    """In a word: running, interrupted, stopped or done."""
    if broadcasts.is_running(store, broadcast):
        return "running"
    return "interrupted" if broadcast.state is BroadcastState.OPEN else broadcast.state


def row_data(row: BroadcastRow) -> dict[str, object]:
    """A row, for programs."""
    known = {
        "line": row.line,
        "destination": row.destination,
        "status": row.state,
        "attempts": row.attempts,
        "sessionId": row.session,
        "outcome": row.outcome,
        "bridge": row.bridge,
        "digits": row.digits,
        "callDuration": row.seconds,
        "reason": row.reason,
    }
    return with_former_names("row", known)
