"""Places calls and waits for their outcomes: all at once, or one by one until somebody confirms."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial

from voicecli.calling import questions
from voicecli.calling.call_events import (
    Accepted,
    AnswerLost,
    CallEvent,
    NobodyCanConfirm,
    Progress,
    Reported,
    StoreAway,
    StoreBack,
)
from voicecli.calling.endings import Ending
from voicecli.calling.placing import Placer, attempt_of, nothing_sent
from voicecli.calling.results import Result, failed_result, told_result
from voicecli.calling.waited_call import WaitedCall, WaitOptions
from voicecli.errors import (
    ConfigurationError,
    OutcomeUnknown,
    PlacedBefore,
    StoreFailed,
    VoicecliError,
    is_store_unreachable,
)
from voicecli.sessions.pending import PendingCall
from voicecli.store import event_queries as stored_events, read_positions
from voicecli.store.following import LOOK_EVERY, PATIENCE, Follower
from voicecli.threads import in_daemon_thread
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations.calls import Session
from voicecli.voice_api.webhook_events import Received

STOP_PATIENCE = 1.0  # seconds for a request that waits to leave, after an interrupt


class OutcomeWaiter:
    """Reads 8x8's reports from the store that ``follower`` follows. With ``tell_anyway``, ``trouble`` is
    asked before each call why no key could arrive (None if one could). ``missed`` gives the seconds since a
    moment (monotonic clock) in which nobody received reports."""

    def __init__(
        self,
        placer: Placer,
        follower: Follower,
        options: WaitOptions,
        *,
        on_event: Callable[[CallEvent], None],
        trouble: Callable[[], Awaitable[str | None]],
        missed: Callable[[float], float] = lambda _: 0.0,
    ) -> None:
        self._placer = placer
        self._placer_without_question = placer.without_question()
        self._follower = follower
        self._store = follower.store
        self._options = options
        self._on_event = on_event
        self._trouble = trouble
        self._missed = missed
        self._called: set[str] = set()  # or tried to, by clientRequestId
        self._away_since: float | None = None  # monotonic: the database, when it was read last

    async def results(self, requests: Sequence[CallRequest]) -> AsyncGenerator[Result, None]:
        """The result of each call as soon as it is known; it is in the ledger first, for an interrupt. Raises
        StoreFailed if the store can't be read; with ``tell_anyway`` the remaining people are called first."""
        alert = self._options.until_confirmed
        found = self._until_confirmed(requests) if alert else self._together(requests)
        try:
            async with aclosing(found):
                async for result in found:
                    self._placer.ledger.ended.append(result)
                    yield result
        except StoreFailed as error:
            for request in requests:
                if self._options.tell_anyway and request.client_request_id not in self._called:
                    try:
                        result = await self._tell(request, error.message)
                    except VoicecliError as why:
                        result = failed_result(request, why)
                    self._placer.ledger.ended.append(result)
                    yield result
            raise

    async def _together(self, requests: Sequence[CallRequest]) -> AsyncGenerator[Result, None]:
        """Place all calls, then wait for all of them."""
        calls = []
        for request in requests:
            try:
                call = await self._place_or_tell(request)
            except VoicecliError as error:
                yield failed_result(request, error)
                continue
            if isinstance(call, Result):
                yield call
            else:
                calls.append(call)
        async for result in self._outcomes(calls):
            yield result

    async def _until_confirmed(self, requests: Sequence[CallRequest]) -> AsyncGenerator[Result, None]:
        """Place one call after the other until somebody confirms, also one who was called earlier. Ends as
        well if another process has taken the run over; raises PlacedBefore if nobody was called by then."""
        earlier: list[WaitedCall] = []
        is_first = True  # nobody was called, or may have been
        for request in requests:
            calls: list[WaitedCall] = []
            try:
                call = await self._place_or_tell(request, earlier)
                is_first = False
                if isinstance(call, Result):
                    yield call
                else:
                    calls.append(call)
            except StoreFailed:
                raise
            except VoicecliError as error:
                if isinstance(error, PlacedBefore) and is_first:
                    raise
                is_first = is_first and not isinstance(error, OutcomeUnknown)
                if not _confirmed(earlier):
                    yield failed_result(request, error)
                    if isinstance(error, PlacedBefore):
                        return
            result = None
            async for result in self._outcomes(calls, earlier):
                yield result
            if result is not None and result.ending is Ending.DONE:
                return
            earlier += calls

    # -- one call ------------------------------------------------------------------------------------

    async def _place(self, request: CallRequest, earlier: Sequence[WaitedCall] = ()) -> WaitedCall:
        """Place a call, unless an ``earlier`` one is confirmed before it leaves. A lost answer is waited for,
        too. Tries again while another process locks the store. Raises why it was not placed."""
        await self._until_reachable()
        place = partial(self._place_once, request, earlier)
        return await self._follower.when_free(place, retry=ConfigurationError)  # raised only before sending

    async def _place_once(self, request: CallRequest, earlier: Sequence[WaitedCall]) -> WaitedCall:
        with nothing_sent():
            newest = read_positions.last_event_number(self._store)
        asks = self._placer.asks(request) if self._options.digits else None
        pending = PendingCall(attempt_of(request, asks, self._placer.key_names))
        call = WaitedCall(request, pending, before=newest, seen=newest)
        try:
            call.session = await self._send(self._placer, request, earlier)
        except OutcomeUnknown as error:
            call.lost = error
            self._placer.lost(request, error)
            self._on_event(AnswerLost(error))
        else:
            pending.id = call.session.session_id
            self._on_event(Accepted(self._placer.accepted_words(request), call.session))
        call.start = time.monotonic()
        return call

    async def _place_or_tell(
        self, request: CallRequest, earlier: Sequence[WaitedCall] = ()
    ) -> WaitedCall | Result:
        """Place a call; without its question, and with its result, if ``tell_anyway`` is set and no key could
        arrive. Raises why it was not placed."""
        if not self._options.tell_anyway:
            return await self._place(request, earlier)
        why = await self._trouble()
        if why is None:
            try:
                return await self._place(request, earlier)
            except ConfigurationError as error:  # raised before sending, or else by on_event
                if request.client_request_id in {*self._placer.ledger.accepted, *self._placer.ledger.lost}:
                    raise
                why = error.message
        return await self._tell(request, why, earlier)

    async def _tell(self, request: CallRequest, why: str, earlier: Sequence[WaitedCall] = ()) -> Result:
        """Place a call without its question. Raises why it was not placed, or may not have been."""
        spoken = questions.without_questions(request)
        self._on_event(NobodyCanConfirm(spoken, why))
        try:
            session = await self._send(self._placer_without_question, spoken, earlier)
        except OutcomeUnknown as error:
            self._placer_without_question.lost(spoken, error)
            raise
        self._placer_without_question.ledger.mark_reported(spoken)
        return told_result(spoken, session)

    async def _send(self, placer: Placer, request: CallRequest, earlier: Sequence[WaitedCall]) -> Session:
        """Send a request, unless an ``earlier`` call is confirmed before it leaves. An error meanwhile is
        raised once the request has ended, so that its result is known."""
        self._called.add(request.client_request_id)
        sending = in_daemon_thread(partial(placer.place, request))
        sending.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may be too late
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=LOOK_EVERY if earlier else None)
                with suppress(StoreFailed), self._store.short_patience():  # the look after it tells of that
                    await self._look(() if self._away_since is not None else earlier)
                if _confirmed(earlier):
                    placer.stop()
        except asyncio.CancelledError:
            placer.stop()
            await asyncio.wait({sending}, timeout=STOP_PATIENCE)
            raise
        except Exception:
            placer.stop()
            await asyncio.wait({sending})
            raise
        return sending.result()

    async def _outcomes(
        self, calls: Sequence[WaitedCall], earlier: Sequence[WaitedCall] = ()
    ) -> AsyncGenerator[Result, None]:
        """The result of each call as soon as it is known, until an ``earlier`` one is confirmed."""
        waiting, is_news = list(calls), True
        while True:
            if is_news:
                await self._read((*waiting, *earlier))
            over = [call for call in waiting if call.is_over(self._options.timeout)]
            confirmed = _confirmed(earlier)
            for call in (*over, *confirmed):
                result = call.result(self._options, without_reports=self._missed(call.start))
                if result.placed:
                    self._placer.ledger.mark_reported(call.request)
                yield result
            waiting = [call for call in waiting if call not in over]
            if confirmed:
                for call in waiting:
                    self._on_event(Reported(call.destination, "goes on, and is not waited for"))
                waiting = []
            self._on_event(self._progress(waiting))
            if not waiting:
                return
            is_news = await self._follower.changed()

    async def _read(self, calls: Sequence[WaitedCall]) -> None:
        """``_look``, as soon as no other process holds the store. That the database is away is told once, and
        while it is, nothing is known."""
        if self._is_still_away():
            return
        try:
            await self._follower.when_free(partial(self._look, calls), retry=StoreFailed)
        except StoreFailed as error:
            if not is_store_unreachable(error):
                raise
            self._away_since = time.monotonic()
            self._on_event(StoreAway(error))

    def _is_still_away(self) -> bool:
        if self._away_since is not None and self._follower.is_back():
            self._away_since = None
            self._on_event(StoreBack())
        return self._away_since is not None

    async def _until_reachable(self) -> None:
        """Give a database that was away when it was read last some time to come back: once, and not for each
        call."""
        end = (self._away_since or 0.0) + PATIENCE
        while self._is_still_away() and time.monotonic() < end:
            await self._follower.changed()

    async def _look(self, calls: Sequence[WaitedCall]) -> None:
        """Read new events of these calls from the store. If that fails, the error names the calls, whose
        outcome is unknown then, not a failure."""
        if not calls:
            return
        try:
            new = partial(stored_events.events_after, self._store, min(call.seen for call in calls))
            for received in await self._follower.read(new):
                for call in calls:
                    if call.seen < received.id:
                        self._see(call, received)
                        call.seen = received.id
            self._store.require_in_place()
        except StoreFailed as error:
            ids = [(call.pending.id, call.request.client_request_id) for call in calls]
            names = ", ".join(one or own for one, own in ids)
            raise StoreFailed(
                f"The outcome of {names} can't be read. {error.message}",
                hint="It was placed, or may have been: look for it before you call again.",
                details={
                    "accepted": [{"sessionId": one, "clientRequestId": own} for one, own in ids if one],
                    "unknown": [own for one, own in ids if not one],
                },
            ) from error

    def _see(self, call: WaitedCall, received: Received) -> None:
        event, pending = received.event, call.pending
        if pending.names(event) and self._is_new(call, event.session_id):
            reported = stored_events.events_of_session(self._store, event.session_id)
            pending.id = event.session_id
            self._placer.record_answer(call.request, event.session_id)
            for earlier in reported:
                pending.observe(earlier)
        words = pending.observe(received)
        if words is not None and event.type != "VSS":
            call.words = words
            self._on_event(Reported(call.destination, words))

    def _is_new(self, call: WaitedCall, session_id: str) -> bool:
        """Whether a session can belong to a call whose answer was lost: it was not known before the call, and
        8x8 has not given it for another one."""
        before = stored_events.was_session_known(self._store, session_id, call.before)
        return not before and not self._placer.is_of_another(self._store, call.request, session_id)

    def _progress(self, waiting: Sequence[WaitedCall]) -> Progress:
        if not waiting:
            return Progress(0)
        first = waiting[0]
        return Progress(len(waiting), time.monotonic() - first.start, first.destination, first.words)


def _confirmed(calls: Sequence[WaitedCall]) -> list[WaitedCall]:
    return [call for call in calls if call.pending.confirmed]
