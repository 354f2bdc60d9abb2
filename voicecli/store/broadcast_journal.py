"""The journal: every row of every broadcast and what is known of its call, in the store.

A row is ``sending`` on the disk before its request leaves. So whatever ends the process, a row that says
``planned`` was not called, and one that still says ``sending`` may have been.
"""

import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

from voicecli.account import AccountId
from voicecli.errors import InUse, StoreFailed
from voicecli.platforms import private_files, system
from voicecli.store import attempts as stored_attempts, sealing
from voicecli.store.broadcasts import (
    COLUMNS,
    ROWS_PER_COMMIT,
    Broadcast,
    BroadcastRow,
    BroadcastState,
    RowState,
    find,
    refuse_repetition,
    set_state,
    take_lock,
)
from voicecli.store.engine import HeldLock, Store
from voicecli.store.paging import Place, read_pages
from voicecli.store.read_positions import last_event_number

RESERVE = 1 << 20  # bytes; the last rows take less in SQLite's log
_RESERVE = "broadcast-{}.reserve"


def create_journal(
    store: Store,
    *,
    account: AccountId,
    file: str,
    fingerprint: bytes,
    shard: tuple[int, int],
    options: Mapping[str, object],
    content: bytes,
) -> "Journal":
    """A new broadcast, locked, whose rows are still to be planned; ``content`` is what people hear. Until
    ``plan`` is done, ``delete_unplanned`` deletes it once this process has ended."""
    broadcast_id = "b" + secrets.token_hex(5)
    lock = take_lock(store, broadcast_id)
    try:
        sealed = sealing.seal(store, content, broadcast_id.encode())
        with store.transaction() as transaction:
            identity = (broadcast_id, store.now(), *account, file, fingerprint, *shard)
            rest = (json.dumps(options), sealed, BroadcastState.PLANNING, last_event_number(store))
            insert = f"INSERT INTO broadcasts ({COLUMNS}, seen) VALUES (?{', ?' * 11})"  # noqa: S608
            transaction(insert, (*identity, *rest))
        return Journal(store, find(store, broadcast_id, planning=True), lock)
    except BaseException:  # a disk that is full, say: nothing is left behind
        lock.close(remove=True)
        raise


class Journal:
    """The rows of one broadcast, and the right to write them until ``close``. Every method raises
    StoreFailed."""

    def __init__(self, store: Store, broadcast: Broadcast, lock: HeldLock) -> None:
        self.store = store
        self.broadcast = broadcast
        self._lock = lock

    @classmethod
    def open(cls, store: Store, broadcast: Broadcast) -> Self:
        """Raises InUse where another process works on it."""
        lock = take_lock(store, broadcast.id)
        try:
            return cls(store, find(store, broadcast.id), lock)
        except BaseException:  # it was deleted just now
            lock.close(remove=True)
            raise

    def reserve(self) -> None:
        """Take some room on the disk, so that what is known can be written even when the disk is full."""
        path = self._reserve
        try:
            private_files.create(path)
            with path.open("wb") as file:
                file.write(secrets.token_bytes(RESERVE))  # zeros may take no room at all
                system.sync(file)
        except OSError as error:
            raise StoreFailed(
                f"The file {path} can't be written: {error.strerror}.", hint="Check its disk."
            ) from error

    def release_reserve(self) -> None:
        with suppress(OSError):  # then what is to be written now may fail, and nothing else does
            self._reserve.unlink(missing_ok=True)

    @property
    def _reserve(self) -> Path:
        return self.store.folder / _RESERVE.format(self.broadcast.id)

    def close(self) -> None:
        self.release_reserve()
        self._lock.close(remove=True)

    def plan(self, rows: Iterable[BroadcastRow], *, again: bool) -> None:
        """Put in all rows, in steps; with the last one it is a broadcast that can be resumed. Raises
        PlacedBefore where this list was sent before, unless it is to be sent ``again``: of two processes that
        plan the same list at once, one does."""
        rows = iter(rows)
        while step := list(islice(rows, ROWS_PER_COMMIT)):
            self.store.execute_many(_PUT, [(self.broadcast.number, *row) for row in step])
        with self.store.transaction() as transaction:
            if not again:
                new = self.broadcast
                shard = (new.part, new.parts)
                refuse_repetition(
                    self.store, fingerprints=[new.fingerprint], account=new.account, shard=shard
                )
            update = "UPDATE broadcasts SET state = ? WHERE number = ?"
            transaction(update, (BroadcastState.OPEN, self.broadcast.number))

    def write(
        self,
        changes: Iterable[tuple[BroadcastRow, BroadcastRow]],
        *,
        seen: int | None = None,
        new_attempts: Sequence[tuple[object, ...]] = (),
        answers: Iterable[stored_attempts.Answer] = (),
    ) -> Sequence[int]:
        """Change rows (as they were, as they are to be), and note the newest event that was processed, with
        ``new_attempts`` (rows of store.attempts), whose numbers are given, and ``answers`` to earlier ones:
        all in one commit. Raises InUse, and writes nothing, where a row is not what it was: should the lock
        have failed, no second process calls the same people."""
        self.store.require_in_place()
        number = self.broadcast.number
        replaced = [(*row[2:], number, row.line, before.state, before.attempts) for before, row in changes]
        numbers: Sequence[int] = ()
        with self.store.transaction() as transaction:
            if replaced and transaction.execute_many(_REPLACE, replaced) != len(replaced):
                raise InUse(
                    f"Another process has changed rows of broadcast {self.broadcast.id}.",
                    hint="Let only one process work on it, with VOICECLI_HOME on a local disk.",
                )
            if new_attempts:
                numbers = stored_attempts.insert(transaction, new_attempts)
            if seen is not None:
                transaction("UPDATE broadcasts SET seen = ? WHERE number = ?", (seen, number))
            first = stored_attempts.record_answers(self.store, transaction, answers)
            if first is not None:  # what it reports was not found as this broadcast's
                earlier = "UPDATE broadcasts SET seen = ? WHERE number = ? AND seen > ?"
                transaction(earlier, (first - 1, number, first - 1))
        return numbers

    def row(self, line: int) -> BroadcastRow | None:
        """As it stands."""
        return next(_select(self.store, self.broadcast, "line = ?", (line,)), None)

    def rows(self, *states: RowState) -> Iterator[BroadcastRow]:
        """All rows in these states, in the order of the list. They may change meanwhile."""
        return read_rows(self.store, self.broadcast, *states)

    def mark_interrupted_rows(self) -> None:
        """Rows that another process left while it was ``sending``: nobody knows whether those were called.
        That process has ended, since this one has the journal."""
        self._set_rows(RowState.UNKNOWN, "state = ?", RowState.SENDING, reason="it was interrupted")

    def plan_rows_again(self, state: RowState) -> None:
        """Rows in this state are to be called after all."""
        self._set_rows(RowState.PLANNED, "state = ?", state)

    def plan_retries(
        self, outcomes: Collection[str], attempts: int, *, unless_pressed: Collection[str] | None = None
    ) -> None:
        """Those whose last attempt had such an outcome are to be called again, so often in all: not whoever
        pressed one of these, or anything where they are none."""
        among = f"outcome IN ({', '.join('?' * len(outcomes))})"
        which = f"state = ? AND attempts < ? AND {among} AND reason IS NULL"  # which says why there is none
        if unless_pressed is not None:
            accepted = f" AND digits IN ({', '.join('?' * len(unless_pressed))})" if unless_pressed else ""
            which += f" AND NOT (digits IS NOT NULL{accepted})"
        values = (RowState.ACCEPTED, attempts, *outcomes, *(unless_pressed or ()))
        self._set_rows(RowState.RETRY, which, *values)

    def _set_rows(self, state: RowState, which: str, *parameters: object, reason: str | None = None) -> None:
        with self.store.transaction() as transaction:
            transaction(
                f"UPDATE broadcast_rows SET state = ?, reason = ? WHERE broadcast = ? AND {which}",  # noqa: S608
                (state, reason, self.broadcast.number, *parameters),
            )

    @property
    def is_untouched(self) -> bool:
        """Whether there is somebody to call, and certainly nobody was called."""
        return self._has("state = 'planned'") and not self._has(
            "attempts > 0 OR state NOT IN ('planned', 'skipped')"
        )

    @property
    def attempts(self) -> int:
        """How many calls were made, or may have been."""
        query = "SELECT coalesce(sum(attempts), 0) FROM broadcast_rows WHERE broadcast = ?"
        return self.store.read_number(query, (self.broadcast.number,))

    @property
    def is_finished(self) -> bool:
        """Whether nobody is left who could still be called."""
        return not self._has("state NOT IN ('accepted', 'skipped')")

    def _has(self, which: str) -> bool:
        query = f"SELECT EXISTS (SELECT 1 FROM broadcast_rows WHERE broadcast = ? AND ({which}))"  # noqa: S608
        return bool(self.store.read_number(query, (self.broadcast.number,)))

    @property
    def state(self) -> BroadcastState:
        """As it stands: another process may have stopped the broadcast."""
        query = "SELECT state FROM broadcasts WHERE number = ?"
        for state in self.store.read(BroadcastState, query, (self.broadcast.number,)):
            return state
        raise self.store.damaged(f"broadcast {self.broadcast.id} is missing")

    def set_state(self, state: BroadcastState) -> None:
        set_state(self.store, self.broadcast, state)

    @property
    def seen(self) -> int:
        """The number of the newest event that was processed."""
        query = "SELECT seen FROM broadcasts WHERE number = ?"
        return self.store.read_number(query, (self.broadcast.number,))


def read_rows(store: Store, broadcast: Broadcast, *states: RowState) -> Iterator[BroadcastRow]:
    """The rows in these states, else all, in the order of the list; others may be working on them."""
    states = states or tuple(RowState)
    which = f"line > ? AND state IN ({', '.join('?' * len(states))}) ORDER BY line LIMIT ?"

    def read(last: Place, limit: int) -> Iterator[BroadcastRow]:
        return _select(store, broadcast, which, (*last, *states, limit))

    return read_pages(store, read, (0,), lambda row: (row.line,))


class RowCount(NamedTuple):
    """So many rows have this in common."""

    state: RowState
    outcome: str | None
    digits: str | None
    reason: str | None
    rows: int


def count_rows(store: Store, broadcast: Broadcast) -> list[RowCount]:
    """How many rows are alike. Codes that people typed, and why a row was skipped, make no difference."""
    alike = (
        "state, outcome, CASE WHEN length(digits) = 1 THEN digits END AS pressed,"
        " CASE WHEN state != 'skipped' THEN reason END AS why"
    )
    query = (
        f"SELECT {alike}, count(*) FROM broadcast_rows WHERE broadcast = ?"  # noqa: S608
        " GROUP BY state, outcome, pressed, why"
    )

    def count(state: str, *rest: Any) -> RowCount:
        return RowCount(RowState(state), *rest)

    return list(store.read(count, query, (broadcast.number,)))


def count_bridges(store: Store, broadcast: Broadcast) -> dict[str, int]:
    """What became of second legs, and how often."""
    which = "WHERE broadcast = ? AND bridge IS NOT NULL GROUP BY bridge ORDER BY count(*) DESC, bridge"
    return dict(store.rows(f"SELECT bridge, count(*) FROM broadcast_rows {which}", (broadcast.number,)))  # noqa: S608


_COLUMNS = "line, destination, state, attempts, changed, session, outcome, digits, seconds, reason, bridge"


_REPLACE = (
    "UPDATE broadcast_rows SET state = ?, attempts = ?, changed = ?, session = ?, outcome = ?, digits = ?,"
    " seconds = ?, reason = ?, bridge = ? WHERE broadcast = ? AND line = ? AND state = ? AND attempts = ?"
)


_PUT = f"INSERT INTO broadcast_rows (broadcast, {_COLUMNS}) VALUES (?{', ?' * 11})"  # noqa: S608


def _select(
    store: Store, broadcast: Broadcast, which: str, parameters: Sequence[object]
) -> Iterator[BroadcastRow]:
    query = f"SELECT {_COLUMNS} FROM broadcast_rows WHERE broadcast = ? AND {which}"  # noqa: S608
    return store.read(_row, query, (broadcast.number, *parameters))


def _row(*columns: Any) -> BroadcastRow:
    row = BroadcastRow(*columns)
    return row._replace(state=RowState(row.state))
