"""Counts the rows of a broadcast by their states and outcomes."""

import time
from collections import Counter, deque

from voicecli.sessions.counts import Counts
from voicecli.sessions.key_names import KeyNames, result_of
from voicecli.store.broadcast_rows import RowCount, count_rows
from voicecli.store.broadcasts import Broadcast, BroadcastRow, LeftOut, RowState
from voicecli.store.engine import Store

RATE_OVER = 5.0  # seconds that the rate is measured over
COUNT_EVERY = 1.0  # seconds between two counts of all rows, where others change them
COUNT_SHARE = 30  # times as long as a count takes, beside that


class Progress:
    """``counts`` follows the rows that are counted; ``keys`` is what pressed keys mean."""

    def __init__(self, store: Store, broadcast: Broadcast, keys: KeyNames | None) -> None:
        self.counts = Counts(confirmed=0 if keys and keys.accepted else None)
        self.counts.results = Counter(dict.fromkeys(keys.names.values(), 0) if keys else ())
        self._keys = keys
        self._done: deque[tuple[float, int]] = deque()  # when (monotonic) so many had been called
        self._stored = store, broadcast
        self._have_others = False  # who have changed rows since all were counted
        self._count_at = 0.0  # monotonic
        self._count_all()

    def _count_all(self) -> None:
        for alike in count_rows(*self._stored):
            self.count(alike, alike.rows)

    def follow_others(self, *, are_there: bool, at_once: bool = False) -> None:
        """Count anew what others who work on it, too, have done: now and then, since many rows take long to
        count, and ``at_once`` if need be."""
        self._have_others = self._have_others or are_there
        started = time.monotonic()
        if not self._have_others or (started < self._count_at and not at_once):
            return
        self.counts.clear_rows()
        self._count_all()
        self._have_others = are_there
        self._count_at = started + COUNT_EVERY + COUNT_SHARE * (time.monotonic() - started)

    def changed(self, before: BroadcastRow, row: BroadcastRow) -> None:
        self.count(before, -1)
        self.count(row, 1)

    def count(self, row: BroadcastRow | RowCount, rows: int) -> None:
        """Add so many rows like this one."""
        counts = self.counts
        counts.total += rows
        is_too_often = row.left_out is LeftOut.AT_MOST
        match row.state:
            case RowState.SKIPPED:
                counts.skipped += rows
                counts.too_often += rows * is_too_often
                return  # why is no error
            case RowState.SENDING:
                counts.in_flight += rows
            case RowState.ACCEPTED:
                counts.accepted += rows
                if row.outcome is not None:
                    counts.outcome(row.outcome, rows)
                self._count_result(row.digits, rows)
            case RowState.RETRY:
                counts.retrying += rows
            case RowState.REFUSED:
                counts.refused += rows
            case RowState.UNKNOWN:
                counts.unknown += rows
        if (why := LeftOut.AT_MOST.words if is_too_often else row.reason) is not None:
            counts.error(why, rows)

    def _count_result(self, digits: str | None, rows: int) -> None:
        name = result_of(self._keys, digits)
        if self._keys is None or name is None:
            return
        self.counts.results[name] += rows
        if self.counts.confirmed is not None and digits in self._keys.accepted:
            self.counts.confirmed += rows

    def tick(self) -> None:
        """Measure the rate of the last seconds, and estimate the time that is left from it."""
        counts, moment = self.counts, time.monotonic()
        self._done.append((moment, counts.done + counts.retrying))
        while self._done[0][0] < moment - RATE_OVER and len(self._done) > 2:
            self._done.popleft()
        start, before = self._done[0]
        counts.rate = max(0, counts.done + counts.retrying - before) / max(0.001, moment - start)
        flows = counts.rate > 0 and counts.left and not counts.waiting
        counts.seconds_left = counts.left / counts.rate if flows else None
