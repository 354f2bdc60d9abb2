"""Makes the calls of a broadcast in rounds, each with one commit to the journal.

A round takes the answers that have arrived and what 8x8 has reported, selects the rows that are called next,
writes all of that to the journal, and only then sends those requests.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from voicecli.broadcast.answers import Answers
from voicecli.broadcast.claims import Claims
from voicecli.broadcast.contact_check import ContactCheck
from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.in_flight import InFlight, RequestSender
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.pending_writes import PendingWrites
from voicecli.broadcast.policy import Policy
from voicecli.broadcast.progress import Progress
from voicecli.broadcast.queue import Queue
from voicecli.broadcast.report_updates import ReportUpdates
from voicecli.errors import (
    ConfigurationError,
    Interrupted,
    OutOfTime,
    OutputFailed,
    StoreBusy,
    StoreFailed,
    StoreUnreachable,
    Unreachable,
    VoicecliError,
    as_voicecli_error,
)
from voicecli.output.json_fields import with_former_names
from voicecli.sessions.counts import Counts
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, BroadcastState, RowState
from voicecli.store.engine import Notifications
from voicecli.threads import call_on_loop

LOOK_EVERY = 0.2  # seconds between two looks at reports from 8x8, and at whether it was stopped
NEWS_PAUSE = 0.05  # seconds from the news that there are reports: what comes until then is read with them
GRACE = 5.0  # seconds that requests under way get for their answers when all is to end
STORE_BUSY_PAUSE = 0.05  # seconds until what another process kept from being written is tried again
STORE_AWAY_PAUSE = 0.5  # seconds until it is tried again to reach the database
GATHERING = 3  # turns of the event loop, in which answers that have arrived get here


class Engine:
    """Calls the planned rows of a journal whose numbers may be called by ``eligibility``. As long as
    ``why_wait`` gives a reason, nobody is called. ``on_row`` gets each row that has changed, once it is on
    the disk, and ``on_progress`` the counts, several times a second.

    ``run`` it once; ``ended_by`` is why it ended while rows were left, None where none need be.
    """

    def __init__(
        self,
        journal: Journal,
        sender: RequestSender,
        pace: Pace,
        policy: Policy,
        eligibility: Eligibility,
        *,
        why_wait: Callable[[], str] = lambda: "",
        on_row: Callable[[BroadcastRow], None] = lambda row: None,
        on_progress: Callable[[Counts], None] = lambda counts: None,
    ) -> None:
        self.ended_by: VoicecliError | None = None
        self._journal = journal
        self._sender = sender
        self._pace = pace
        self._policy = policy
        self._eligibility = eligibility
        self._why_wait = why_wait
        self._on_row = on_row
        self._on_progress = on_progress
        self._progress = Progress(journal.store, journal.broadcast, policy.keys)
        self.counts = self._progress.counts
        self._writes = PendingWrites(journal, self._progress)
        self._in_flight = self._writes.in_flight
        self._completed: deque[InFlight] = deque()  # whose answers are to be taken
        eligibility.is_outdated = True  # somebody may have unsubscribed since the list was validated
        contacts = ContactCheck(journal.store, policy.at_most)
        every, looking_ahead = round(policy.every * 1e6), contacts.looking_ahead
        self._queue = Queue(journal, every, self._writes.row, looking_ahead=looking_ahead)
        self._reports = ReportUpdates(journal, self._writes, self._queue, policy)
        self._claims = Claims(
            journal, sender, pace, eligibility, contacts, self._writes, self._queue, self._reports
        )
        self._answers = Answers(journal, pace, self._writes, self._queue, self._reports, self._claims)
        journal.limit_calls(policy.max_calls)
        journal.at_most = policy.at_most
        self._next_round_at = 0.0  # monotonic: at the latest
        self._wake_up = asyncio.Event()
        self._answers_wanted = 1  # so many of those that have arrived are something to do
        self._store_trouble = ""  # why nothing can be written to it, in words
        self._reconnecting: asyncio.Task[None] | None = None
        self._last_look = 0.0  # monotonic
        self._news_came = False  # the store tells of events
        self._reports_are_due = False

    async def run(self) -> None:
        """Call until no row is left, or until an error such as a journal that can't be written: no request
        leaves after one. In any case the requests under way get GRACE for their answers, which are written.
        Raises only OutputFailed and CancelledError."""
        notifications = self._listen() if self._policy.wait else None
        store = self._journal.store
        with store.short_patience(), store.guarded():
            try:
                while not self._is_over():
                    try:
                        self._round()
                    except StoreBusy:  # what was to be written still is
                        self._store_trouble = "Another process holds the store"
                        self._report_progress()
                        await asyncio.sleep(STORE_BUSY_PAUSE)
                    except StoreUnreachable:
                        await self._reconnect()
                    else:
                        self._store_trouble = ""
                        if not self._is_over():
                            await self._wait()
            except OutputFailed:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours, too, ends it in an orderly way
                self.ended_by = as_voicecli_error(error)
            finally:
                if notifications is not None:
                    notifications.close()
                await self._finish()

    def _listen(self) -> Notifications | None:
        """Be told of new events at once, by a store that can do that."""
        loop = asyncio.get_running_loop()

        def hear() -> None:  # in a thread, also while a round keeps the loop busy
            call_on_loop(loop, take_soon, time.monotonic() + NEWS_PAUSE)

        def take_soon(moment: float) -> None:
            if not self._news_came:
                self._news_came = True
                loop.call_later(moment - time.monotonic(), take_now)

        def take_now() -> None:
            self._news_came, self._reports_are_due = False, True
            self._wake_up.set()

        return self._journal.store.notifications(hear)

    async def _reconnect(self) -> None:
        """Wait until the database can be reached. Meanwhile no request leaves, and answers are kept in mind.
        Raises InUse where others have taken over by then."""
        self._store_trouble = "The database can't be reached"
        while True:
            self._report_progress()
            with suppress(StoreBusy, StoreUnreachable):
                return await self._try_to_reconnect()
            await asyncio.sleep(STORE_AWAY_PAUSE)

    async def _try_to_reconnect(self) -> None:
        """Raises StoreFailed, and InUse."""
        if self._reconnecting is None:  # else it goes on: a thread can't be interrupted
            self._reconnecting = asyncio.create_task(asyncio.to_thread(self._journal.reconnect))
        await asyncio.wait([self._reconnecting])
        done, self._reconnecting = self._reconnecting, None
        done.result()
        self._writes.reconcile()

    # -- a round -------------------------------------------------------------------------------------

    def _round(self) -> None:
        while self._completed:
            self._take_answer(self._completed[0])
            self._answers.adjust_pace(self._completed.popleft().error)
        if time.monotonic() - self._last_look >= LOOK_EVERY:
            self._look()
            self._last_look = time.monotonic()
        elif self._reports_are_due or self.counts.retrying:  # before anybody is called again
            self._take_reports()
        leaving: list[InFlight] = []
        try:
            self._claim_rows(leaving)
            self._writes.add_attempts(leaving)
            self._writes.write()
        except BaseException:
            self._writes.drop_attempts(leaving)
            self._claims.give_back(leaving)
            raise
        for flight in leaving:
            self._in_flight[flight.row.line] = flight
        for flight in leaving:
            flight.task = asyncio.create_task(self._send(flight))
        self._report_rows()

    def _claim_rows(self, leaving: list[InFlight]) -> None:
        """Append the requests that leave in this round."""
        self._next_round_at = self._last_look + LOOK_EVERY
        if self._why_wait() or self.ended_by is not None:
            return
        room = self._policy.concurrency - len(self._in_flight)
        self._next_round_at = min(self._next_round_at, self._claims.claim(leaving, room))
        if self._claims.calls_are_used_up:
            self.ended_by = OutOfTime(f"--max-calls {self._policy.max_calls} was reached.")
        elif self._is_idle and not leaving:
            self._journal.attend(is_idle=True)

    async def _send(self, flight: InFlight) -> None:
        try:
            await self._sender.send(flight)
        finally:
            self._completed.append(flight)
            if len(self._completed) >= self._answers_wanted:
                self._wake_up.set()

    async def _wait(self) -> None:
        """Wait until there is something to do. Answers that come soon after each other share a commit, but
        not all slots are left idle for that."""
        await self._wait_for_answers(1, self._next_round_at - time.monotonic())
        for _ in range(GATHERING):
            await asyncio.sleep(0)
        if self._completed and not self._reports_are_due:
            half = math.ceil(len(self._in_flight) / 2)
            left = self._next_round_at - time.monotonic()
            await self._wait_for_answers(half, min(left, self._journal.gathers_for))

    async def _wait_for_answers(self, number: int, seconds: float) -> None:
        """Until so many are there, or there is something else to do; at most for so long."""
        if len(self._completed) >= number or seconds <= 0:
            return
        self._answers_wanted = number
        self._wake_up.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake_up.wait()

    def _is_over(self) -> bool:
        if self._in_flight or self._completed:
            return False
        if self.ended_by is not None:
            return True
        if not self._is_idle or self._journal.may_get_rows:
            return False
        return not self._policy.wait or self._no_outcome_due()

    @property
    def _is_idle(self) -> bool:
        """Whether nobody is called, and nobody is left whom this process has to call."""
        return self._claims.nobody_is_left and not (self._in_flight or self._completed)

    def _no_outcome_due(self) -> bool:
        """Whether no outcome is waited for. Calls of this run whose answer was lost may have one, too."""
        late = time.monotonic() - self._answers.last_call > self._policy.timeout
        return late or not (self.counts.without_outcome or self._reports.are_due)

    def _look(self) -> None:
        """Look for reports from 8x8, quiet hours that are over, and whether the broadcast was stopped."""
        self._journal.store.require_in_place()
        if self._journal.state is BroadcastState.STOPPED and self.ended_by is None:
            self.ended_by = Interrupted("The broadcast was stopped.")
        self._journal.attend(is_idle=self._is_idle)
        self._follow_others()
        self._take_reports()
        self._reports.take_those_of_free_rows()
        self._eligibility.update(self._journal.store)
        self._queue.release(self._eligibility.hours.is_open)
        self._report_progress()

    def _follow_others(self, *, at_once: bool = False) -> None:
        done = self.counts.done
        self._progress.follow_others(are_there=self._journal.has_others, at_once=at_once)
        if self.counts.done != done:
            self._answers.last_call = time.monotonic()

    def _take_reports(self) -> None:
        self._reports_are_due = False
        if self._reports.take_new():
            self._eligibility.is_outdated = True
            self._report_rows()  # not only once others are claimed, which takes longer

    # -- what is answered ----------------------------------------------------------------------------

    def _take_answer(self, flight: InFlight) -> None:
        if (reason := self._answers.take(flight)) is not None:
            self.ended_by = reason

    # -- the end -------------------------------------------------------------------------------------

    async def _finish(self) -> None:
        """Give the requests under way the time to be answered, and write down all that is known. Raises
        OutputFailed."""
        tasks = [flight.task for flight in self._in_flight.values() if flight.task is not None]
        if tasks:
            with suppress(asyncio.CancelledError):  # who interrupts this does not want to wait
                await asyncio.wait(tasks, timeout=GRACE)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for flight in self._in_flight.values():
            if flight not in self._completed:  # its task was not begun, so that nothing of it left
                flight.error = Unreachable("The request was stopped before it left.")
                self._completed.append(flight)
        self._journal.release_reserve()
        try:
            if self._reconnecting is not None:
                with suppress(StoreUnreachable):
                    await self._try_to_reconnect()
            await self._write_all()
            self._follow_others(at_once=True)
        except Exception as error:  # noqa: BLE001 - what is not on the disk is reported
            self.ended_by = self._with_lost_answers(as_voicecli_error(error))
        try:
            self._report_rows()
            self._report_progress()
        except OutputFailed:
            raise
        except Exception as error:  # noqa: BLE001 - all that matters is written
            self.ended_by = self.ended_by or as_voicecli_error(error)

    async def _write_all(self) -> None:
        """Write what is known: on a disk that is full, too, and where another process has the store, as soon
        as it is free, for at most GRACE. Raises StoreFailed."""
        end, is_full, is_all_known = time.monotonic() + GRACE, False, True
        while True:
            try:
                is_all_known &= self._take_last_answers(patient=time.monotonic() < end)
                self._writes.write()
                self._writes.write()  # the answers to what the first one wrote
                waits = self._policy.wait and self.counts.without_outcome
                left = next(self._journal.rows(RowState.PLANNED, RowState.RETRY, RowState.SENDING), None)
                if is_all_known and not waits and left is None:
                    self._journal.set_state(BroadcastState.DONE)
                return
            except StoreBusy:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(STORE_BUSY_PAUSE)
            except StoreUnreachable:
                if time.monotonic() > end:
                    raise
                with suppress(StoreBusy, StoreUnreachable):
                    await self._try_to_reconnect()
            except StoreFailed:
                if is_full:
                    raise
                is_full = True
                self._journal.store.checkpoint()  # then its log can begin again where it began

    def _take_last_answers(self, *, patient: bool) -> bool:
        """Note the answers of all requests. One that fails keeps no other from being noted: then it is noted
        by its answer alone, without a look at what 8x8 has reported, and this gives False. Raises StoreBusy,
        unless it is not to be ``patient``."""
        is_all_known = True
        while self._completed:
            flight = self._completed[0]
            try:
                self._take_answer(flight)
            except Exception as error:
                if patient and isinstance(error, StoreBusy):
                    raise
                is_all_known = False
                self.ended_by = self.ended_by or as_voicecli_error(error)
                self._writes.answer(flight, *flight.attempt_answer())
                if self._writes.latest(flight.row).state is RowState.SENDING:  # else 8x8 has reported it
                    if flight.was_not_placed:
                        self._writes.undo(flight)
                    else:
                        self._writes.update(flight.row, flight.answered_row())
            self._completed.popleft()
        return is_all_known

    def _with_lost_answers(self, error: VoicecliError) -> VoicecliError:
        """With the calls whose answers are lost to the journal: there they are unknown."""
        lost = self._writes.lost_answers()
        rows = [
            with_former_names(
                "lost answer",
                {
                    "line": row.line,
                    "destination": row.destination,
                    "status": row.state,
                    "sessionId": row.session,
                },
            )
            for row in lost
        ]
        hint = f"{error.hint} 8x8's answers to {len(lost):,} calls are lost: they count as unknown."
        kind = type(error) if isinstance(error, StoreFailed | ConfigurationError) else VoicecliError
        known = kind(error.message, hint=hint if lost else error.hint, details={"rows": rows})
        known.__cause__ = error
        return known

    # -- callbacks ------------------------------------------------------------------------------------

    def _report_rows(self) -> None:
        while self._writes.written:
            self._on_row(self._writes.written.popleft())

    def _report_progress(self) -> None:
        self.counts.waiting = "" if self._is_over() else self._reason_for_waiting()
        self._progress.tick()
        self._on_progress(self.counts)

    def _reason_for_waiting(self) -> str:
        """Why nobody is called at the moment, in words."""
        if self._store_trouble:
            return self._store_trouble
        if not self._claims.all_rows_read and (reason := self._why_wait()):
            return reason
        if (pause := self._claims.not_before - time.monotonic()) > 0:
            return f"8x8 can't be reached, trying again in {math.ceil(pause)} s"
        if (pause := self._pace.paused) > 0:
            return f"8x8 asks to slow down, continuing in {math.ceil(pause)} s"
        if not self._claims.all_rows_read or self._in_flight:
            return ""
        if zones := self._queue.held_zones:
            first = self._eligibility.hours.next_opening(zones)
            until = "" if first is None else f", until {first.astimezone():%a %H:%M}"
            return f"Quiet hours for all who are left{until}"
        if self.counts.retrying and (self._queue.waiting or not self._journal.has_others):
            return "Waiting for the next attempts"
        if self._journal.has_others and self.counts.left:
            return "Others call those who are left"
        return "Waiting for outcomes" if self._policy.wait else ""
