"""The rows that are to be called, in the order of the list, but for those that have to wait."""

import heapq
from array import array
from collections import deque
from collections.abc import Callable

from voicecli.broadcast.callee_hours import Zones
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, RowState

NextRow = Callable[[], BroadcastRow | None]
_TO_CALL = (RowState.PLANNED, RowState.RETRY)


class Queue:
    """The rows of a journal that are to be called; each is given once, unless it is put back. ``every`` is
    the time between two attempts, in microseconds; ``current`` gives the row of a line as it is now, and
    ``looking_ahead`` rows that are looked at some time before it is their turn."""

    def __init__(
        self,
        journal: Journal,
        every: int,
        current: Callable[[int], BroadcastRow | None],
        *,
        looking_ahead: Callable[[NextRow], NextRow] = lambda next_row: next_row,
    ) -> None:
        self._every = every
        self._current = current
        self._next_listed = looking_ahead(journal.rows_to_call())
        self._put_back: deque[BroadcastRow] = deque()
        self._released: deque[int] = deque()  # lines, as all below
        self._due: list[tuple[int, int]] = []  # when (microseconds since 1970), and the line
        self._held: dict[Zones, array[int]] = {}

    def next(self, now: int) -> BroadcastRow | None:
        """The row to be called next, at this moment (microseconds since 1970); None while there is none."""
        if self._put_back:
            return self._put_back.popleft()
        while True:
            while self._released or (self._due and self._due[0][0] <= now):
                # It stays in here until it is known what becomes of it: the store may be away.
                row = self._if_due(self._released[0] if self._released else self._due[0][1], now)
                if self._released:
                    self._released.popleft()
                else:
                    heapq.heappop(self._due)
                if row is not None:
                    return row
            if (read := self._next_listed()) is None or read.attempts == 0:
                return read
            self._released.append(read.line)

    def _if_due(self, line: int, now: int) -> BroadcastRow | None:
        """The row, if it is to be called by now: a report may have settled it, it may be in here twice, and
        the clock may have been set. One whose time has not come waits for it."""
        row = self._current(line)
        if row is None or row.state not in _TO_CALL:
            return None
        if row.state is RowState.RETRY and row.changed + self._every > now:
            self.retry(row)
            return None
        return row

    def put_first(self, row: BroadcastRow) -> None:
        """It was not called after all: it is the next one."""
        self._put_back.append(row)

    def put_off(self, row: BroadcastRow, until: int) -> None:
        """Not before that moment (microseconds since 1970)."""
        heapq.heappush(self._due, (until, row.line))

    def retry(self, row: BroadcastRow) -> None:
        """When it is time for another attempt."""
        self.put_off(row, row.changed + self._every)

    def hold(self, row: BroadcastRow, zones: Zones) -> None:
        """Until the quiet hours in its time zones are over."""
        self._held.setdefault(zones, array("Q")).append(row.line)

    def release(self, is_open: Callable[[Zones], bool]) -> None:
        """Give those next whose quiet hours are over."""
        for zones in [zones for zones in self._held if is_open(zones)]:
            self._released.extend(self._held.pop(zones))

    @property
    def held_zones(self) -> list[Zones]:
        """The time zones of the rows that are held."""
        return list(self._held)

    @property
    def waiting(self) -> bool:
        """Whether there are rows that wait for something."""
        return bool(self._put_back or self._released or self._due or self._held)
