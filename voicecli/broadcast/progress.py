"""How a broadcast stands, counted from its rows."""

import time
from collections import deque
from collections.abc import Collection

from voicecli.sessions.counts import Tally
from voicecli.store.broadcasts import Broadcast, Row, RowState
from voicecli.store.journal import Count, counts
from voicecli.store.sqlite import Store

RATE_OVER = 5.0  # seconds that the rate is measured over


class Progress:
    """``tally`` follows the rows that are counted; ``confirming`` are the digits that confirm."""

    def __init__(self, store: Store, broadcast: Broadcast, confirming: Collection[str]) -> None:
        self.tally = Tally(confirmed=0 if confirming else None)
        self._confirming = confirming
        self._done: deque[tuple[float, int]] = deque()  # when (monotonic) so many had been called
        for alike in counts(store, broadcast):
            self.count(alike, alike.rows)

    def changed(self, before: Row, row: Row) -> None:
        self.count(before, -1)
        self.count(row, 1)

    def count(self, row: Row | Count, rows: int) -> None:
        """Add so many rows like this one."""
        tally = self.tally
        tally.total += rows
        match row.state:
            case RowState.SKIPPED:
                tally.skipped += rows
                return  # why is no error
            case RowState.SENDING:
                tally.in_flight += rows
            case RowState.ACCEPTED:
                tally.accepted += rows
                if row.outcome is not None:
                    tally.outcome(row.outcome, rows)
                if tally.confirmed is not None and row.digits in self._confirming:
                    tally.confirmed += rows
            case RowState.RETRY:
                tally.retrying += rows
            case RowState.REFUSED:
                tally.refused += rows
            case RowState.UNKNOWN:
                tally.unknown += rows
        if row.reason is not None:
            tally.error(row.reason, rows)

    def tick(self) -> None:
        """Measure the rate of late, and what it says of the time that is left."""
        tally, moment = self.tally, time.monotonic()
        self._done.append((moment, tally.done + tally.retrying))
        while self._done[0][0] < moment - RATE_OVER and len(self._done) > 2:
            self._done.popleft()
        start, before = self._done[0]
        tally.rate = max(0, tally.done + tally.retrying - before) / max(0.001, moment - start)
        flows = tally.rate > 0 and tally.left and not tally.waiting
        tally.seconds_left = tally.left / tally.rate if flows else None
