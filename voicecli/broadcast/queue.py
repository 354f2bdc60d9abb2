"""Who is to be called next: in the order of the list, but for those who have to wait."""

import heapq
from array import array
from collections import deque
from collections.abc import Callable

from voicecli.broadcast.eligibility import Zones
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.journal import Journal

_TO_CALL = (RowState.PLANNED, RowState.RETRY)


class Queue:
    """The rows of a journal that are to be called. One that was given out is not given out again unless it is
    handed back. ``every`` is the time from one attempt to the next, in microseconds; ``current`` gives the
    row of a line as it is by now."""

    def __init__(self, journal: Journal, every: int, current: Callable[[int], BroadcastRow | None]) -> None:
        self._every = every
        self._current = current
        self._in_order = journal.rows(*_TO_CALL)
        self._back: deque[BroadcastRow] = deque()
        self._again: deque[int] = deque()  # lines, as all below
        self._due: list[tuple[int, int]] = []  # when (microseconds since 1970), and the line
        self._asleep: dict[Zones, array[int]] = {}

    def next(self, now: int) -> BroadcastRow | None:
        """Somebody who is to be called, at this moment (microseconds since 1970); None for nobody, as yet."""
        if self._back:
            return self._back.popleft()
        while self._again or (self._due and self._due[0][0] <= now):
            line = self._again.popleft() if self._again else heapq.heappop(self._due)[1]
            if (row := self._if_due(line, now)) is not None:
                return row
        for read in self._in_order:
            if read.attempts == 0:
                return read
            if (row := self._if_due(read.line, now)) is not None:
                return row
        return None

    def _if_due(self, line: int, now: int) -> BroadcastRow | None:
        """The row, if it is to be called by now: a report may have settled it, it may be in here twice, and
        somebody may have set the clock. One whose time has not come waits for it."""
        row = self._current(line)
        if row is None or row.state not in _TO_CALL:
            return None
        if row.state is RowState.RETRY and row.changed + self._every > now:
            self.retry(row)
            return None
        return row

    def put_back(self, row: BroadcastRow) -> None:
        """It was not called after all: it is next."""
        self._back.append(row)

    def put_off(self, row: BroadcastRow, until: int) -> None:
        """It is to be called from that moment on (microseconds since 1970)."""
        heapq.heappush(self._due, (until, row.line))

    def retry(self, row: BroadcastRow) -> None:
        """It is to be called again, when it is time for another attempt."""
        self.put_off(row, row.changed + self._every)

    def let_sleep(self, row: BroadcastRow, zones: Zones) -> None:
        """It is to be called when that is allowed in its time zones."""
        self._asleep.setdefault(zones, array("Q")).append(row.line)

    def wake(self, is_allowed: Callable[[Zones], bool]) -> None:
        """Those whose time has come are next."""
        for zones in [zones for zones in self._asleep if is_allowed(zones)]:
            self._again.extend(self._asleep.pop(zones))

    @property
    def asleep(self) -> list[Zones]:
        """The time zones of those who are not to be called now."""
        return list(self._asleep)

    @property
    def waiting(self) -> bool:
        """Whether there are some whose time has not come."""
        return bool(self._back or self._again or self._due or self._asleep)
