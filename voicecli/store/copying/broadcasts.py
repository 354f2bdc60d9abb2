"""Copies broadcasts, one after the other, each with its rows."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from voicecli.errors import StoreFailed, VoicecliError
from voicecli.store import broadcasts, sealing, workers
from voicecli.store.broadcast_journal import INTERRUPTED
from voicecli.store.broadcasts import BroadcastState, RowState
from voicecli.store.copying.kinds import Copied, Copying, Kind, Row, as_kept
from voicecli.store.engine import Store, Transaction

BROADCASTS = Kind(
    "broadcasts",
    "broadcasts",
    ("id",),
    (
        *("created", "base_url", "subaccount", "file", "fingerprint", "part", "parts", "options"),
        *("state", "sealed"),
    ),
    "number",
    later=("state", "sealed"),
)
_CHANGES = (
    *("state", "attempts", "changed", "session", "outcome", "digits", "seconds", "reason", "bridge"),
    "left_out",
)
ROWS = Kind(
    "broadcast rows",
    "broadcast_rows",
    ("broadcast", "line"),
    ("destination", *_CHANGES),
    "line",
    later=_CHANGES,
)


class CopyingBroadcasts:
    """Copies all broadcasts. ``numbers`` are those that they have there, by those of the source."""

    def __init__(self, source: Store, target: Store, notify: Callable[[Copied], None]) -> None:
        self._source, self._target, self._notify = source, target, notify
        self._copied: list[Copying] = []
        self.numbers: dict[int, int] = {}

    def copy(self) -> list[Copied]:
        """Raises StoreFailed, and InUse where somebody works there on one that was copied before."""
        done, rows_done = Copied(BROADCASTS.name), Copied(ROWS.name)
        for theirs, row in _broadcasts(self._source):
            broadcast = CopyingBroadcast(row, self._source, self._target)
            with self._target.transaction() as transaction:
                done = done.plus(broadcast.copy_page(transaction, [row]))
                [(number, state)] = self._target.rows(
                    "SELECT number, state FROM broadcasts WHERE id = ?", row[:1]
                )
                worker = self._begin(transaction, row[0], number)
            self.numbers[theirs] = number
            rows = CopyingRows(theirs, number, worker, self._source, self._target)
            self._copied += [broadcast, rows]
            with _ending(self._target, worker):
                self._notify(done)
                before, copied = rows_done, Copied(ROWS.name)
                for copied in rows.copy():
                    rows_done = before.plus(copied)
                    self._notify(rows_done)
                if state == BroadcastState.PLANNING or copied.updated:
                    self._publish(number, row)
        return [done, rows_done]

    def compare(self) -> dict[str, int]:
        """How many differ, by the name of the kind. Raises StoreFailed."""
        different = Counter[str]()
        for copying in self._copied:
            different[copying.kind.name] += copying.compare()
        return different

    def _begin(self, transaction: Transaction, broadcast_id: str, number: int) -> int:
        """Keep others from working on it: the id of the worker that we are."""
        workers.end_dead_ones_within(self._target, transaction, number)
        if others := workers.workers_on(self._target, number):
            raise broadcasts.in_use(broadcast_id, workers.names(others))
        return workers.begin(self._target, transaction, number)

    def _publish(self, number: int, row: Row) -> None:
        """Let it be seen, as it is in the source. What was reported since it was begun is read once more: its
        events have other numbers there, and some may have come there before."""
        newest = "(SELECT coalesce(max(id), 0) FROM events)"
        before = f"SELECT coalesce(min(id) - 1, {newest}) FROM events WHERE received >= ?"
        seen = self._target.read_number(before, (BROADCASTS.value(row, "created"),))
        update = "UPDATE broadcasts SET state = ?, sealed = ?, seen = ? WHERE number = ?"
        with self._target.transaction() as transaction:
            workers.make_chunks(transaction, number)
            transaction(update, (BROADCASTS.value(row, "state"), _sealed(self._target, row), seen, number))


@contextmanager
def _ending(target: Store, worker: int) -> Iterator[None]:
    """At the end others may work on it."""
    try:
        yield
    finally:
        with suppress(StoreFailed):  # then its lease runs out
            target.execute_many("DELETE FROM workers WHERE id = ?", [(worker,)])


class CopyingBroadcast(Copying):
    """Its rows are still to be planned; what it says is sealed with the other store's key."""

    def __init__(self, row: Row, source: Store, target: Store) -> None:
        super().__init__(BROADCASTS, source, target)
        self._row = row

    def rows(self) -> Iterator[Row]:
        yield self._row

    def insert(self, transaction: Transaction, rows: Sequence[Row]) -> None:
        columns = f"{', '.join(self.kind.columns)}, seen"
        insert = f"INSERT INTO broadcasts ({columns}) VALUES ({', '.join('?' * columns.count(','))}, ?)"
        planning = [(*row[:-2], BroadcastState.PLANNING, _sealed(self.target, row), 0) for row in rows]
        transaction.execute_many(insert, planning)

    def as_read(self, row: Row) -> Row:
        return _unsealed(self.target, row)


class CopyingRows(Copying):
    """A row that the store which is copied knows more of is changed: so nobody is called from the other one
    who was called since."""

    def __init__(self, theirs: int, number: int, worker: int, source: Store, target: Store) -> None:
        """``theirs`` is the number of the broadcast in the source, ``number`` that in the target, where
        ``worker`` is who works on it."""
        super().__init__(ROWS, source, target)
        self._theirs, self._number, self._worker = theirs, number, worker

    def copy_page(self, transaction: Transaction, page: Sequence[Row]) -> Copied:
        renew = "UPDATE workers SET lease_until = ? WHERE id = ?"
        if not transaction(renew, (workers.end_of_lease(self.target), self._worker)).changed:
            raise StoreFailed(
                "This copy stood still for too long, and others went on.", hint="Copy once more."
            )
        return super().copy_page(transaction, page)

    def rows(self) -> Iterator[Row]:
        """What was being sent when it was interrupted is unknown."""
        columns = self.kind.columns[1:]
        query = f"SELECT {', '.join(columns)} FROM broadcast_rows WHERE broadcast = ? ORDER BY line"
        state, reason = columns.index("state"), columns.index("reason")
        for row in self.source.rows(query, (self._theirs,)):
            values = list(row)
            if values[state] == RowState.SENDING:
                values[state], values[reason] = RowState.UNKNOWN, INTERRUPTED
            yield as_kept((self._number, *values))

    def update(self, transaction: Transaction, ours: Row, theirs: Row) -> bool:
        progress = [
            tuple(self.kind.value(row, name) for name in ("attempts", "changed")) for row in (ours, theirs)
        ]
        if progress[0] <= progress[1]:
            return False
        columns = ", ".join(f"{name} = ?" for name in _CHANGES)
        update = f"UPDATE broadcast_rows SET {columns} WHERE broadcast = ? AND line = ? AND attempts = ?"
        values = [self.kind.value(ours, name) for name in _CHANGES]
        which = (*self.kind.key_of(ours), self.kind.value(theirs, "attempts"))
        return transaction(update, (*values, *which)).changed == 1


def _broadcasts(source: Store) -> list[tuple[int, Row]]:
    """Those whose rows were planned, with their numbers. What they say is readable; it is empty where it
    can't be unsealed. One that is not done is stopped: nobody goes on with it unless a person says so."""
    columns = ", ".join(BROADCASTS.columns)
    query = f"SELECT number, {columns} FROM broadcasts WHERE state != ? ORDER BY number"
    found = []
    for number, *row in source.rows(query, (BroadcastState.PLANNING,)):
        if row[-2] == BroadcastState.OPEN:
            row[-2] = BroadcastState.STOPPED
        found.append((number, as_kept(_unsealed(source, tuple(row)))))
    return found


def _sealed(store: Store, row: Row) -> bytes:
    content: bytes = BROADCASTS.value(row, "sealed")
    return content and sealing.seal(store, content, row[0].encode())


def _unsealed(store: Store, row: Row) -> Row:
    content = row[-1]
    with suppress(VoicecliError):
        return (*row[:-1], content and sealing.unseal(store, content, row[0].encode()))
    return (*row[:-1], b"")
