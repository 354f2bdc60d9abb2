"""Broadcasts in the store: what each is, who works on it, and what becomes of it when it is old."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from voicecli.account import AccountId
from voicecli.errors import InUse, InvalidInput, PlacedBefore, quote
from voicecli.store import workers
from voicecli.store.engine import HeldLock, Store, marks
from voicecli.store.workers import Worker

ROWS_PER_COMMIT = 5_000  # rows that are planned or deleted in one commit, some milliseconds
PATIENCE = 0.2  # seconds, for somebody who only looks whether it is being worked on
_LOCK = "broadcast-{}"


class BroadcastState(StrEnum):
    """Of a broadcast. Its lock says whether a process works on it."""

    PLANNING = "planning"  # not all rows are in the journal yet, and nobody was called
    OPEN = "open"
    STOPPED = "stopped"  # a person said so; a person can resume it
    DONE = "done"  # there is nobody left to call


class RowState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"  # the request may leave at any moment, or has left
    ACCEPTED = "accepted"
    RETRY = "retry"  # called, not reached, and to be called again
    REFUSED = "refused"  # certainly no call was placed
    UNKNOWN = "unknown"  # the request may have left, and no answer is there
    SKIPPED = "skipped"  # not to be called


class LeftOut(StrEnum):
    """Why nobody may call a row that is skipped, or whose next attempt is. Invalid rows are none of these."""

    AT_MOST = "at-most"  # for now: its person was called so often
    DO_NOT_CALL = "do-not-call"
    UNSUBSCRIBED = "unsubscribed"

    @property
    def words(self) -> str:
        """Why in words. Those of a row that was called too often say when, too (``LastContact.reason``)."""
        return _LEFT_OUT[self]


_LEFT_OUT = {
    LeftOut.AT_MOST: "called too often: --at-most",
    LeftOut.DO_NOT_CALL: "it is on the do-not-call list",
    LeftOut.UNSUBSCRIBED: "it has unsubscribed",
}


class BroadcastRow(NamedTuple):
    """A row of a list. What is below ``attempts`` is about the last attempt. Times are in microseconds since
    1970, UTC; ``seconds`` is how long the call was talked on, ``bridge`` what became of a second leg.
    ``reason`` says in words why it was left out, too."""

    line: int
    destination: str
    state: RowState
    attempts: int = 0
    changed: int = 0
    session: str | None = None
    outcome: str | None = None
    digits: str | None = None
    seconds: float | None = None
    reason: str | None = None
    bridge: str | None = None
    left_out: LeftOut | None = None


class Broadcast(NamedTuple):
    """What a broadcast is, apart from its rows. ``file`` is empty where the list came from standard input."""

    number: int
    id: str
    created: int
    service: str
    subaccount: str
    file: str
    fingerprint: bytes
    part: int
    parts: int
    options: Mapping[str, object]
    sealed: bytes
    state: BroadcastState

    @property
    def account(self) -> AccountId:
        return AccountId(self.service, self.subaccount)

    def request_id(self, row: BroadcastRow) -> str:
        """The clientRequestId of the row's last attempt."""
        return f"{self.id}-{row.line}-{row.attempts}"

    def parse_request_id(self, request_id: str) -> tuple[int, int] | None:
        """The line and the attempt that a clientRequestId is of, if it is one of ours."""
        own, _, rest = request_id.partition("-")
        line, _, attempt = rest.partition("-")
        if own == self.id and all(
            part.isascii() and part.isdigit() and len(part) < 16 for part in (line, attempt)
        ):
            return (int(line), int(attempt)) if int(attempt) else None
        return None


def find(store: Store, beginning: str, *, planning: bool = False) -> Broadcast:
    """The one broadcast whose id begins so. Raises InvalidInput where there is none or are several."""
    if not beginning or not beginning.isascii():
        raise InvalidInput("The broadcast's id is missing.", hint="voicecli broadcast list shows the ids.")
    which = "WHERE id >= ? AND id < ? AND (? = 1 OR state != 'planning') ORDER BY id LIMIT 9"
    found = list(_broadcasts(store, which, (beginning, beginning + "\x7f", planning)))
    if len(found) > 1:
        raise InvalidInput(
            f"Several broadcasts begin with {quote(beginning)}.",
            hint=f"Give more of the id: {', '.join(one.id for one in found)}",
        )
    if not found:
        raise InvalidInput(
            f"There is no broadcast {quote(beginning)}.",
            hint="voicecli broadcast list shows all that there are.",
        )
    return found[0]


def newest_first(store: Store) -> Iterator[Broadcast]:
    """All whose rows were planned."""
    return _broadcasts(store, "WHERE state != 'planning' ORDER BY created DESC", ())


def delete_unplanned(store: Store) -> None:
    """Delete what processes left behind that ended before all rows were planned: nobody was called."""
    for broadcast in list(_broadcasts(store, "WHERE state = 'planning'", ())):
        if store.is_shared:
            workers.end_dead_ones(store, broadcast.number)  # one that only slept writes nothing any more
            if not workers.workers_on(store, broadcast.number):
                delete(store, broadcast)
            continue
        lock = store.take_lock(_LOCK.format(broadcast.id))
        if lock is not None:
            delete(store, broadcast)
            lock.close(remove=True)


def is_running(store: Store, broadcast: Broadcast) -> bool:
    """Whether a process works on it now."""
    if store.is_shared:
        return bool(at_work(store, broadcast))
    return store.is_locked(_LOCK.format(broadcast.id))


def at_work(store: Store, broadcast: Broadcast) -> Sequence[Worker]:
    """Who works on it now, as far as the store tells: only one that machines share does."""
    if not store.is_shared:
        return ()
    return [worker for worker in workers.workers_on(store, broadcast.number) if worker.is_alive]


def refuse_repetition(
    store: Store, *, fingerprints: Sequence[bytes], account: AccountId, shard: tuple[int, int]
) -> None:
    """Raises PlacedBefore where the list with one of these was begun before; of shards, only where it was
    this one, or the list was divided in another way."""
    which = (
        f"WHERE fingerprint IN ({marks(fingerprints)}) AND base_url = ?"
        " AND subaccount = ? AND state != 'planning' AND (part = ? OR parts != ?)"
        " ORDER BY created DESC LIMIT 1"
    )
    for before in _broadcasts(store, which, (*fingerprints, *account, *shard)):
        resume = f"resume {before.id} goes on with it, " if before.sealed else ""
        raise PlacedBefore(
            f"This list was sent before, as broadcast {before.id}: nothing was sent.",
            hint=f"See voicecli broadcast show {before.id}; {resume}--again calls everybody again.",
            details={"broadcastId": before.id},
        )


def set_state(store: Store, broadcast: Broadcast, state: BroadcastState) -> None:
    with store.transaction() as transaction:
        transaction("UPDATE broadcasts SET state = ? WHERE number = ?", (state, broadcast.number))


def forget_content(store: Store, broadcast: Broadcast) -> None:
    """Delete what the broadcast says: when this returns nobody can read it on the disk, but where others
    held the store up; then it is overwritten by what comes next. Raises StoreFailed."""
    store.overwrite_deleted()
    with store.transaction() as transaction:
        transaction("UPDATE broadcasts SET sealed = ? WHERE number = ?", (b"", broadcast.number))
    store.empty_log()


def delete(store: Store, broadcast: Broadcast) -> None:
    """Delete it with its rows and all that is kept of it, in small steps: interrupted, it can be deleted
    again. Its lock is the caller's affair."""
    store.overwrite_deleted()
    lines = "SELECT line FROM broadcast_rows WHERE broadcast = ? LIMIT ?"
    statement = f"DELETE FROM broadcast_rows WHERE broadcast = ? AND line IN ({lines})"
    values = (broadcast.number, broadcast.number, ROWS_PER_COMMIT)
    for _ in store.delete_in_steps(statement, values, ROWS_PER_COMMIT):
        pass
    with store.transaction() as transaction:
        if store.is_shared:
            workers.forget(transaction, broadcast.number)
        transaction("DELETE FROM broadcasts WHERE number = ?", (broadcast.number,))
    store.empty_log()


def take_lock(store: Store, broadcast_id: str) -> HeldLock:
    store.require_locks()
    lock = store.take_lock(_LOCK.format(broadcast_id), seconds=PATIENCE)
    if lock is None:
        raise in_use(broadcast_id)
    return lock


def in_use(broadcast_id: str, who: str = "another voicecli") -> InUse:
    """The error where somebody works on it who can't be helped."""
    return InUse(
        f"Broadcast {broadcast_id} is being worked on by {who}: nothing was sent from here.",
        hint=f"voicecli broadcast show {broadcast_id} shows its state; voicecli broadcast "
        f"stop {broadcast_id} ends it.",
    )


COLUMNS = "id, created, base_url, subaccount, file, fingerprint, part, parts, options, sealed, state"


def _broadcasts(store: Store, which: str, parameters: Sequence[object]) -> Iterator[Broadcast]:
    query = f"SELECT number, {COLUMNS} FROM broadcasts {which}"
    return store.read(_broadcast, query, parameters)


def _broadcast(*columns: Any) -> Broadcast:
    """Raises ValueError."""
    broadcast = Broadcast(*columns)
    options = json.loads(columns[-3])
    if not isinstance(options, dict) or re.fullmatch("b[0-9a-f]{10}", broadcast.id) is None:
        raise ValueError("this is no broadcast")  # its id becomes the name of a file
    return broadcast._replace(options=options, state=BroadcastState(broadcast.state))
