"""The journal of a broadcast that several machines work on: PostgreSQL only.

Each worker has chunks of rows that are its own (``workers``). A write is one statement: it takes place only
while the worker has not been ended by others, and all of its rows are as they were; else nothing of it does.
After a broken connection nobody knows whether the last write took place: see ``reconnect``.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, cast

from voicecli.errors import InUse, InvalidInput, StoreBusy, StoreFailed, StoreUnreachable, VoicecliError
from voicecli.platforms.identity import user_at_host
from voicecli.store import attempts as stored_attempts, workers
from voicecli.store.broadcast_journal import CHANGE, PUT, Journal, calls_in, insert_broadcast
from voicecli.store.broadcast_rows import StoredBroadcast
from voicecli.store.broadcasts import Broadcast, BroadcastRow, BroadcastState, RowState, find
from voicecli.store.engine import Store, Transaction
from voicecli.store.own_chunks import OwnChunks
from voicecli.store.postgresql import PostgresqlStore
from voicecli.store.shared_write import TAKE, WriteStatement
from voicecli.store.workers import CHUNK, Worker

LOOK_EVERY = 1.0  # seconds between two looks at the others
DIVISION_BY_ZERO: Final = "22012"  # how a statement of ours says that something was not as it was


class SharedJournal(Journal):
    """``worker`` is this process's id among the workers; it ends with ``close``."""

    gathers_for = 0.02  # a commit takes the server and us as long as ten rows do

    def __init__(
        self, store: PostgresqlStore, broadcast: Broadcast, worker: int, *, resumes: bool = False
    ) -> None:
        StoredBroadcast.__init__(self, store, broadcast)
        self._db = store
        self._worker = worker
        self._epoch = 0
        self._sets_limit = resumes
        self._seen = self._seen_as_stored()
        self._chunks = OwnChunks(store, broadcast, self._take_chunk)
        self._looked = self._renewed = float("-inf")  # monotonic
        self._is_idle = False
        self._is_cut = False  # nobody knows whether the last statement took place
        self._accepted: list[str] = []  # sessions of the last write, whose summaries may have come meanwhile
        self._first_summary = 0  # the event from which on reports are to be read again; 0: none
        self.has_others = self.may_get_rows = True
        self._read_limit()

    # -- how one begins to work ----------------------------------------------------------------------

    @classmethod
    def create(cls, store: Store, described: tuple[object, ...]) -> "SharedJournal":
        """For ``create_journal``."""
        with store.transaction() as transaction:
            insert_broadcast(store, transaction, described)
            broadcast = find(store, str(described[0]), planning=True)
            most = broadcast.options.get("max_calls")
            transaction("INSERT INTO broadcast_limits VALUES (?, ?)", (broadcast.number, most))
            worker = workers.begin(store, transaction, broadcast.number)
        return cls(cast("PostgresqlStore", store), broadcast, worker)

    @classmethod
    def open(cls, store: Store, broadcast: Broadcast) -> "SharedJournal":
        """``open_journal``: the first who works on it again."""
        with store.transaction() as transaction:
            workers.end_dead_ones_within(store, transaction, broadcast.number)
            if others := workers.workers_on(store, broadcast.number):
                raise InUse(
                    f"Broadcast {broadcast.id} is being worked on by {workers.names(others)}: nothing was "
                    "sent from here.",
                    hint=f"voicecli broadcast join {broadcast.id} helps them; voicecli broadcast stop "
                    f"{broadcast.id} ends it. Who has failed is given up after {workers.LEASE:.0f} s.",
                )
            broadcast = find(store, broadcast.id)
            worker = workers.begin(store, transaction, broadcast.number)
        return cls(cast("PostgresqlStore", store), broadcast, worker, resumes=True)

    @classmethod
    def join(cls, store: Store, broadcast: Broadcast) -> "SharedJournal":
        """Work on it beside those who do. Raises InvalidInput where nobody is to."""
        with store.transaction() as transaction:
            workers.end_dead_ones_within(store, transaction, broadcast.number)
            broadcast = find(store, broadcast.id)
            cls.require_open(broadcast)
            worker = workers.begin(store, transaction, broadcast.number)
        return cls(cast("PostgresqlStore", store), broadcast, worker)

    @staticmethod
    def require_open(broadcast: Broadcast) -> None:
        """Raises InvalidInput where it is stopped or done."""
        if broadcast.state is not BroadcastState.OPEN:
            raise InvalidInput(
                f"Broadcast {broadcast.id} is {broadcast.state}: nothing was sent from here.",
                hint=f"voicecli broadcast resume {broadcast.id} goes on with it; then others can join.",
            )

    def limit_calls(self, most: int | None) -> None:
        """Only who resumes the broadcast may change it."""
        if self._sets_limit:
            with self.store.transaction() as transaction:
                set_limit = "UPDATE broadcast_limits SET calls_left = ? WHERE broadcast = ?"
                transaction(set_limit, (most, self.broadcast.number))
            self._sets_limit, self.calls_left = False, most

    def _read_limit(self) -> None:
        query = "SELECT calls_left FROM broadcast_limits WHERE broadcast = ?"
        [(self.calls_left,)] = self.store.rows(query, (self.broadcast.number,))

    def keep_options(self, options: Mapping[str, object]) -> None:
        """From now on it is carried out so, by all who join."""
        with self.store.transaction() as transaction:
            update = "UPDATE broadcasts SET options = ? WHERE number = ?"
            transaction(update, (json.dumps(dict(options)), self.broadcast.number))

    def _put(self, rows: Sequence[BroadcastRow]) -> None:
        with self.store.transaction(concurrent=True) as transaction:
            self._renew(transaction, is_planning=True)
            values = [(self.broadcast.number, *row) for row in rows]
            transaction.execute_many(PUT, values)

    def _make_ready(self, transaction: Transaction) -> None:
        self._renew(transaction, is_planning=True)
        workers.make_chunks(transaction, self.broadcast.number)

    # -- rows that are to be called ------------------------------------------------------------------

    def mark_interrupted_rows(self) -> None:
        """Done for each worker, as it is ended."""

    def _set_rows(self, state: RowState, which: str, *parameters: object, reason: str | None = None) -> None:
        """Of those that no worker has."""
        number = self.broadcast.number
        with self.store.transaction() as transaction:
            transaction(
                f"UPDATE broadcast_rows SET {CHANGE} WHERE broadcast = ? AND {which}"
                f" AND (line - 1) / {CHUNK} IN"
                " (SELECT chunk FROM broadcast_chunks WHERE broadcast = ? AND worker IS NULL)",
                (state, reason, number, *parameters, number),
            )
            workers.open_chunks(transaction, number)

    def rows_to_call(self) -> Callable[[], BroadcastRow | None]:
        return self._chunks.next_row

    def _take_chunk(self, first: int) -> int | None:
        """Reports of its rows may have been taken in up to an earlier event than those of our own."""
        number, worker = self.broadcast.number, self._worker
        values = (worker, self._epoch, number, first, worker, number, worker, number, number)
        [(chunk, seen, _)] = self._execute(TAKE.format(lock=self._db.shared_lock), values)
        if chunk is None:
            return None
        self._seen = min(self._seen, seen)
        return int(chunk)

    def owns(self, line: int) -> bool:
        return self._chunks.owns(line)

    # -- others --------------------------------------------------------------------------------------

    def attend(self, *, is_idle: bool) -> None:
        now = time.monotonic()
        if is_idle == self._is_idle and now < self._looked + (0.0 if is_idle else LOOK_EVERY):
            return
        self._read_again()
        if is_idle != self._is_idle or now >= self._renewed + workers.RENEW_EVERY:
            with self.store.transaction(concurrent=True) as transaction:
                self._renew(transaction, is_idle=is_idle)
            self._is_idle, self._renewed = is_idle, now
        others = self._others()
        self.has_others = bool(others)  # dead ones, too: what becomes of their rows is to be counted
        if not all(one.is_alive for one in others):
            workers.end_dead_ones(self.store, self.broadcast.number)
            others = [one for one in others if one.is_alive]
        has_free = self._has_free_chunk()
        if has_free:
            self._chunks.ask_again()
        self.may_get_rows = not is_idle or has_free or not all(one.is_idle for one in others)
        self._looked = now

    def _others(self) -> list[Worker]:
        found = workers.workers_on(self.store, self.broadcast.number)
        return [worker for worker in found if worker.id != self._worker]

    def _has_free_chunk(self) -> bool:
        free = "SELECT 1 FROM broadcast_chunks WHERE broadcast = ? AND worker IS NULL AND done = 0"
        return bool(self.store.read_number(f"SELECT EXISTS ({free})", (self.broadcast.number,)))

    def _renew(self, transaction: Transaction, *, is_idle: bool = False, is_planning: bool = False) -> None:
        """Who was ended by others before there was anything to do, since a list takes long to read, say,
        begins anew; not where they are deleting the broadcast."""
        update = "UPDATE workers SET lease_until = ?, idle = ?, seen = ? WHERE id = ? AND epoch = ?"
        values = (workers.end_of_lease(self.store), is_idle, self._seen, self._worker, self._epoch)
        if transaction(update, values).changed:
            return
        if self._chunks or self._epoch:
            raise self._ended()
        if is_planning or self.state is BroadcastState.PLANNING:
            raise InUse(
                f"This machine was silent for too long: others have deleted broadcast {self.broadcast.id}.",
                hint="Nobody was called from here: send the list again.",
            )
        self._worker = workers.begin(self.store, transaction, self.broadcast.number)

    def _ended(self) -> InUse:
        return InUse(
            f"This machine was silent for too long: others have taken over its part of broadcast "
            f"{self.broadcast.id}.",
            hint=f"voicecli broadcast join {self.broadcast.id} works on it again.",
        )

    def reconnect(self) -> None:
        """Connect anew. When this returns, every write of the old connection has taken place or never will.
        Raises StoreUnreachable, and InUse where others have ended this worker."""
        self._db.reconnect()
        self._epoch += 1  # also where the answer to this is lost
        update = "UPDATE workers SET epoch = ?, lease_until = ? WHERE id = ? AND epoch < ?"
        with self.store.transaction(concurrent=True) as transaction:
            values = (self._epoch, workers.end_of_lease(self.store), self._worker, self._epoch)
            if not transaction(update, values).changed:
                raise self._ended()
        self._is_cut = False
        self._read_limit()
        query = "SELECT chunk FROM broadcast_chunks WHERE broadcast = ? AND worker = ?"
        for (chunk,) in self.store.rows(query, (self.broadcast.number, self._worker)):
            self._chunks.add(chunk)  # one of which the answer to its taking was lost, too
        self._seen = min(self._seen, self._seen_as_stored())  # since that may have lowered it

    def hide(self, *, if_untouched: bool = False) -> bool:
        with self.store.transaction() as transaction:
            if self._others() or not super().hide(if_untouched=if_untouched):
                return False
            update = "UPDATE broadcasts SET state = ? WHERE number = ?"
            transaction(update, (BroadcastState.PLANNING, self.broadcast.number))
        return True

    def reserve(self) -> None:
        """The database's disk is not ours."""

    def release_reserve(self) -> None:
        pass

    def close(self) -> None:
        """End this worker; where the database can't be reached its lease runs out."""
        with suppress(StoreFailed):
            self._end()

    def _end(self) -> None:
        self._came_early(stored_attempts.first_summary_of(self.store, self._accepted))
        self._read_again()
        with self.store.transaction(concurrent=True) as transaction:
            update = "UPDATE workers SET seen = ? WHERE id = ? AND epoch = ?"
            if transaction(update, (self._seen, self._worker, self._epoch)).changed:
                workers.end(self.store, transaction, self.broadcast.number, self._worker, user_at_host())

    # -- writing -------------------------------------------------------------------------------------

    @property
    def seen(self) -> int:
        """The newest event whose reports were taken in for our own rows."""
        return self._seen

    def _seen_as_stored(self) -> int:
        """An earlier one, maybe: then events are read twice, should this process end."""
        return self.store.read_number("SELECT seen FROM workers WHERE id = ?", (self._worker,))

    def write(
        self,
        changes: Iterable[tuple[BroadcastRow, BroadcastRow]],
        *,
        seen: int | None = None,
        new_attempts: Sequence[tuple[object, ...]] = (),
        answers: Iterable[stored_attempts.Answer] = (),
    ) -> Sequence[int]:
        """As in Journal, all of it in one statement. Raises StoreBusy, too, where others have made the calls
        that were left."""
        changes, answers = list(changes), list(answers)
        seen = self._seen if seen is None else seen
        if not (changes or new_attempts or answers or self._accepted):
            self._seen = seen  # it is written with what comes next, or by ``attend``
            return ()
        calls = 0 if self.calls_left is None else calls_in(changes)
        accepted = [session for _, _, session in answers if session]
        statement = WriteStatement(self._db.shared_lock)
        statement.hold_worker(self._worker, self._epoch, seen)
        statement.change_rows(self.broadcast.number, changes)
        statement.add_attempts(new_attempts)
        statement.add_answers(answers)
        statement.count_calls(self.broadcast.number, calls)
        # Of those that came while the last write took place, too: it did not see them.
        try:
            text, values = statement.finished(self._accepted + accepted)
            is_checked = self.at_most is not None and new_attempts
            check = partial(self._refuse_too_often, changes, answers) if is_checked else None
            [(numbers, first, _)] = self._execute(text, values, check=check)
        except InUse:
            self._keep_answers(answers)
            raise
        self._accepted = accepted
        self._seen = seen
        if self.calls_left is not None:
            self.calls_left -= calls
        self._came_early(first)
        with suppress(StoreFailed):  # this write has taken place: that is tried again by ``attend``
            self._read_again()
        return numbers or ()

    def _keep_answers(self, answers: Sequence[stored_attempts.Answer]) -> None:
        """Others have taken over the rows, whose calls are unknown to them; but what is reported of these
        sessions will be found."""
        with suppress(StoreFailed), self.store.transaction(concurrent=True) as transaction:
            for statement, rows in stored_attempts.statements_for(answers):
                transaction.execute_many(statement, rows)

    def _came_early(self, first: int) -> None:
        """Summaries were quicker than the answers that tell whose they are: they are to be read again, from
        this event on, if there is any."""
        if first:
            self._first_summary = min(first, self._first_summary or first)

    def _read_again(self) -> None:
        if not (first := self._first_summary):
            return
        with self.store.transaction(concurrent=True) as transaction:
            stored_attempts.read_outcomes_again(transaction, first)
            earlier = "UPDATE workers SET seen = ? WHERE id = ? AND seen > ?"
            transaction(earlier, (first - 1, self._worker, first - 1))
        self._seen, self._first_summary = min(self._seen, first - 1), 0

    def _execute(
        self, statement: str, values: Sequence[object], *, check: Callable[[], None] | None = None
    ) -> list[tuple[Any, ...]]:
        """With a ``check`` of what others write, too, that is made before, and is still true when this takes
        place."""
        if self._is_cut:
            raise StoreUnreachable("The connection to the database broke.")
        try:
            if check is None:
                return self._db.execute_alone(statement, values).rows
            with self._db.transaction(concurrent=True) as transaction:
                # A statement sees what was there when it began: the lock has to be taken before.
                transaction(f"SELECT {self._db.contacts_lock}")
                check()
                return transaction(statement, values).rows
        except StoreUnreachable:
            self._is_cut = True
            raise
        except StoreFailed as error:
            if getattr(error.__cause__, "sqlstate", None) != DIVISION_BY_ZERO:
                raise
            raise self._why_not() from error

    def _why_not(self) -> VoicecliError:
        """Why a statement has found that something was not as it was, and did nothing."""
        query = "SELECT EXISTS (SELECT 1 FROM workers WHERE id = ? AND epoch = ?)"
        if not self.store.read_number(query, (self._worker, self._epoch)):
            return self._ended()
        before = self.calls_left
        self._read_limit()
        if self.calls_left != before:
            return StoreBusy("Others have made calls of those that --max-calls allows.")
        return InUse(f"Another process has changed rows of broadcast {self.broadcast.id}.")
