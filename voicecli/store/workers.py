"""Who works on a broadcast where several machines share the store: processes, each with a lease and chunks of
rows that are its own. PostgreSQL only. Broadcasts are given by their numbers.

A chunk is the rows of ``CHUNK`` lines of the list: rows have no index of their state, since dead entries of
one would have to be walked. Every function raises StoreFailed.
"""

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from voicecli.platforms.identity import user_at_host
from voicecli.store.engine import Store, Transaction

CHUNK: Final = 64  # lines
LEASE = 20.0  # seconds
RENEW_EVERY = 5.0  # seconds
_ROWS_OF_CHUNKS = (
    f"r.broadcast = c.broadcast AND r.line > c.chunk * {CHUNK} AND r.line <= (c.chunk + 1) * {CHUNK}"
)
HAS_ROWS_TO_CALL = (
    f"EXISTS (SELECT 1 FROM broadcast_rows AS r WHERE {_ROWS_OF_CHUNKS} AND r.state IN ('planned', 'retry'))"
)


class Worker(NamedTuple):
    """``who`` is user@host, ``process`` its number there; ``is_idle`` means that it has nobody to call."""

    id: int
    who: str
    process: int
    is_alive: bool
    is_idle: bool


def names(workers: Sequence[Worker]) -> str:
    """Who they are, in words."""
    return ", ".join(sorted({worker.who for worker in workers}))


def chunk_of(line: int) -> int:
    return (line - 1) // CHUNK


def make_chunks(transaction: Transaction, broadcast: int) -> None:
    """Within a transaction: let a broadcast be worked on that has the rows which are there by now."""
    transaction(
        "INSERT INTO broadcast_limits (broadcast) VALUES (?) ON CONFLICT (broadcast) DO NOTHING",
        (broadcast,),
    )
    transaction(
        "INSERT INTO broadcast_chunks (broadcast, chunk, done) SELECT broadcast, chunk, min(done) FROM"
        f" (SELECT broadcast, (line - 1) / {CHUNK} AS chunk, CASE WHEN state IN ('planned', 'retry') THEN 0"
        " ELSE 1 END AS done FROM broadcast_rows WHERE broadcast = ?) AS lines GROUP BY broadcast, chunk"
        " ON CONFLICT (broadcast, chunk) DO UPDATE SET done = excluded.done",
        (broadcast,),
    )


def open_chunks(transaction: Transaction, broadcast: int) -> None:
    """Within a transaction: free chunks that have rows to call by now can be taken again."""
    update = (
        "UPDATE broadcast_chunks AS c SET done = 0 WHERE broadcast = ? AND worker IS NULL AND done = 1 AND "
    )
    transaction(update + HAS_ROWS_TO_CALL, (broadcast,))


def begin(store: Store, transaction: Transaction, broadcast: int) -> int:
    """Within a transaction: this process works on it from now on; the worker's id."""
    insert = (
        "INSERT INTO workers (broadcast, who, process, lease_until, seen)"
        " SELECT number, ?, ?, ?, seen FROM broadcasts WHERE number = ? RETURNING id"
    )
    values = (user_at_host(), os.getpid(), end_of_lease(store), broadcast)
    [(worker,)] = transaction(insert, values).rows
    return int(worker)


def end_of_lease(store: Store) -> int:
    """Of one that is given now."""
    return store.now() + round(LEASE * 1e6)


def workers_on(store: Store, broadcast: int) -> list[Worker]:
    """Those who work on it, and those whose leases are over."""
    query = "SELECT id, who, process, lease_until > ?, idle FROM workers WHERE broadcast = ? ORDER BY id"
    return [
        Worker(number, who, process, bool(is_alive), bool(idle))
        for number, who, process, is_alive, idle in store.rows(query, (store.now(), broadcast))
    ]


def end(store: Store, transaction: Transaction, broadcast: int, worker: int, who: str) -> None:
    """Within a transaction: the worker with this id, of user@host, works no more. What it has not called is
    left for others; of whom it was calling nobody knows."""
    first = (
        "UPDATE broadcasts SET seen = least(seen, (SELECT seen FROM workers WHERE id = ?)) WHERE number = ?"
    )
    transaction(first, (worker, broadcast))
    transaction(
        "UPDATE broadcast_rows AS r SET state = 'unknown', reason = ?, changed = ? FROM broadcast_chunks AS c"
        f" WHERE c.broadcast = ? AND c.worker = ? AND {_ROWS_OF_CHUNKS} AND r.state = 'sending'",
        (f"it was being called by {who}, which ended", store.now(), broadcast, worker),
    )
    transaction(
        "UPDATE broadcast_chunks AS c SET worker = NULL, done ="
        f" CASE WHEN {HAS_ROWS_TO_CALL} THEN 0 ELSE 1 END WHERE broadcast = ? AND worker = ?",
        (broadcast, worker),
    )
    transaction("DELETE FROM workers WHERE id = ?", (worker,))


def end_dead_ones(store: Store, broadcast: int) -> None:
    """End those whose leases are over, unless another process does so just now or they write."""
    if not all(worker.is_alive for worker in workers_on(store, broadcast)):
        with store.transaction(concurrent=True) as transaction:
            end_dead_ones_within(store, transaction, broadcast)


def end_dead_ones_within(store: Store, transaction: Transaction, broadcast: int) -> None:
    """The same, within a transaction."""
    query = (
        "SELECT id, who FROM workers WHERE broadcast = ? AND lease_until <= ?"
        " ORDER BY id FOR UPDATE SKIP LOCKED"
    )
    for worker, who in transaction(query, (broadcast, store.now())).rows:
        end(store, transaction, broadcast, worker, who)


def forget(transaction: Transaction, broadcast: int) -> None:
    """Within a transaction: nothing is kept of who worked on the broadcast with this number."""
    for table in ("broadcast_chunks", "broadcast_limits", "workers"):
        transaction(f"DELETE FROM {table} WHERE broadcast = ?", (broadcast,))
