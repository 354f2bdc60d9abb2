"""Updates the rows of a running broadcast by what 8x8 reports of their calls."""

import time
from itertools import islice

from voicecli.broadcast.in_flight import InFlight
from voicecli.broadcast.outcomes import AT_ONCE, Report, after_report, read_report, reports
from voicecli.broadcast.pending_writes import PendingWrites
from voicecli.broadcast.policy import Policy
from voicecli.broadcast.queue import Queue
from voicecli.broadcast.report_recording import record_reports_of_free_rows
from voicecli.sessions.attempt import AttemptState
from voicecli.store import event_queries as stored_events
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.read_positions import last_event_number

FREE_ROWS_EVERY = 1.0  # seconds


class ReportUpdates:
    """Takes in the reports that are in the store; rows that are to be called again go to the queue. ``lost``
    has the lines whose answers were lost, as long as nothing was reported of them."""

    def __init__(self, journal: Journal, writes: PendingWrites, queue: Queue, policy: Policy) -> None:
        self.lost: set[int] = set()
        self._journal = journal
        self._writes = writes
        self._queue = queue
        self._policy = policy
        self._free_rows_at = 0.0  # monotonic
        self._vca_due: dict[int, float] = {}  # by line: until when a VCA may come (seconds since 1970)

    def take_new(self) -> bool:
        """Take in the reports since the last time, and write that; whether there were events. Raises
        StoreFailed."""
        seen, newest = self._journal.seen, last_event_number(self._journal.store)
        if newest <= seen:
            return False
        found = reports(self._journal, seen, newest, self._policy, of=self._journal.owns)
        while some := list(islice(found, AT_ONCE)):
            rows = self._journal.rows_at(sorted({report.line for report in some}))
            for report in some:
                self._take(report, rows.get(report.line))
        self._writes.write(newest)
        return True

    def take_those_of_free_rows(self) -> None:
        """Those of rows that no worker has, now and then. Raises StoreFailed."""
        journal = self._journal
        if journal.store.is_shared and time.monotonic() >= self._free_rows_at:
            record_reports_of_free_rows(journal.store, journal.broadcast, self._policy)
            self._free_rows_at = time.monotonic() + FREE_ROWS_EVERY

    @property
    def are_due(self) -> bool:
        """Whether reports may come of calls whose outcome is known, or whose answer was lost."""
        return bool(self.lost) or any(until > time.time() for until in self._vca_due.values())

    def vca_due_until(self, line: int) -> float | None:
        """Until when (seconds since 1970) the VCA of a call is waited for whose summary has come."""
        until = self._vca_due.get(line, 0.0)
        return until if until > time.time() else None

    def _take(self, report: Report, stored: BroadcastRow | None) -> None:
        """``stored`` is its row as it is in the journal."""
        if report.settled_at > time.time():
            self._vca_due[report.line] = report.settled_at
        else:
            self._vca_due.pop(report.line, None)
        if stored is None:
            return
        row = self._writes.latest(stored)
        if (known := report.apply_to(row)) == row:
            return
        known = self._writes.update(row, known)
        self.lost.discard(row.line)
        if row.line not in self._writes.in_flight:
            self.plan_retry(known)

    def plan_retry(self, row: BroadcastRow) -> None:
        """Plan another attempt, where the outcome asks for one and no earlier attempt was confirmed."""
        known = after_report(self._journal, row, self._policy)
        if known != row:
            known = self._writes.update(row, known)
            if known.state is RowState.RETRY:
                self._queue.retry(known)

    def was_carried_out(self, flight: InFlight, after: int) -> bool:
        """Whether a summary names this request, which left after the event with that number and was answered
        429: then a proxy sent that, and the call was placed after all. Its row is updated."""
        row, request_id = flight.row, flight.request.client_request_id
        session_id = stored_events.session_of_request(self._journal.store, request_id, after=after)
        if session_id is None:
            return False
        report = read_report(self._journal, session_id, row.line, self._policy)
        known = row if report is None else report.apply_to(row)
        if known == row:
            return False
        self.plan_retry(self._writes.update(row if flight.attempt_id else flight.before, known))
        if not flight.attempt_id:
            self._writes.add_attempts([flight])
        self._writes.answer(flight, AttemptState.ACCEPTED, session_id)
        return True
