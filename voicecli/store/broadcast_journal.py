"""The journal: every row of every broadcast and what is known of its call, in the store.

A row is ``sending`` on the disk before its request leaves. So whatever ends the process, a row that says
``planned`` was not called, and one that still says ``sending`` may have been.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Self

from voicecli.at_most import AtMost
from voicecli.errors import InUse, StoreBusy, StoreFailed
from voicecli.platforms import private_files, system
from voicecli.store import attempts as stored_attempts, contacts
from voicecli.store.broadcast_rows import COLUMNS as ROW_COLUMNS, LEFT_OUT, StoredBroadcast, select_rows
from voicecli.store.broadcasts import (
    COLUMNS,
    ROWS_PER_COMMIT,
    Broadcast,
    BroadcastRow,
    BroadcastState,
    RowState,
    find,
    refuse_repetition,
    take_lock,
)
from voicecli.store.engine import HeldLock, Store, Transaction, marks
from voicecli.store.read_positions import last_event_number

INTERRUPTED = "it was interrupted"
"""Why nobody knows whether a row was called that a process has left ``sending``."""
RESERVE = 1 << 20  # bytes; the last rows take less in SQLite's log
_RESERVE = "broadcast-{}.reserve"
_TO_CALL = (RowState.PLANNED, RowState.RETRY)


def insert_broadcast(store: Store, transaction: Transaction, described: tuple[object, ...]) -> None:
    """Put one in, within a transaction, that is still to be planned: all of COLUMNS but its state."""
    insert = f"INSERT INTO broadcasts ({COLUMNS}, seen) VALUES (?{', ?' * 11})"
    transaction(insert, (*described, BroadcastState.PLANNING, last_event_number(store)))


class Journal(StoredBroadcast):
    """The rows of one broadcast, and the right to write them until ``close``. Every method raises
    StoreFailed.

    This one is for one process alone; where several machines share the store it is a ``SharedJournal``.
    """

    calls_left: int | None = None
    """How many calls may still be made, by all who work on the broadcast; None for any number."""
    at_most: AtMost | None = None
    """How often the same person may be called."""
    has_others = False
    """Whether others worked on it, too, when ``attend`` looked last: then they have changed rows."""
    gathers_for: float = 0.0
    """Seconds that it is worth waiting for more answers, so that they share a commit."""
    may_get_rows = False
    """Whether rows that others had may still become this process's, as ``attend`` found."""

    def __init__(self, store: Store, broadcast: Broadcast, lock: HeldLock) -> None:
        super().__init__(store, broadcast)
        self._lock = lock

    @classmethod
    def create(cls, store: Store, described: tuple[object, ...]) -> Self:
        """For ``create_journal``; ``described`` is all of COLUMNS but its state."""
        lock = take_lock(store, str(described[0]))
        try:
            with store.transaction() as transaction:
                insert_broadcast(store, transaction, described)
            return cls(store, find(store, str(described[0]), planning=True), lock)
        except BaseException:  # a disk that is full, say: nothing is left behind
            lock.close(remove=True)
            raise

    @classmethod
    def open(cls, store: Store, broadcast: Broadcast) -> Self:
        """Raises InUse where another process works on it."""
        lock = take_lock(store, broadcast.id)
        try:
            return cls(store, find(store, broadcast.id), lock)
        except BaseException:  # it was deleted just now
            lock.close(remove=True)
            raise

    def limit_calls(self, most: int | None) -> None:
        """Let so many be made from now on, None for any number."""
        self.calls_left = most

    def rows_to_call(self) -> Callable[[], BroadcastRow | None]:
        """Gives those that are to be called, one after the other; None while there is no other."""
        rows = self.rows(*_TO_CALL)
        return lambda: next(rows, None)

    def owns(self, line: int) -> bool:
        """Whether the row there is this process's to change."""
        return True

    def attend(self, *, is_idle: bool) -> None:
        """Do what is due every now and then towards others who work on the broadcast. ``is_idle`` is whether
        this process has nobody left to call. Raises InUse where they have taken its rows."""

    def reconnect(self) -> None:
        """After StoreUnreachable, which this engine does not raise: when it returns, what was being written
        has been written or never will be. It may be called in another thread. Raises StoreUnreachable, and
        InUse where others have taken its rows."""

    def rows_at(self, lines: Sequence[int]) -> dict[int, BroadcastRow]:
        """The rows at these lines, by line."""
        which = f"line IN ({marks(lines)})"
        return {row.line: row for row in select_rows(self.store, self.broadcast, which, lines)}

    def attempts_of(self, request_ids: Sequence[str]) -> dict[str, int]:
        """The newest attempts with these clientRequestIds: their ids, by clientRequestId."""
        return stored_attempts.newest_of_requests(self.store, request_ids)

    def state_of_last_attempt(self, row: BroadcastRow) -> RowState | None:
        """Of a row that is to be called again: accepted or unknown; None where it certainly was not
        called."""
        if row.session is not None:
            return RowState.ACCEPTED
        # One that was not carried out is no attempt any more.
        is_kept = row.attempts and self.attempts_of([self.broadcast.request_id(row)])
        return RowState.UNKNOWN if is_kept else None

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
            self._put(step)
        with self.store.transaction() as transaction:
            if not again:
                new = self.broadcast
                shard = (new.part, new.parts)
                refuse_repetition(
                    self.store, fingerprints=[new.fingerprint], account=new.account, shard=shard
                )
            update = "UPDATE broadcasts SET state = ? WHERE number = ?"
            transaction(update, (BroadcastState.OPEN, self.broadcast.number))
            self._make_ready(transaction)

    def _put(self, rows: Sequence[BroadcastRow]) -> None:
        """Put in new ones."""
        self.store.execute_many(PUT, [(self.broadcast.number, *row) for row in rows])

    def _make_ready(self, transaction: Transaction) -> None:
        """Within the transaction that ends the planning."""

    def hide(self, *, if_untouched: bool = False) -> bool:
        """Let nobody work on it from now on, since it is to be deleted; False, and nothing is done, where
        others work on it, and with ``if_untouched`` where somebody may have been called."""
        if not if_untouched:
            return True
        return self.state is BroadcastState.PLANNING or self.is_untouched

    def keep_options(self, options: Mapping[str, object]) -> None:
        """It is carried out with these from now on, by whoever works on it."""

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
        all in one commit. Writes nothing, and raises StoreBusy, where somebody who is to be called now was
        called too often meanwhile; and InUse, where a row is not what it was: should the lock have failed, no
        second process calls the same people."""
        self.store.require_in_place()
        number, changes, answers = self.broadcast.number, list(changes), list(answers)
        replaced = [(*row[2:], number, row.line, before.state, before.attempts) for before, row in changes]
        numbers: Sequence[int] = ()
        with self.store.transaction() as transaction:
            self._refuse_too_often(changes, answers)
            if replaced and transaction.execute_many(REPLACE, replaced) != len(replaced):
                raise InUse(
                    f"Another process has changed rows of broadcast {self.broadcast.id}.",
                    hint="Let only one process work on it, with VOICECLI_HOME on a local disk.",
                )
            if new_attempts:
                numbers = stored_attempts.insert(transaction, new_attempts)
            if seen is not None:
                transaction("UPDATE broadcasts SET seen = ? WHERE number = ?", (seen, number))
            first = stored_attempts.record_answers(self.store, transaction, answers)
            if first:  # what it reports was not found as this broadcast's
                earlier = "UPDATE broadcasts SET seen = ? WHERE number = ? AND seen > ?"
                transaction(earlier, (first - 1, number, first - 1))
        if self.calls_left is not None:
            self.calls_left -= calls_in(changes)
        return numbers

    def _refuse_too_often(
        self,
        changes: Iterable[tuple[BroadcastRow, BroadcastRow]],
        answers: Iterable[stored_attempts.Answer],
    ) -> None:
        """Within a transaction, before the attempts of these changes are written. Raises StoreBusy."""
        if self.at_most is None:
            return
        claimed = [row for before, row in changes if row.attempts > before.attempts]
        called = [row.destination for row in claimed if row.state is RowState.SENDING]
        not_placed = [number for number, state, _ in answers if state is None]
        if called and contacts.called_too_often(self.store, called, self.at_most, but=not_placed):
            raise StoreBusy("Somebody was called from elsewhere meanwhile.")

    def mark_interrupted_rows(self) -> None:
        """Rows that another process left while it was ``sending``: nobody knows whether those were called.
        That process has ended, since this one has the journal."""
        self._set_rows(RowState.UNKNOWN, "state = ?", RowState.SENDING, reason=INTERRUPTED)

    def plan_rows_again(self, state: RowState) -> None:
        """Rows in this state are to be called after all."""
        self._set_rows(RowState.PLANNED, "state = ?", state)

    def plan_left_out_again(self) -> None:
        """Rows that --at-most left out are to be called, if they may be by now; also another time, where
        their outcome asks for that."""
        left_out = f"state = ? AND {LEFT_OUT} = 'at-most'"
        self._set_rows(RowState.PLANNED, left_out, RowState.SKIPPED)
        self._set_rows(RowState.ACCEPTED, left_out, RowState.ACCEPTED)

    def plan_retries(
        self, outcomes: Collection[str], attempts: int, *, unless_pressed: Collection[str] | None = None
    ) -> None:
        """Those whose last attempt had such an outcome are to be called again, so often in all: not whoever
        pressed one of these, or anything where they are none."""
        among = f"outcome IN ({marks(outcomes)})"
        which = f"state = ? AND attempts < ? AND {among} AND reason IS NULL"  # which says why there is none
        if unless_pressed is not None:
            accepted = f" AND digits IN ({marks(unless_pressed)})" if unless_pressed else ""
            which += f" AND NOT (digits IS NOT NULL{accepted})"
        values = (RowState.ACCEPTED, attempts, *outcomes, *(unless_pressed or ()))
        self._set_rows(RowState.RETRY, which, *values)

    def _set_rows(self, state: RowState, which: str, *parameters: object, reason: str | None = None) -> None:
        with self.store.transaction() as transaction:
            transaction(
                f"UPDATE broadcast_rows SET {CHANGE} WHERE broadcast = ? AND {which}",
                (state, reason, self.broadcast.number, *parameters),
            )


def calls_in(changes: Iterable[tuple[BroadcastRow, BroadcastRow]]) -> int:
    """How many more calls are made by these changes (as rows were, as they are to be)."""
    return sum(row.attempts - before.attempts for before, row in changes)


CHANGE = "state = ?, reason = ?, left_out = NULL"
"""What is set in rows whose state changes without a call."""
REPLACE = (
    "UPDATE broadcast_rows SET state = ?, attempts = ?, changed = ?, session = ?, outcome = ?, digits = ?,"
    " seconds = ?, reason = ?, bridge = ?, left_out = ?"
    " WHERE broadcast = ? AND line = ? AND state = ? AND attempts = ?"
)
PUT = f"INSERT INTO broadcast_rows (broadcast, {ROW_COLUMNS}) VALUES (?{', ?' * 12})"
