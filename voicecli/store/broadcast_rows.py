"""What the store has of broadcasts and their rows, and counts of it. Every function raises StoreFailed."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from voicecli.store.broadcasts import (
    Broadcast,
    BroadcastRow,
    BroadcastState,
    LeftOut,
    RowState,
    set_state,
)
from voicecli.store.engine import Store, marks
from voicecli.store.paging import Place, read_pages

_COLUMNS = "line, destination, state, attempts, changed, session, outcome, digits, seconds, reason, bridge"
COLUMNS = f"{_COLUMNS}, left_out"
LEFT_OUT = (
    "CASE WHEN reason IS NULL THEN NULL WHEN left_out IS NOT NULL THEN left_out"
    " WHEN reason = 'it has unsubscribed' THEN 'unsubscribed'"
    " WHEN reason = 'it is on the do-not-call list' THEN 'do-not-call'"
    " WHEN reason LIKE 'called on ____-__-__ at __:__; at most %'"
    " OR reason LIKE 'perhaps called on ____-__-__ at __:__; at most %' THEN 'at-most' END"
)
"""The value of ``LeftOut``. Versions before the column tell it by these reasons alone, and may work on the
same rows."""


class StoredBroadcast:
    """What the store has of one broadcast. Every method raises StoreFailed."""

    def __init__(self, store: Store, broadcast: Broadcast) -> None:
        self.store = store
        self.broadcast = broadcast

    def row(self, line: int) -> BroadcastRow | None:
        """As it stands."""
        return next(select_rows(self.store, self.broadcast, "line = ?", (line,)), None)

    def rows(self, *states: RowState) -> Iterator[BroadcastRow]:
        """All rows in these states, in the order of the list. They may change meanwhile."""
        return read_rows(self.store, self.broadcast, *states)

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
        left = f"state NOT IN ('accepted', 'skipped') OR (state = 'skipped' AND {LEFT_OUT} = 'at-most')"
        return not self._has(left)

    def _has(self, which: str) -> bool:
        query = f"SELECT EXISTS (SELECT 1 FROM broadcast_rows WHERE broadcast = ? AND ({which}))"
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
    which = f"line > ? AND state IN ({marks(states)}) ORDER BY line LIMIT ?"

    def read(last: Place, limit: int) -> Iterator[BroadcastRow]:
        return select_rows(store, broadcast, which, (*last, *states, limit))

    return read_pages(store, read, (0,), lambda row: (row.line,))


class RowCount(NamedTuple):
    """So many rows have this in common."""

    state: RowState
    outcome: str | None
    digits: str | None
    reason: str | None
    left_out: LeftOut | None
    rows: int


def count_rows(store: Store, broadcast: Broadcast) -> list[RowCount]:
    """How many rows are alike. Codes that people typed make no difference, nor the words why a row was
    skipped or left out."""
    alike = (
        "state, outcome, CASE WHEN length(digits) = 1 THEN digits END AS pressed,"
        f" CASE WHEN state != 'skipped' AND {LEFT_OUT} IS NULL THEN reason END AS why, {LEFT_OUT} AS kind"
    )
    query = (
        f"SELECT {alike}, count(*) FROM broadcast_rows WHERE broadcast = ?"
        " GROUP BY state, outcome, pressed, why, kind"
    )

    def count(state: str, outcome: Any, digits: Any, why: Any, left_out: Any, rows: int) -> RowCount:
        return RowCount(RowState(state), outcome, digits, why, _left_out(left_out), rows)

    return list(store.read(count, query, (broadcast.number,)))


def count_bridges(store: Store, broadcast: Broadcast) -> dict[str, int]:
    """What became of second legs, and how often."""
    which = "WHERE broadcast = ? AND bridge IS NOT NULL GROUP BY bridge ORDER BY count(*) DESC, bridge"
    return dict(store.rows(f"SELECT bridge, count(*) FROM broadcast_rows {which}", (broadcast.number,)))


class RowGroup(NamedTuple):
    """Rows that differ at most in their line, number, session and times: one of them, how many they are, and
    whether their people have unsubscribed."""

    row: BroadcastRow
    rows: int
    unsubscribed: bool


def group_rows(store: Store, broadcast: Broadcast) -> Iterator[RowGroup]:
    """All rows, in groups of those that are alike."""
    alike = "state, outcome, digits, reason, attempts"
    query = (
        f"SELECT {alike}, {LEFT_OUT} AS kind,"
        " destination IN (SELECT destination FROM unsubscribed) AS refuses, count(*)"
        f" FROM broadcast_rows WHERE broadcast = ? GROUP BY {alike}, kind, refuses"
    )
    for state, outcome, digits, reason, attempts, kind, refuses, rows in store.rows(
        query, (broadcast.number,)
    ):
        row = BroadcastRow(0, "", RowState(state), attempts, outcome=outcome, digits=digits, reason=reason)
        yield RowGroup(row._replace(left_out=_left_out(kind)), rows, bool(refuses))


def rows_with_outcome(store: Store, broadcast: Broadcast, *outcomes: str) -> Iterator[BroadcastRow]:
    """The rows whose calls ended so, in the order of the list."""
    which = f"line > ? AND outcome IN ({marks(outcomes)}) ORDER BY line LIMIT ?"

    def read(last: Place, limit: int) -> Iterator[BroadcastRow]:
        return select_rows(store, broadcast, which, (*last, *outcomes, limit))

    return read_pages(store, read, (0,), lambda row: (row.line,))


def time_of_calls(store: Store, broadcast: Broadcast) -> tuple[int, int]:
    """When the first and the last call left that are kept (microseconds since 1970); 0 for none."""
    query = f"SELECT coalesce(min(placed), 0), coalesce(max(placed), 0) FROM calls WHERE {_OWN_CALLS}"
    [[first, last]] = store.rows(query, (broadcast.created, broadcast.number))
    return first, last


def calls_by_time(store: Store, broadcast: Broadcast, start: int, length: int) -> dict[int, int]:
    """How many calls left in each time of this length (microseconds), from that moment on, the first of them
    being 0."""
    query = f"SELECT (placed - ?) / ? AS slot, count(*) FROM calls WHERE {_OWN_CALLS} GROUP BY slot"
    return dict(store.rows(query, (start, length, broadcast.created, broadcast.number)))


_OWN_CALLS = "placed >= ? AND broadcast = ?"  # the index by time finds them


def select_rows(
    store: Store, broadcast: Broadcast, which: str, parameters: Sequence[object]
) -> Iterator[BroadcastRow]:
    """Those of a broadcast that a condition of ours chooses."""
    query = f"SELECT {_COLUMNS}, {LEFT_OUT} FROM broadcast_rows WHERE broadcast = ? AND {which}"
    return store.read(_row, query, (broadcast.number, *parameters))


def _row(*columns: Any) -> BroadcastRow:
    row = BroadcastRow(*columns)
    return row._replace(state=RowState(row.state), left_out=_left_out(row.left_out))


def _left_out(kind: str | None) -> LeftOut | None:
    return None if kind is None else LeftOut(kind)
