"""Works through a broadcast: one round after the other, each with one commit to the journal.

A round takes the answers that have come and what 8x8 has reported, decides who is called next, writes all of
that down, and only then lets those requests leave.
"""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from voicecli import phone
from voicecli.broadcast.outcomes import Report, reached_before, report_of, reports
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.plan import SKIPPED_BY_LIST, SKIPPED_UNSUBSCRIBED
from voicecli.broadcast.policy import Policy
from voicecli.broadcast.progress import Progress
from voicecli.broadcast.queue import Queue, Zones
from voicecli.calling import questions
from voicecli.calling.say_limit import SayLimit
from voicecli.clock import now
from voicecli.errors import (
    ConfigurationError,
    Interrupted,
    InvalidInput,
    OutOfTime,
    OutputFailed,
    RateLimited,
    Refused,
    StoreBusy,
    StoreFailed,
    Unreachable,
    VoicecliError,
    as_voicecli_error,
)
from voicecli.hours import HORIZON, Hours
from voicecli.sessions.attempt import AttemptState
from voicecli.sessions.counts import Counts
from voicecli.store import event_queries as stored_events
from voicecli.store import unsubscribed
from voicecli.store.attempts import Attempts
from voicecli.store.broadcasts import BroadcastRow, BroadcastState, RowState
from voicecli.store.journal import Journal
from voicecli.store.read_positions import last_event_number
from voicecli.voice_api.async_client import AsyncClient
from voicecli.voice_api.callflow import CallRequest, destinations
from voicecli.voice_api.operations.calls import Session, send_callflow

LOOK_EVERY = 0.2  # seconds between two looks at what 8x8 has reported, and at whether somebody said stop
GRACE = 5.0  # seconds that requests under way get for their answers when all is to end
MAX_LIMITED = 10  # times that one row may be answered 429
LONGEST_PUT_OFF = 8.0  # seconds until it is tried again
MAX_UNREACHABLE = 8  # times in a row that 8x8 can't be reached, with pauses of up to LONGEST_PAUSE
LONGEST_PAUSE = 30.0  # seconds
HELD_UP = 0.05  # seconds until it is tried again to write what another process kept from being written
GATHERING = 3  # turns of the event loop, in which answers that have arrived get here: they share a commit
LEAST_TO_BEGIN = timedelta(minutes=1)  # until the quiet hours begin
MAX_PASSED = 1_000  # rows that are not called and looked at in one round
_OF_THE_KEY = 401  # the HTTP status that every other row would get, too
_OF_THE_ACCOUNT = (403, 404)  # those that every other one would, unless 8x8 has accepted one


@dataclass(slots=True, eq=False)
class _InFlight:
    """A request: for the ``row`` as it is then, which was ``before``; and what came of it. ``sent`` is what
    leaves of it, and ``attempt`` its row of store.attempts."""

    before: BroadcastRow
    row: BroadcastRow
    request: CallRequest
    sent: CallRequest
    attempt: tuple[object, ...]
    number: int = 0  # of its attempt in the store, once that is written
    task: "asyncio.Task[None] | None" = None
    session: Session | None = None
    error: Exception | None = None


class Engine:
    """Calls the rows of a journal that are planned. ``request`` makes the request for a row; ``hours`` are
    those of the people who are called, ``do_not_call`` has numbers that are not, and with
    ``spare_unsubscribed`` as well those that have unsubscribed. As long as ``why_wait`` gives a reason,
    nobody is called; with ``vca_elsewhere`` somebody else answers their questions. ``tell`` gets each row
    that has changed, once it is on the disk, and ``show`` how all of it stands, every now and then.

    ``run`` it once; ``ended_by`` says why there may be rows left that were not called.
    """

    def __init__(
        self,
        journal: Journal,
        client: AsyncClient,
        pace: Pace,
        policy: Policy,
        *,
        request: Callable[[BroadcastRow, str], CallRequest],
        hours: Hours | None = None,
        do_not_call: Collection[str] = frozenset(),
        spare_unsubscribed: bool = True,
        why_wait: Callable[[], str] = lambda: "",
        vca_elsewhere: bool = False,
        tell: Callable[[BroadcastRow], None] = lambda row: None,
        show: Callable[[Counts], None] = lambda counts: None,
    ) -> None:
        self.ended_by: VoicecliError | None = None
        self._progress = Progress(journal.store, journal.broadcast, policy.confirming)
        self.counts = self._progress.counts
        self._journal = journal
        self._client = client
        self._pace = pace
        self._policy = policy
        self._request = request
        self._say_limit = SayLimit(journal.store.path.parent, journal.broadcast.account)
        self._hours = hours
        self._do_not_call = do_not_call
        self._spare_unsubscribed = spare_unsubscribed
        self._why_wait = why_wait
        self._vca_elsewhere = vca_elsewhere
        self._unsubscribed: Collection[str] = frozenset()
        self._must_read_unsubscribed = spare_unsubscribed
        self._tell = tell
        self._show = show
        self._queue = Queue(journal, round(policy.every * 1e6), self._current)
        self._turn: BroadcastRow | None = None  # who is next, when the pace allows it
        self._everybody_read = False  # whether all rows of the journal were looked at
        self._calls_left = policy.max_calls
        self._in_flight: dict[int, _InFlight] = {}  # by line
        self._completed: deque[_InFlight] = deque()
        self._changed: dict[int, tuple[BroadcastRow, BroadcastRow]] = {}  # by line: on the disk, and to be
        self._leaving_now: list[_InFlight] = []  # whose attempts are to be written
        self._answers: list[tuple[_InFlight, AttemptState | None, str | None]] = []  # to be written
        self._attempts = Attempts(journal.store, journal.broadcast.account)
        self._asks = ",".join(sorted(policy.confirming)) if policy.digits else None
        self._overtaken: dict[int, float] = {}  # lines, and until when a VCA may come (seconds since 1970)
        self._untold: deque[BroadcastRow] = deque()  # that are on the disk
        self._limited: Counter[int] = Counter()  # 429s, by line
        self._limited_since: dict[int, int] = {}  # when the first of these requests left
        self._anybody_accepted = False
        self._lost: set[int] = set()  # lines whose answers were lost, and that no report has settled
        self._unreachable = 0  # times in a row
        self._pause = 0.0  # seconds until it is worth going on
        self._not_before = 0.0  # seconds of the monotonic clock
        self._openings: dict[Zones, datetime | None] = {}  # as they are shown; who is called is asked anew
        self._news = asyncio.Event()
        self._is_held_up = False  # by another process that has the store
        self._looked = 0.0  # monotonic
        self._last_call = time.monotonic()

    async def run(self) -> None:
        """Until nobody is left to be called, or something ends it, such as a journal that can't be written:
        after that no request has left. Whatever it is, the requests under way get GRACE for their answers,
        which are written down. Raises nothing but OutputFailed, or that it was cancelled."""
        with self._journal.store.short_patience():
            try:
                while not self._is_over():
                    await self._go_on()
            except OutputFailed:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours, too, ends it in an orderly way
                self.ended_by = as_voicecli_error(error)
            finally:
                await self._land()

    async def _go_on(self) -> None:
        try:
            self._round()
        except StoreBusy:  # what was to be written still is
            self._is_held_up = True
            self._show_all()
            await asyncio.sleep(HELD_UP)
        else:
            self._is_held_up = False
            await self._wait()

    # -- a round -------------------------------------------------------------------------------------

    def _round(self) -> None:
        for flight in self._taken():
            self._learn_from(flight.error)
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._look()
            self._looked = time.monotonic()
        elif self.counts.retrying:  # what is known by now counts, before somebody is called again
            self._take_in_reports()
        leaving: list[_InFlight] = []
        try:
            for one in self._leaving():
                leaving.append(one)  # noqa: PERF402 - each counts, even if the next one fails
            self._leaving_now += leaving
            self._write()
        except BaseException:
            self._leaving_now = [one for one in self._leaving_now if one not in leaving]
            for one in leaving:  # they do not leave, so they stay what they were
                on_disk, _ = self._changed.pop(one.row.line)
                if on_disk != one.before:
                    self._changed[one.row.line] = on_disk, one.before
                self._queue.put_back(one.before)
                if self._calls_left is not None:
                    self._calls_left += 1
            raise
        self._in_flight |= {one.row.line: one for one in leaving}
        for one in leaving:
            one.task = asyncio.create_task(self._send(one))
        self._tell_all()

    def _note(self, row: BroadcastRow, new: BroadcastRow) -> BroadcastRow:
        """Note that a row has become like this."""
        return self._is_again(row, new._replace(changed=now()))

    def _is_again(self, row: BroadcastRow, new: BroadcastRow) -> BroadcastRow:
        """Note that a row is to be written like this, whenever it became so."""
        before, _ = self._changed.get(row.line, (row, row))
        self._changed[row.line] = before, new
        if row.line in self._in_flight:
            self._in_flight[row.line].row = new
        return new

    def _write(self, seen: int | None = None) -> None:
        """Put what has changed on the disk, answers to what was new in it the next time. Raises StoreFailed;
        then all of it is still to be written."""
        if not (self._changed or self._answers) and seen is None:
            return
        rows = [one.attempt for one in self._leaving_now]
        answers = [(one.number, state, session) for one, state, session in self._answers if one.number]
        numbers = self._journal.write(self._changed.values(), seen=seen, leaving=rows, answers=answers)
        self._answers = [answer for answer in self._answers if not answer[0].number]  # to what is new in it
        for one, number in zip(self._leaving_now, numbers, strict=True):
            one.number = number
        self._leaving_now = []
        changed, self._changed = self._changed, {}
        for before, row in changed.values():
            self._progress.changed(before, row)
            self._untold.append(row)

    def _tell_all(self) -> None:
        while self._untold:
            self._tell(self._untold.popleft())

    def _look(self) -> None:
        """See what 8x8 has reported, whose night is over, and whether somebody has stopped the broadcast."""
        self._journal.store.require_in_place()
        if self._journal.state is BroadcastState.STOPPED and self.ended_by is None:
            self.ended_by = Interrupted("The broadcast was stopped.")
        self._take_in_reports()
        if self._must_read_unsubscribed:
            self._unsubscribed = unsubscribed.numbers(self._journal.store)
            self._must_read_unsubscribed = False
        self._queue.wake(self._is_awake)
        self._show_all()

    def _take_in_reports(self) -> None:
        """What 8x8 has reported since the last time."""
        seen, newest = self._journal.seen, last_event_number(self._journal.store)
        if newest > seen:
            for report in reports(self._journal, seen, newest, self._policy):
                self._reported(report)
            self._must_read_unsubscribed = self._spare_unsubscribed
            self._write(newest)

    def _reported(self, report: Report) -> None:
        if report.settled_at > time.time():
            self._overtaken[report.line] = report.settled_at
        else:
            self._overtaken.pop(report.line, None)
        row = self._current(report.line)
        if row is None or (known := report.applied(row)) == row:
            return
        known = self._note(row, known)
        self._lost.discard(row.line)
        if row.line not in self._in_flight:
            self._call_again(known)

    def _call_again(self, row: BroadcastRow) -> None:
        """Where its outcome is worth another attempt, and none had an answer that counts."""
        policy = self._policy
        if row.outcome not in policy.retry or row.attempts >= policy.attempts:
            return
        if policy.accepts(row.digits):
            return
        again = row._replace(state=RowState.RETRY)
        if row.attempts > 1 and (before := reached_before(self._journal, row, policy)) is not None:
            self._note(row, before.applied(again))
        else:
            self._queue.retry(self._note(row, again))

    def _current(self, line: int) -> BroadcastRow | None:
        """The row as it is, or is about to be."""
        if line in self._changed:
            return self._changed[line][1]
        return self._in_flight[line].row if line in self._in_flight else self._journal.row(line)

    # -- who is called -------------------------------------------------------------------------------

    def _leaving(self) -> Iterator[_InFlight]:
        """Those who are called in this round."""
        self._pause = LOOK_EVERY
        if self._why_wait():
            return
        room = self._policy.concurrency - len(self._in_flight)
        for _ in range(MAX_PASSED):
            if room <= 0 or self.ended_by is not None:
                return
            row, self._turn = self._turn or self._queue.next(now()), None
            if row is None:
                self._everybody_read = True
                return
            if row.attempts and self._current(row.line) != row:
                continue  # a report has come since it was read, or it is there twice
            if self._passed_over(row) or self._may_be_answered(row):
                continue
            if self._calls_left == 0:
                self.ended_by = OutOfTime(f"--max-calls {self._policy.max_calls} was reached.")
                return
            pause = self._not_before - time.monotonic()
            if pause > 0 or (pause := self._pace.take() or 0.0) > 0:
                self._turn, self._pause = row, min(pause, LOOK_EVERY)
                return
            try:
                leaving = self._claimed(row)
            except StoreBusy:
                self._queue.put_back(row)
                raise
            if leaving is not None:
                room -= 1
                yield leaving
        self._pause = 0.0

    def _passed_over(self, row: BroadcastRow) -> bool:
        """Whether a row is not called, or not now."""
        if self._is_spared(row, [row.destination]):
            return True
        if self._hours is None:
            return False
        zones = phone.time_zones(row.destination)
        if self._is_awake(zones):
            return False
        self._queue.let_sleep(row, zones)
        return True

    def _is_spared(self, row: BroadcastRow, numbers: Sequence[str]) -> bool:
        """Whether one of the numbers (E.164) that its call would call is not to be called; then the row says
        why."""
        if any(number in self._do_not_call for number in numbers):
            reason = SKIPPED_BY_LIST
        elif any(number in self._unsubscribed for number in numbers):
            reason = SKIPPED_UNSUBSCRIBED
        else:
            return False
        called = row.session is not None  # before, and that stays true
        state = RowState.ACCEPTED if called else RowState.SKIPPED
        self._note(row, row._replace(state=state, reason=reason))
        return True

    def _may_be_answered(self, row: BroadcastRow) -> bool:
        """Whether the summary of its last call may have overtaken what was pressed, which is waited for."""
        until = self._overtaken.pop(row.line, 0.0)
        if until <= time.time():
            return False
        self._overtaken[row.line] = until
        self._queue.put_off(row, round(until * 1e6))
        return True

    def _is_awake(self, zones: Zones) -> bool:
        """Whether these can be called, and for long enough that 8x8 can begin to."""
        if self._hours is None:
            return True
        moment = datetime.now(UTC)
        return self._hours.allow(zones, moment) and self._hours.allow(zones, moment + LEAST_TO_BEGIN)

    def _in_time(self, row: BroadcastRow, request: CallRequest) -> CallRequest:
        """The request, which 8x8 is not to begin later than people may be called."""
        if self._hours is None:
            return request
        zones, moment = phone.time_zones(row.destination), datetime.now(UTC)
        until = self._hours.open_until(zones, moment, request.valid_until or moment + HORIZON)
        return replace(request, valid_until=until)

    def _claimed(self, row: BroadcastRow) -> _InFlight | None:
        """None where there can be no request."""
        attempt = BroadcastRow(row.line, row.destination, RowState.SENDING, row.attempts + 1)
        try:
            request = self._in_time(row, self._request(attempt, self._journal.broadcast.request_id(attempt)))
        except InvalidInput as error:
            self._note(row, row._replace(state=RowState.REFUSED, reason=error.message))
            return None
        sent = self._say_limit.fitting(questions.up_to_question(request))
        flight = _InFlight(row, attempt, request, sent, self._attempt(request, row.line))
        if row.line in self._limited_since and self._is_carried_out(flight):
            return None
        bridged = [f"+{number.lstrip('+')}" for number in destinations(request.callflow)[1:]]
        if bridged and self._is_spared(row, bridged):
            return None
        if self._calls_left is not None:
            self._calls_left -= 1
        self._note(row, attempt)
        return flight

    def _is_carried_out(self, flight: _InFlight) -> bool:
        """Whether a summary names this request, which was answered 429: then somebody on the way said so, and
        the call was placed after all. Its row knows it from now on."""
        row, store, request_id = flight.row, self._journal.store, flight.request.client_request_id
        since = self._limited_since[row.line]
        session_id = stored_events.session_of_request(store, request_id, since=since)
        if session_id is None:
            return False
        report = report_of(self._journal, session_id, row.line, self._policy)
        known = row if report is None else report.applied(row)
        if known == row:
            return False
        self._call_again(self._note(flight.row if flight.number else flight.before, known))
        if not flight.number:
            self._leaving_now.append(flight)
        self._answers.append((flight, AttemptState.ACCEPTED, session_id))
        return True

    def _attempt(self, request: CallRequest, line: int) -> tuple[object, ...]:
        """The row of store.attempts for a request that is about to leave."""
        has_question = questions.has_question(request) and not self._vca_elsewhere
        return self._attempts.row(
            request,
            asks=self._asks if self._asks is not None or not has_question else "",
            flow=request.callflow if has_question else None,
            broadcast=self._journal.broadcast.number,
            line=line,
        )

    # -- requests under way --------------------------------------------------------------------------

    async def _send(self, flight: _InFlight) -> None:
        try:
            flight.session = await self._place(flight.sent)
        except asyncio.CancelledError:
            operation = send_callflow(flight.request)
            flight.error = operation.lost("It was ended before 8x8 had answered")
        except Exception as error:  # noqa: BLE001 - whatever it is, the row must not be called again
            flight.error = error
        self._completed.append(flight)
        self._news.set()

    async def _place(self, request: CallRequest) -> Session:
        try:
            return await self._client.send(send_callflow(request))
        except Refused as error:
            if (instead := self._say_limit.instead(error, request)) is None:
                raise
        session = await self._client.send(send_callflow(instead))
        self._say_limit.remember()
        return session

    def _taken(self) -> Iterator[_InFlight]:
        """The requests that have been answered since; the journal is about to know. Raises StoreFailed; then
        the others are still to be taken."""
        while self._completed:
            self._answered(self._completed[0])
            yield self._completed.popleft()

    def _answered(self, flight: _InFlight) -> None:
        """Note what a request led to, unless 8x8 has reported it by now."""
        row, error = flight.row, flight.error
        self._in_flight.pop(row.line, None)  # this may be the second attempt to note it
        if not isinstance(error, Unreachable):
            self._unreachable = 0
        if row.state is not RowState.SENDING:
            self._call_again(row)
            self._answers.append((flight, *_answer(flight)))
            return
        if isinstance(error, RateLimited):
            self._limited_since.setdefault(row.line, row.changed)
            if self._is_carried_out(flight):
                return
        self._answers.append((flight, *_answer(flight)))
        match error:
            case None if flight.session is not None:
                self._last_call = time.monotonic()
                self._anybody_accepted = True
                self._note(row, row._replace(state=RowState.ACCEPTED, session=flight.session.session_id))
            case RateLimited():
                self._limited[row.line] += 1
                times = self._limited[row.line]
                if times < MAX_LIMITED:  # others first: it may be this one alone that is answered so
                    pause = min(0.5 * 2.0**times, LONGEST_PUT_OFF)
                    self._queue.put_off(self._not_called(flight), now() + round(pause * 1e6))
                else:
                    self._refused(flight, error)
            case Refused() if self._is_of_the_account(error):
                self.ended_by = error
                self._queue.put_back(self._not_called(flight))
            case Refused() | InvalidInput():  # by 8x8; or JSON can't carry it
                self._refused(flight, error)
            case Unreachable():
                self._not_reached(error)
                self._queue.put_back(self._not_called(flight))
            case _:
                self._last_call = time.monotonic()
                self._lost.add(row.line)
                self._unknown(flight)

    def _noted_as_answered(self, flight: _InFlight) -> None:
        """Note what a request led to by its answer alone: nothing else can be found out of it, or done about
        it."""
        row = flight.row
        self._in_flight.pop(row.line, None)
        self._answers.append((flight, *_answer(flight)))
        _, known = self._changed.get(row.line, (row, row))
        if known.state is not RowState.SENDING:  # 8x8 has reported it
            return
        match flight.error:
            case None if flight.session is not None:
                self._note(row, row._replace(state=RowState.ACCEPTED, session=flight.session.session_id))
            case Refused() | InvalidInput() | Unreachable():
                self._not_called(flight)
            case _:
                self._unknown(flight)

    def _unknown(self, flight: _InFlight) -> None:
        row, error = flight.row, flight.error
        fault = f"an internal error of voicecli ({type(error).__name__})"
        reason = error.message if isinstance(error, VoicecliError) else fault
        self._note(row, row._replace(state=RowState.UNKNOWN, reason=reason))

    def _learn_from(self, error: Exception | None) -> None:
        """Tell the pace how a request was answered."""
        match error:
            case RateLimited():
                self._pace.too_many(error.retry_after)
            case None | Refused():
                self._pace.answered()

    def _is_of_the_account(self, error: Refused) -> bool:
        """Whether all others would be refused in the same way."""
        status = error.http_status
        return status == _OF_THE_KEY or (status in _OF_THE_ACCOUNT and not self._anybody_accepted)

    def _not_called(self, flight: _InFlight) -> BroadcastRow:
        """Certainly not: it is as it was, and to be called as if that had not been tried."""
        if self._calls_left is not None:
            self._calls_left += 1
        return self._is_again(flight.row, flight.before)

    def _refused(self, flight: _InFlight, error: Refused | InvalidInput) -> None:
        """An attempt before this one stays what it was."""
        if flight.before.session is not None:
            self._note(flight.row, flight.before._replace(state=RowState.ACCEPTED, reason=error.message))
        else:
            self._note(flight.row, flight.row._replace(state=RowState.REFUSED, reason=error.message))

    def _not_reached(self, error: Unreachable) -> None:
        """Requests that fail together count as one."""
        if time.monotonic() < self._not_before:
            return
        self._unreachable += 1
        self._not_before = time.monotonic() + min(0.5 * 2.0**self._unreachable, LONGEST_PAUSE)
        if self._unreachable > MAX_UNREACHABLE:
            self.ended_by = error

    # -- until it is over ----------------------------------------------------------------------------

    def _is_over(self) -> bool:
        if self._in_flight or self._completed:
            return False
        if self.ended_by is not None:
            return True
        if not self._everybody_read or self._turn is not None or self._queue.waiting:
            return False
        return not self._policy.wait or self._no_outcome_due()

    def _no_outcome_due(self) -> bool:
        """Of calls whose answer was lost, summaries may come, too: of those of this run."""
        late = time.monotonic() - self._last_call > self._policy.timeout
        overtaken = any(until > time.time() for until in self._overtaken.values())
        return late or not (self.counts.without_outcome or self._lost or overtaken)

    async def _wait(self) -> None:
        """Until there is something to do."""
        if self._completed:
            return
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause):
                await self._news.wait()
        for _ in range(GATHERING):
            await asyncio.sleep(0)

    async def _land(self) -> None:
        """Give the requests under way the time to be answered, and write down all that is known. Raises
        OutputFailed."""
        tasks = [flight.task for flight in self._in_flight.values() if flight.task is not None]
        if tasks:
            with suppress(asyncio.CancelledError):  # who interrupts this does not want to wait
                await asyncio.wait(tasks, timeout=GRACE)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._completed += self._never_begun()
        self._journal.release_reserve()
        try:
            await self._write_in_spite_of_all()
        except Exception as error:  # noqa: BLE001 - what is not on the disk has to be told
            self.ended_by = self._not_noted(as_voicecli_error(error))
        try:
            self._tell_all()
            self._show_all()
        except OutputFailed:
            raise
        except Exception as error:  # noqa: BLE001 - all that matters is written
            self.ended_by = self.ended_by or as_voicecli_error(error)

    def _never_begun(self) -> Iterator[_InFlight]:
        """Once all requests have ended: those whose task was not begun, so that nothing of them left."""
        completed = {id(flight) for flight in self._completed}
        for flight in self._in_flight.values():
            if id(flight) not in completed:
                flight.error = Unreachable("The request was stopped before it left.")
                yield flight

    async def _write_in_spite_of_all(self) -> None:
        """Write what is known: on a disk that is full, too, and where another process has the store, as soon
        as it is free, for at most GRACE. Raises StoreFailed."""
        end, is_full, is_all_known = time.monotonic() + GRACE, False, True
        while True:
            try:
                is_all_known &= self._take_last_answers(patient=time.monotonic() < end)
                self._write()
                self._write()  # the answers to what the first one wrote
                waits = self._policy.wait and self.counts.without_outcome
                if is_all_known and not waits and not self._left():
                    self._journal.set_state(BroadcastState.DONE)
                return
            except StoreBusy:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(HELD_UP)
            except StoreFailed:
                if is_full:
                    raise
                is_full = True
                self._journal.store.checkpoint()  # then its log can begin again where it began

    def _take_last_answers(self, *, patient: bool) -> bool:
        """Note the answers of all requests. One that fails keeps no other from being noted: then it is noted
        as it is, without a look at what 8x8 has reported, and this gives False. Raises StoreBusy, unless it
        is not to be ``patient``."""
        is_all_known = True
        while self._completed:
            flight = self._completed[0]
            try:
                self._answered(flight)
            except Exception as error:
                if patient and isinstance(error, StoreBusy):
                    raise
                is_all_known = False
                self.ended_by = self.ended_by or as_voicecli_error(error)
                self._noted_as_answered(flight)
            self._completed.popleft()
        return is_all_known

    def _not_noted(self, error: VoicecliError) -> VoicecliError:
        """With the calls whose answers are lost to the journal: there they are unknown."""
        lost = [row for before, row in self._changed.values() if before.state is RowState.SENDING]
        rows = [
            {"line": row.line, "destination": row.destination, "state": row.state, "sessionId": row.session}
            for row in lost
        ]
        hint = f"{error.hint} 8x8's answers to {len(lost):,} calls are lost: they count as unknown."
        kind = type(error) if isinstance(error, StoreFailed | ConfigurationError) else VoicecliError
        known = kind(error.message, hint=hint if lost else error.hint, details={"rows": rows})
        known.__cause__ = error
        return known

    def _left(self) -> bool:
        """Whether somebody is still to be called."""
        return next(self._journal.rows(RowState.PLANNED, RowState.RETRY), None) is not None

    def _show_all(self) -> None:
        self.counts.waiting = "" if self._is_over() else self._why_nobody()
        self._progress.tick()
        self._show(self.counts)

    def _open_at(self, hours: Hours, zones: Zones) -> datetime | None:
        """Worked out once, since it takes milliseconds and this is shown all night."""
        moment = datetime.now(UTC)
        known = self._openings.get(zones)
        if known is None or known <= moment:
            known = self._openings[zones] = hours.open_at(zones, moment)
        return known

    def _why_nobody(self) -> str:
        """Why nobody is called just now, in words."""
        if self._is_held_up:
            return "Another process holds the store"
        if not self._everybody_read and (reason := self._why_wait()):
            return reason
        if (pause := self._not_before - time.monotonic()) > 0:
            return f"8x8 can't be reached, trying again in {math.ceil(pause)} s"
        if (pause := self._pace.paused) > 0:
            return f"8x8 asks to slow down, continuing in {math.ceil(pause)} s"
        if self._everybody_read and not self._in_flight and self._hours is not None and self._queue.asleep:
            moments = [self._open_at(self._hours, zones) for zones in self._queue.asleep]
            first = min(filter(None, moments), default=None)
            until = "" if first is None else f", until {first.astimezone():%a %H:%M}"
            return f"Quiet hours for all who are left{until}"
        if self._everybody_read and self.counts.retrying and not self._in_flight:
            return "Waiting for the next attempts"
        if self._everybody_read and self._policy.wait and not self._in_flight:
            return "Waiting for outcomes"
        return ""


def _answer(flight: _InFlight) -> tuple[AttemptState | None, str | None]:
    """What its answer says of an attempt, as store.attempts takes it."""
    if flight.session is not None:
        return AttemptState.ACCEPTED, flight.session.session_id
    if flight.row.state is not RowState.SENDING:  # 8x8 has reported it
        return AttemptState.ACCEPTED, flight.row.session
    certainly_not = isinstance(flight.error, Refused | InvalidInput | Unreachable)
    return None if certainly_not else AttemptState.UNKNOWN, None
