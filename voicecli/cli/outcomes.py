"""Waits for what becomes of calls: ``call --wait``, ``--confirm`` and ``--until-confirmed``."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from voicecli.api import Session
from voicecli.callflow import CallRequest, destinations
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.placing import Placing
from voicecli.cli.results import Result, accepted, destination, failed, outcome_code, overall
from voicecli.errors import OutcomeUnknown, PlacedBefore, StoreFailed, VoicecliError
from voicecli.events import Received
from voicecli.sessions.pending import Awaited
from voicecli.store import events as stored_events
from voicecli.store.attempts import is_session_known
from voicecli.store.sqlite import Store
from voicecli.threads import in_daemon_thread

LOOK_EVERY = 0.1  # seconds between two looks into the store
STOP_PATIENCE = 1.0  # seconds for a request that waits to leave, after an interrupt


@dataclass(slots=True, eq=False)
class _Call:
    """One call on its way: placed at ``start`` (monotonic clock), when ``before`` was the newest event in
    the store."""

    request: CallRequest
    awaited: Awaited
    before: int
    session: Session | None = None
    lost: OutcomeUnknown | None = None  # the answer
    start: float = 0.0
    words: str = "waiting for news"

    @property
    def where(self) -> str:
        return destination(self.request)


class Waiting:
    """Places calls and waits for their outcomes, for at most ``timeout`` each, while 8x8's reports get into
    the store. ``digits`` is whether the calls ask for some, and ``confirming`` has those that confirm."""

    def __init__(
        self,
        context: Context,
        placing: Placing,
        store: Store,
        *,
        timeout: timedelta,
        digits: bool = False,
        confirming: frozenset[str] = frozenset(),
    ) -> None:
        self._context = context
        self._placing = placing
        self._store = store
        self._timeout = timeout
        self._digits = digits
        self._confirming = confirming
        self._newest = stored_events.last_event(store)

    async def alone(self, request: CallRequest) -> ExitCode:
        """One call. Raises what kept it from being placed, and OutcomeUnknown where nobody can know."""
        call = await self._place(request)
        [result] = await self._outcomes([call])
        if call.lost is not None and not result.placed:
            raise call.lost
        result.show(self._context)
        return result.code

    async def together(self, requests: Sequence[CallRequest]) -> ExitCode:
        """Several calls: all are placed, and then there is one result for each, as it is known."""
        calls, refused = [], []
        for request in requests:
            try:
                calls.append(await self._place(request))
            except VoicecliError as error:
                refused.append(failed(request, error))
                refused[-1].show(self._context)
        return overall([*refused, *await self._outcomes(calls, show=True)])

    async def until_confirmed(self, requests: Sequence[CallRequest]) -> ExitCode:
        """One call after the other, until somebody confirms; who was called before can still do so. They are
        one alert: it was placed before if the first call that would be placed was."""
        results: list[Result] = []
        earlier: list[_Call] = []
        for request in requests:
            calls: list[_Call] = []
            try:
                calls.append(await self._place(request, earlier))
            except StoreFailed:
                raise
            except VoicecliError as error:
                if isinstance(error, PlacedBefore) and not earlier:
                    raise
                if not _confirmed(earlier):
                    results.append(failed(request, error))
                    results[-1].show(self._context)
            results += await self._outcomes(calls, earlier, show=True)
            if results[-1].code is ExitCode.DONE:
                return ExitCode.DONE
            earlier += calls
        codes = {result.code for result in results}
        for nobody_knows in (ExitCode.UNKNOWN, ExitCode.OUT_OF_TIME):
            if nobody_knows in codes:
                return nobody_knows
        if not earlier:
            return results[-1].code
        self._context.output.note("Nobody has confirmed.")
        return ExitCode.NOT_CONFIRMED

    # -- one call ------------------------------------------------------------------------------------

    async def _place(self, request: CallRequest, earlier: Sequence[_Call] = ()) -> _Call:
        """Place a call, unless one of the ``earlier`` ones is confirmed before it leaves; an answer that was
        lost is not the end. Raises what kept it from being placed."""

        def place() -> Session:
            with self._placing.placed(request) as session:
                return session

        awaited = Awaited(
            request.client_request_id,
            next(iter(destinations(request.callflow)), ""),
            digits_wanted=self._digits,
            confirming=self._confirming,
        )
        call = _Call(request, awaited, before=stored_events.last_event(self._store))
        placing = in_daemon_thread(place)
        placing.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may be too late
        try:
            while not placing.done():
                await asyncio.wait({placing}, timeout=LOOK_EVERY if earlier else None)
                if earlier:
                    self._look(earlier)
                if _confirmed(earlier):
                    self._placing.stop()
            call.session = placing.result()
        except asyncio.CancelledError:
            self._placing.stop()
            await asyncio.wait({placing}, timeout=STOP_PATIENCE)
            raise
        except OutcomeUnknown as error:
            call.lost = error
            self._context.lost[request.client_request_id] = error
            self._placing.forget_doubt()
            self._context.output.note(f"{error.message} Waiting for its summary.")
        else:
            awaited.session_id = call.session.session_id
            self._context.output.note(self._placing.accepted(request, call.session))
        call.start = time.monotonic()
        self._look([call], since=call.before)
        return call

    async def _outcomes(
        self, calls: Sequence[_Call], earlier: Sequence[_Call] = (), *, show: bool = False
    ) -> list[Result]:
        """What became of calls, each as soon as it is known. If one of the ``earlier`` ones is confirmed
        meanwhile, that is all there is to know."""
        waiting, results = list(calls), []
        while True:
            self._look((*waiting, *earlier))
            over = [call for call in waiting if self._is_over(call)]
            confirmed = _confirmed(earlier)
            for call in (*over, *confirmed):
                results.append(self._result(call))
                if show:
                    results[-1].show(self._context)
            waiting = [call for call in waiting if call not in over]
            if confirmed:
                for call in waiting:
                    self._context.output.note(f"{call.where}: goes on, and is not waited for")
                waiting = []
            self._show_progress(waiting)
            if not waiting:
                return results
            await asyncio.sleep(LOOK_EVERY)

    def _look(self, calls: Sequence[_Call], *, since: int | None = None) -> None:
        """Take in what is new in the store, or new since that event. It is new once, so these have to be all
        calls that are waited for. A store that fails leaves open what became of them; it must not look as if
        they had failed."""
        try:
            newest = self._newest if since is None else since
            for received in stored_events.events_after(self._store, newest):
                newest = received.id
                for call in calls:
                    self._see(call, received)
            if since is None:
                self._newest = newest
            if not self._store.is_there():
                raise StoreFailed(f"The store {self._store.path} was removed.")
        except StoreFailed as error:
            ids = [(call.awaited.session_id, call.request.client_request_id) for call in calls]
            names = ", ".join(one or own for one, own in ids)
            raise StoreFailed(
                f"What became of {names} can't be read. {error.message}",
                hint="That was placed, or may have been: look for it before you call again.",
                details={
                    "accepted": [{"sessionId": one, "clientRequestId": own} for one, own in ids if one],
                    "unknown": [own for one, own in ids if not one],
                },
            ) from error

    def _see(self, call: _Call, received: Received) -> None:
        event, awaited = received.event, call.awaited
        if awaited.names(event) and self._is_new(call, event.session_id):
            awaited.session_id = event.session_id
            self._placing.settle(call.request, event.session_id)
            for earlier in stored_events.events_of_one(self._store, event.session_id):
                awaited.see(earlier)
        words = awaited.see(received)
        if words is not None and event.type != "VSS":
            call.words = words
            self._context.output.note(f"{call.where}: {words}")

    def _is_new(self, call: _Call, session_id: str) -> bool:
        """Whether a session can be that of a call whose answer was lost: one that was known before is that of
        an earlier call of this name, and one that 8x8 has told is that of another."""
        before = stored_events.knew_session(self._store, session_id, call.before)
        return not before and not is_session_known(self._store, session_id)

    def _is_over(self, call: _Call) -> bool:
        late = time.monotonic() - call.start > self._timeout.total_seconds()
        return late or call.awaited.is_settled(time.time())

    def _result(self, call: _Call) -> Result:
        awaited = call.awaited
        code, hint = outcome_code(awaited), ""
        if awaited.session_id is None and call.lost is not None:
            return failed(call.request, call.lost)
        if code is ExitCode.OUT_OF_TIME:
            hint = (
                f"It may go on: voicecli sessions {awaited.session_id} shows what a listener receives of it."
            )
        self._placing.told(call.request)
        self._context.lost.pop(call.request.client_request_id, None)
        data = {
            **accepted(call.request, call.session),
            "sessionId": awaited.session_id,
            "outcome": awaited.outcome,
            "words": awaited.words(),
            **({"digits": awaited.digits} if self._digits else {}),
            **({"confirmed": awaited.confirmed} if self._confirming else {}),
            "exitCode": code,
        }
        asks_for_code = self._digits and not self._confirming
        identifier = awaited.digits if asks_for_code else awaited.session_id
        return Result(code, f"{call.where}: {awaited.words()}", data, identifier or "", hint)

    def _show_progress(self, waiting: Sequence[_Call]) -> None:
        if not waiting:
            self._context.output.progress("")
            return
        seconds = time.monotonic() - waiting[0].start
        what = (
            f"{waiting[0].where}: {waiting[0].words}" if len(waiting) == 1 else f"{len(waiting)} calls open"
        )
        self._context.output.progress(f"{what}, {seconds:.0f} s")


def _confirmed(calls: Sequence[_Call]) -> list[_Call]:
    return [call for call in calls if call.awaited.confirmed]
