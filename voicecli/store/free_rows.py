"""Rows that no worker has, in a store that machines share: what 8x8 reports of their calls is taken in by
whoever works on the broadcast or looks at it. PostgreSQL only. Every function raises StoreFailed."""

from collections.abc import Iterable, Set
from contextlib import suppress

from voicecli.store.broadcast_journal import REPLACE
from voicecli.store.broadcasts import Broadcast, BroadcastRow, RowState
from voicecli.store.engine import Store, marks
from voicecli.store.workers import chunk_of


def taken_chunks(store: Store, broadcast: Broadcast) -> set[int]:
    """The chunks that workers have."""
    query = "SELECT chunk FROM broadcast_chunks WHERE broadcast = ? AND worker IS NOT NULL"
    return {int(chunk) for (chunk,) in store.rows(query, (broadcast.number,))}


def write(
    store: Store,
    broadcast: Broadcast,
    changes: Iterable[tuple[BroadcastRow, BroadcastRow]],
    *,
    seen: int,
    newest: int,
    passed_by: Set[int],
) -> None:
    """Change free rows (as they were, as they are to be), and note that the events after ``seen`` up to
    ``newest`` were processed, but for those of the chunks that are ``passed_by``, since workers have them.
    Rows that a worker has by now are left to it. Nothing is written where another process has done so, or one
    of those chunks is free by now: then they are to be read again."""
    number, changes = broadcast.number, list(changes)
    chunks = sorted({chunk_of(row.line) for _, row in changes})
    with suppress(_FreedMeanwhile), store.transaction(concurrent=True) as transaction:
        # First: who frees a chunk waits here, and lets those events be read again.
        advance = "UPDATE broadcasts SET seen = ? WHERE number = ? AND seen = ?"
        if not transaction(advance, (newest, number, seen)).changed:
            return
        if passed_by - taken_chunks(store, broadcast):
            raise _FreedMeanwhile
        free = transaction(
            "SELECT chunk FROM broadcast_chunks WHERE broadcast = ? AND worker IS NULL"
            f" AND chunk IN ({marks(chunks)}) ORDER BY chunk FOR UPDATE",
            (number, *chunks),
        ).rows
        ours = {chunk for (chunk,) in free}
        rows = [
            (*row[2:], number, row.line, before.state, before.attempts, before.changed)
            for before, row in changes
            if chunk_of(row.line) in ours
        ]
        transaction.execute_many(f"{REPLACE} AND changed = ?", rows)
        again = {chunk_of(row.line) for _, row in changes if row.state is RowState.RETRY} & ours
        reopen = "UPDATE broadcast_chunks SET done = 0 WHERE broadcast = ? AND chunk = ?"
        transaction.execute_many(reopen, [(number, chunk) for chunk in sorted(again)])


class _FreedMeanwhile(Exception):
    """Undoes the transaction."""
