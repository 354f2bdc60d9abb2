"""What becomes of a row by the answer to its request, and of the pace and the broadcast."""

import time
from collections import Counter

from voicecli.broadcast.claims import Claims
from voicecli.broadcast.in_flight import InFlight
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.pending_writes import PendingWrites
from voicecli.broadcast.queue import Queue
from voicecli.broadcast.report_updates import ReportUpdates
from voicecli.clock import now
from voicecli.errors import InvalidInput, RateLimited, Refused, Unreachable, VoicecliError
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import RowState

MAX_RATE_LIMITED = 10  # times that one row may be answered 429
FIRST_DELAY, LONGEST_DELAY = 1.0, 8.0  # seconds until it is tried again
MAX_UNREACHABLE = 8  # times in a row that 8x8 can't be reached, with pauses of up to LONGEST_PAUSE
LONGEST_PAUSE = 30.0  # seconds
_REFUSES_KEY = 401  # the HTTP status that every other row would get, too
_REFUSES_ACCOUNT = (403, 404)  # those that every other one would, unless 8x8 has accepted one


class Answers:
    """Rows that are to be called again go to the ``queue``, all others to the ``writes``. All methods raise
    StoreFailed."""

    def __init__(
        self,
        journal: Journal,
        pace: Pace,
        writes: PendingWrites,
        queue: Queue,
        reports: ReportUpdates,
        claims: Claims,
    ) -> None:
        self.last_call = time.monotonic()
        """When a call was placed last, or may have been; at first, when this began."""
        self._journal = journal
        self._pace = pace
        self._writes = writes
        self._queue = queue
        self._reports = reports
        self._claims = claims
        self._rate_limited: Counter[int] = Counter()  # 429s, by line
        self._any_accepted = False
        self._unreachable = 0  # times in a row

    def take(self, flight: InFlight) -> VoicecliError | None:
        """Note what a request led to, unless 8x8 has reported it by now; gives why nobody is to be called any
        more, if that is so."""
        row, error = flight.row, flight.error
        self._writes.in_flight.pop(row.line, None)  # this may be the second attempt to note it
        if not isinstance(error, Unreachable):
            self._unreachable = 0
        if row.state is not RowState.SENDING:
            self._reports.plan_retry(row)
            self._writes.answer(flight, *flight.attempt_answer())
            return None
        if isinstance(error, RateLimited):
            after = self._claims.rate_limited_after.setdefault(row.line, flight.after)
            if self._reports.was_carried_out(flight, after):
                return None
        self._writes.answer(flight, *flight.attempt_answer())
        match error:
            case RateLimited():
                self._rate_limited[row.line] += 1
                times = self._rate_limited[row.line]
                if times < MAX_RATE_LIMITED:  # others first: it may be this one alone that is answered so
                    delay = min(FIRST_DELAY * 2.0 ** (times - 1), LONGEST_DELAY)
                    self._queue.put_off(self._writes.undo(flight), now() + round(delay * 1e6))
                else:
                    self._refuse(flight, error)
            case Refused() if self._refuses_all(error):
                self._queue.put_first(self._writes.undo(flight))
                return error
            case Refused() | InvalidInput():  # by 8x8; or JSON can't carry it
                self._refuse(flight, error)
            case Unreachable():
                self._queue.put_first(self._writes.undo(flight))
                return self._pause_unreachable(error)
            case _:
                self.last_call = time.monotonic()
                if flight.session is None:
                    self._reports.lost.add(row.line)
                else:
                    self._any_accepted = True
                self._writes.update(row, flight.answered_row())
        return None

    def adjust_pace(self, error: Exception | None) -> None:
        """Tell the pace how a request was answered."""
        match error:
            case RateLimited():
                self._pace.too_many(error.retry_after)
            case None | Refused():
                self._pace.answered()

    def _refuses_all(self, error: Refused) -> bool:
        """Whether all others would be refused in the same way."""
        status = error.http_status
        return status == _REFUSES_KEY or (status in _REFUSES_ACCOUNT and not self._any_accepted)

    def _refuse(self, flight: InFlight, error: Refused | InvalidInput) -> None:
        """An attempt before this one stays what it was."""
        before = self._journal.state_of_last_attempt(flight.before)
        row = flight.row if before is None else flight.before
        self._writes.update(flight.row, row._replace(state=before or RowState.REFUSED, reason=error.message))

    def _pause_unreachable(self, error: Unreachable) -> Unreachable | None:
        """Requests that fail together count as one. The error, where there were too many."""
        if time.monotonic() < self._claims.not_before:
            return None
        self._unreachable += 1
        self._claims.not_before = time.monotonic() + min(0.5 * 2.0**self._unreachable, LONGEST_PAUSE)
        return error if self._unreachable > MAX_UNREACHABLE else None
