"""Answers the VCA webhooks of calls that were placed from this store, by what is left of their callflows."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from voicecli.errors import VoicecliError
from voicecli.events import Event, Received
from voicecli.listener.routes import Answered, Replier, entered
from voicecli.rules import Action
from voicecli.sessions.attempts import Attempt
from voicecli.store.attempts import attempt_of_session, open_without_session, outstanding, sealed_flow
from voicecli.store.events import events_of_one
from voicecli.store.sqlite import Store
from voicecli.untrusted import text
from voicecli.voice_api.continuation import asks, continue_call
from voicecli.voice_api.replies import HANG_UP, NOTHING

PATIENCE = 1.0  # seconds for the answer to a request, which tells the session
LOOK_EVERY = 0.05  # seconds

Flows = Mapping[str, Sequence[Action]]
"""Whole callflows by clientRequestId, of the calls that this process has placed."""


class CallReplier:
    """A ``Replier``. ``flows`` are at hand; those of other processes are in the store for as long as a call
    asks something. ``other`` answers VCAs of calls that were not placed from this store, and what follows a
    callflow that ends in its question, which is for whoever wrote it to say."""

    def __init__(self, home: Path, other: Replier, *, flows: Flows | None = None) -> None:
        self._home = home
        self._other = other
        self._flows = {} if flows is None else flows
        self._store: Store | None = None
        self._undo = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._undo.enter_async_context(entered(self._other))
        self._store = self._undo.enter_context(Store(self._home))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._undo.aclose()

    async def __call__(self, received: Received, headers: Mapping[str, str]) -> Answered:
        store = self._store
        if store is None:
            raise RuntimeError("the replier was not entered")
        try:
            attempt = await _attempt_of(store, received.event)
            if attempt is None:
                return await self._other(received, headers)
            flow = self._flows.get(attempt.client_request_id) or sealed_flow(store, attempt)
            earlier = [one for one in events_of_one(store, received.event.session_id) if one.id < received.id]
        except VoicecliError as error:
            return Answered(HANG_UP, error.message)
        if flow is None:  # it asks nothing, or is over
            return Answered(NOTHING)
        reply = continue_call(flow, accepted=attempt.placed, earlier=earlier, event=received)
        if reply is None:
            ends_in_question = asks(flow[-1:])
            return await self._other(received, headers) if ends_in_question else Answered(HANG_UP)
        return Answered(reply)


async def _attempt_of(store: Store, event: Event) -> Attempt | None:
    """The call that a VCA is about: the one of this session; else the only one without a session that has its
    clientActionId; else one between the same numbers whose answer is still to come, and comes soon or not.
    Raises StoreFailed."""
    end = time.monotonic() + PATIENCE
    while True:
        if (known := attempt_of_session(store, event.session_id)) is not None:
            return known
        action_id = text(event.payload.get("clientActionId"))
        alike = open_without_session(store, client_action_id=action_id) if action_id else []
        if len(alike) == 1:
            return alike[0]
        between = outstanding(store, source=event.source, destination=event.destination)
        waiting = [one for one in between if None in (action_id, one.client_action_id)]
        if not waiting:
            return None
        if time.monotonic() > end:
            return waiting[0] if len(waiting) == 1 else None
        await asyncio.sleep(LOOK_EVERY)
