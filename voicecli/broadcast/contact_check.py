"""Whom a broadcast leaves out for now since they were called so often (``--at-most``).

Rows are looked at some time before it is their turn, many at once. Whoever may have been called too often by
then is looked up once more when it is; all others are by the write that claims them (``Journal.write``), so
that nobody is called too often and only few are looked up one by one.
"""

from collections import deque
from collections.abc import Collection, Iterable

from voicecli.at_most import AtMost
from voicecli.broadcast.queue import NextRow
from voicecli.store import contacts
from voicecli.store.attempt_outcomes import update_outcomes
from voicecli.store.broadcasts import BroadcastRow
from voicecli.store.engine import Store
from voicecli.store.read_positions import last_event_number

LOOK_AHEAD = 64  # rows


class ContactCheck:
    """By what is in the store; ``at_most`` is None where people may be called any number of times. All
    methods raise StoreFailed."""

    def __init__(self, store: Store, at_most: AtMost | None) -> None:
        self._store = store
        self._at_most = at_most
        self._suspects: set[str] = set()
        self._seen = -1  # the newest event whose outcomes are known
        if at_most is not None:
            contacts.prepare(store)

    def suspect(self, numbers: Iterable[str]) -> None:
        """They may have been called from elsewhere meanwhile."""
        if self._at_most is not None:
            self._suspects.update(numbers)

    def looking_ahead(self, next_row: NextRow) -> NextRow:
        """The same rows in the same order, looked at before they are given."""
        if (at_most := self._at_most) is None:
            return next_row
        ahead: deque[BroadcastRow] = deque()  # those that were looked at come first
        looked_at = 0

        def next_one() -> BroadcastRow | None:
            nonlocal looked_at
            if not looked_at:
                while len(ahead) < LOOK_AHEAD and (row := next_row()) is not None:
                    ahead.append(row)
                numbers = [row.destination for row in ahead]
                self._suspects.update(contacts.called_too_often(self._store, numbers, at_most))
                looked_at = len(ahead)
            if not ahead:
                return None
            looked_at -= 1
            return ahead.popleft()

        return next_one

    def reason_to_skip(self, row: BroadcastRow, *, but: Collection[int]) -> str | None:
        """Why it is not called now, if so; attempts of ``but`` (their ids) certainly were not carried out."""
        if self._at_most is None or not (row.attempts or row.destination in self._suspects):
            return None
        if (newest := last_event_number(self._store)) != self._seen:
            update_outcomes(self._store)  # also of the row's own attempts
            self._seen = newest
        found = contacts.called_too_often(self._store, [row.destination], self._at_most, but=but)
        self._suspects.discard(row.destination)
        return found[row.destination].reason(self._at_most) if found else None
