"""Claims the rows that are called in a round of the engine: each is looked at when it is its turn, and gets
its request once the pace allows it."""

import time
from collections.abc import Iterable

from voicecli.broadcast.contact_check import ContactCheck
from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.in_flight import InFlight, RequestSender
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.pending_writes import PendingWrites
from voicecli.broadcast.queue import Queue
from voicecli.broadcast.report_updates import ReportUpdates
from voicecli.clock import now
from voicecli.errors import InvalidInput, StoreFailed
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, LeftOut, RowState
from voicecli.voice_api.callflow import destinations

MAX_NOT_CALLED = 1_000  # rows that are looked at in one round and not called
_NEVER = float("inf")


class Claims:
    """Takes rows from the ``queue``; what becomes of them goes to the ``writes``. All methods raise
    StoreFailed."""

    def __init__(
        self,
        journal: Journal,
        sender: RequestSender,
        pace: Pace,
        eligibility: Eligibility,
        contacts: ContactCheck,
        writes: PendingWrites,
        queue: Queue,
        reports: ReportUpdates,
    ) -> None:
        self.not_before = 0.0
        """When 8x8 may be tried again that can't be reached; seconds of the monotonic clock."""
        self.rate_limited_after: dict[int, int] = {}
        """By line, of rows that were answered 429: the newest event before the first of these requests."""
        self.all_rows_read = False
        """Whether all rows of the journal were looked at."""
        self.calls_are_used_up = False
        """Whether somebody is not called since as many were called as may be."""
        self._journal = journal
        self._sender = sender
        self._pace = pace
        self._eligibility = eligibility
        self._contacts = contacts
        self._writes = writes
        self._queue = queue
        self._reports = reports
        self._next_row: BroadcastRow | None = None  # that is called once the pace allows it

    @property
    def nobody_is_left(self) -> bool:
        """Whether nobody is left to be claimed, now or later."""
        return self.all_rows_read and self._next_row is None and not self._queue.waiting

    def claim(self, leaving: list[InFlight], room: int) -> float:
        """Append the requests that leave in this round, at most so many; gives when it is worth claiming
        others, but for those that become due (monotonic)."""
        for _ in range(MAX_NOT_CALLED):
            if len(leaving) >= room:
                return _NEVER
            row, self._next_row = self._next_row or self._queue.next(now()), None
            if row is None:
                self.all_rows_read = True
                return _NEVER
            try:
                pause = self._claim_row(row, leaving)
            except StoreFailed:
                self._queue.put_first(row)
                raise
            if pause:
                return time.monotonic() + pause
        return 0.0

    def give_back(self, leaving: Iterable[InFlight]) -> None:
        """These do not leave after all: their rows are the next ones."""
        for flight in leaving:
            self._queue.put_first(self._writes.undo(flight))
        self._contacts.suspect(flight.row.destination for flight in leaving)

    def _claim_row(self, row: BroadcastRow, leaving: list[InFlight]) -> float:
        """Append its request, unless it is not called now or at all; 0.0, or the seconds in which nobody can
        be called."""
        if row.attempts and self._writes.row(row.line) != row:
            return 0.0  # a report has come since it was read, or it is there twice
        if self._is_not_called_now(row):
            return 0.0
        if (left := self._writes.calls_left) is not None and left <= 0:
            self.calls_are_used_up = True
            return _NEVER
        pause = self.not_before - time.monotonic()
        if pause > 0 or (pause := self._pace.take() or 0.0) > 0:
            self._next_row = row
            return pause
        if (flight := self._make_request(row)) is not None:
            leaving.append(flight)
        return 0.0

    def _is_not_called_now(self, row: BroadcastRow) -> bool:
        """Whether a row is not called at all, or is put off."""
        if self._is_skipped(row, [row.destination]):
            return True
        if reason := self._contacts.reason_to_skip(row, but=self._writes.not_placed):
            self._skip(row, reason, LeftOut.AT_MOST)
            return True
        if (zones := self._eligibility.hours.quiet_zones(row.destination)) is not None:
            self._queue.hold(row, zones)
            return True
        if (until := self._reports.vca_due_until(row.line)) is not None:
            self._queue.put_off(row, round(until * 1e6))
            return True
        return False

    def _is_skipped(self, row: BroadcastRow, numbers: list[str]) -> bool:
        """Whether one of the numbers (E.164) that its call would call is not to be called; the reason is
        written into the row."""
        kind = self._eligibility.reason_to_skip(numbers)
        if kind is None:
            return False
        self._skip(row, kind.words, kind)
        return True

    def _skip(self, row: BroadcastRow, reason: str, left_out: LeftOut) -> None:
        """What is known of an earlier attempt stays true."""
        state = self._journal.state_of_last_attempt(row) or RowState.SKIPPED
        self._writes.update(row, row._replace(state=state, reason=reason, left_out=left_out))

    def _make_request(self, row: BroadcastRow) -> InFlight | None:
        """Make the row ``sending``, and its request; None where it is not called."""
        try:
            flight = self._sender.prepare(row)
        except InvalidInput as error:
            self._writes.update(row, row._replace(state=RowState.REFUSED, reason=error.message))
            return None
        after = self.rate_limited_after.get(row.line)
        if after is not None and self._reports.was_carried_out(flight, after):
            return None
        flight.after = self._journal.seen
        bridged = [f"+{number.lstrip('+')}" for number in destinations(flight.request.callflow)[1:]]
        if bridged and self._is_skipped(row, bridged):
            return None
        flight.row = self._writes.update(row, flight.row)
        return flight
