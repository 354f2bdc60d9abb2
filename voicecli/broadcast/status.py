"""How a broadcast stands, by the store."""

from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.progress import Progress
from voicecli.output.json_fields import with_former_names
from voicecli.sessions.counts import Counts
from voicecli.sessions.key_names import KeyNames, answers_of, result_of
from voicecli.store import broadcasts
from voicecli.store.broadcasts import Broadcast, BroadcastRow, BroadcastState
from voicecli.store.engine import Store


def counts(store: Store, broadcast: Broadcast) -> Counts:
    """How many rows are in which state, by the journal."""
    policy = BroadcastOptions.from_mapping(broadcast.options).policy()
    return Progress(store, broadcast, policy.keys).counts


def state(store: Store, broadcast: Broadcast) -> str:
    """In a word: running, interrupted, stopped or done."""
    if broadcasts.is_running(store, broadcast):
        return "running"
    return "interrupted" if broadcast.state is BroadcastState.OPEN else broadcast.state


def row_data(row: BroadcastRow, keys: KeyNames | None) -> dict[str, object]:
    """A row, for programs; ``keys`` is what they mean in its broadcast."""
    known = {
        "line": row.line,
        "destination": row.destination,
        "status": row.state,
        "attempts": row.attempts,
        "sessionId": row.session,
        "outcome": row.outcome,
        "bridge": row.bridge,
        "digits": row.digits,
        "result": result_of(keys, row.digits),
        "answers": answers_of(keys, row.digits),
        "callDuration": _whole(row.seconds),
        "reason": row.reason,
    }
    return with_former_names("row", known)


def _whole(seconds: float | None) -> float | None:
    """8x8's whole seconds, which the store keeps as a float: 12, since Excel reads 12.0 as a text where the
    decimal mark is a comma."""
    return int(seconds) if seconds is not None and float(seconds).is_integer() else seconds
