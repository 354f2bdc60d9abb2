"""Replies to the VCAs of calls that were placed from this store with the rest of their callflows
(``voice_api.vca_continuation``); other calls are for one of ``listener.vca_repliers``."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, closing, suppress
from functools import partial
from typing import NamedTuple, Protocol, Self, TypeVar

from voicecli.errors import ConfigurationError, VoicecliError
from voicecli.json_values import text
from voicecli.listener.routes import Answered, Replier, as_context
from voicecli.listener.store_thread import StoreThread
from voicecli.listener.vca_repliers import MAX_CALLS, CallHistory, UnsubscribedFilter
from voicecli.sessions.attempt import Attempt
from voicecli.store.attempts import (
    attempt_of_session,
    attempts_without_response,
    attempts_without_session,
    sealed_flow,
)
from voicecli.store.engine import Store
from voicecli.store.event_queries import events_of_session
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.voice_api.callflow import CallRequest, destinations, sources
from voicecli.voice_api.callflow_rules import Action, has_question
from voicecli.voice_api.replies import EMPTY_REPLY, HANG_UP, reply_without_callflow
from voicecli.voice_api.vca_continuation import continue_call
from voicecli.voice_api.webhook_events import Event, Received

T = TypeVar("T")
PATIENCE = 1.0  # seconds for the answer to a request, which tells the session
LOOK_EVERY = 0.05  # seconds


class Read(Protocol):
    """Gives what reads in a store; raises what that raises."""

    async def __call__(self, work: Callable[[Store], T], /) -> T: ...


class _Call(NamedTuple):
    """The whole callflow of a call with a question, and when it was placed (microseconds), if known."""

    flow: Sequence[Action]
    accepted: int | None


class PlacedCallsReplier(AsyncExitStack):
    """A ``Replier``. ``requests`` (by clientRequestId) are those of this process, of any time; callflows of
    other processes are in the store while their calls may ask something. ``other`` replies to the VCAs of
    calls from elsewhere, and after callflows that end in their question; it calls nobody who has
    unsubscribed (calls from here were checked when they were placed).

    If the store or its key can't be read, it uses ``requests``, the callflows that it has read, and the VCAs
    that it has answered. Another call gets ``reply_without_callflow`` if it is known to be from here, or if
    that is unknown and ``other`` would hang up by default.
    """

    def __init__(
        self, place: StorePlace, other: Replier, *, requests: Mapping[str, CallRequest] = {}
    ) -> None:
        super().__init__()
        self._place = place
        self._other = UnsubscribedFilter(place, other)
        self._requests = requests
        self._calls: OrderedDict[str, _Call] = OrderedDict()  # that were answered, by session
        self._history = CallHistory()
        self._thread: StoreThread | None = None  # where a team shares the store
        self._store: Store | None = None
        self._removed: Store | None = None  # what it was before, with the calls that were placed until then

    async def __aenter__(self) -> Self:
        await self.enter_async_context(as_context(self._other))
        if self._place.is_shared:
            self._thread = self.enter_context(closing(StoreThread(self._place)))
        else:
            self._store = self.enter_context(open_store(self._place, accept_newer=True))
        return self

    async def __call__(self, received: Received, headers: Mapping[str, str]) -> Answered:
        event, read, attempt = received.event, self._read, None
        try:
            attempt = await _attempt_of(read, event)
            if attempt is None and self._removed is not None:
                read = self._read_removed
                attempt = await _attempt_of(read, event)
            if attempt is None:
                call = self._at_hand(event, by_numbers=False)
            else:
                call = await read(partial(self._call, attempt=attempt))
            if call is None and (attempt is None or _is_answered_elsewhere(attempt)):
                return await self._other(received, headers)
        except VoicecliError as error:
            call = self._calls.get(event.session_id) or self._at_hand(event)
            if call is None and attempt is None:
                return await self._answer_of_other(received, headers, error)
            if call is None:
                return Answered(reply_without_callflow(event), error.message)
        if call is None:
            return Answered(EMPTY_REPLY)  # it asks nothing, or is over
        self._remember(event.session_id, call)
        of_session: list[Received] = []
        with suppress(VoicecliError):
            of_session = await read(partial(events_of_session, session_id=event.session_id))
        earlier = self._history.before(received, lambda: of_session)
        # Where it came to another listener before, it is answered as it was there.
        first = next((one for one in of_session if one.id == received.id and received.times > 1), received)
        reply = continue_call(call.flow, accepted=call.accepted, earlier=earlier, event=first)
        if reply is None:
            ends_in_question = has_question(call.flow[-1:])
            return await self._other(received, headers) if ends_in_question else Answered(HANG_UP)
        return Answered(reply)

    async def _read(self, work: Callable[[Store], T]) -> T:
        """What ``work`` reads in the store. Raises StoreFailed and ConfigurationError."""
        return work(self._store_that_is_there()) if self._thread is None else await self._thread.run(work)

    async def _read_removed(self, work: Callable[[Store], T]) -> T:
        if self._removed is None:
            raise RuntimeError("no store was removed")
        return work(self._removed)

    def _store_that_is_there(self) -> Store:
        """The store; opened anew if its file was removed or replaced and that succeeds."""
        if self._store is None:
            raise RuntimeError("the replier was not entered")
        if not self._store.is_there():
            with suppress(ConfigurationError):
                now = self.enter_context(open_store(self._place, accept_newer=True))
                self._store, self._removed = now, self._store
        return self._store

    def _call(self, store: Store, attempt: Attempt) -> _Call | None:
        """Raises StoreFailed, and ConfigurationError where its callflow can't be unsealed."""
        own = self._requests.get(attempt.client_request_id)
        flow = sealed_flow(store, attempt) if own is None else own.callflow
        return None if flow is None else _Call(flow, attempt.placed)

    def _at_hand(self, event: Event, *, by_numbers: bool = True) -> _Call | None:
        """The call of this process that a VCA is about, by clientActionId, else by the numbers."""
        action_id = text(event.payload.get("clientActionId"))
        named = [one for one in self._requests.values() if action_id and one.client_action_id == action_id]
        between = [
            one
            for one in self._requests.values()
            if by_numbers
            and None in (action_id, one.client_action_id)
            and event.source.lstrip("+") in _numbers(sources(one.callflow))[:1]
            and event.destination.lstrip("+") in _numbers(destinations(one.callflow))[:1]
        ]
        found = named or between
        return _Call(found[0].callflow, None) if len(found) == 1 else None

    async def _answer_of_other(
        self, received: Received, headers: Mapping[str, str], error: VoicecliError
    ) -> Answered:
        """For a call that may have been placed from here."""
        answered = await self._other(received, headers)
        reply = reply_without_callflow(received.event) if answered.reply is HANG_UP else answered.reply
        return answered._replace(reply=reply, remark=answered.remark or error.message)

    def _remember(self, session_id: str, call: _Call) -> None:
        if session_id:
            self._calls[session_id] = call
            self._calls.move_to_end(session_id)
        if len(self._calls) > MAX_CALLS:
            self._calls.popitem(last=False)


def _numbers(numbers: Iterable[str]) -> list[str]:
    return [number.lstrip("+") for number in numbers]


def _is_answered_elsewhere(attempt: Attempt) -> bool:
    """Whether its question is for an application (``vca_elsewhere``)."""
    return attempt.asks is None and attempt.answer_until is not None


class _Alike(NamedTuple):
    """Which attempts a VCA may be about."""

    known: Attempt | None  # by its session, or its clientActionId
    waiting: Sequence[Attempt] = ()  # between the same numbers, for the answer that tells their session


async def _attempt_of(read: "Read", event: Event) -> Attempt | None:
    """The attempt that a VCA is about: by its session; else the only one without a session that has its
    clientActionId; else the only one between the same numbers whose answer has not come within PATIENCE.
    Raises StoreFailed."""
    end = time.monotonic() + PATIENCE
    while True:
        known, waiting = await read(partial(_alike, event=event))
        if known is not None or not waiting:
            return known
        if time.monotonic() > end:
            return waiting[0] if len(waiting) == 1 else None
        await asyncio.sleep(LOOK_EVERY)


def _alike(store: Store, event: Event) -> _Alike:
    if (known := attempt_of_session(store, event.session_id)) is not None:
        return _Alike(known)
    action_id = text(event.payload.get("clientActionId"))
    alike = attempts_without_session(store, client_action_id=action_id) if action_id else []
    if len(alike) == 1:
        return _Alike(alike[0])
    between = attempts_without_response(store, source=event.source, destination=event.destination)
    return _Alike(None, [one for one in between if None in (action_id, one.client_action_id)])
