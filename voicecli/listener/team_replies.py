"""Asks an application about each VCA once, whichever listeners of the team it comes to."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from functools import partial
from typing import Self

from voicecli.errors import VoicecliError
from voicecli.json_values import json_object, text
from voicecli.listener.routes import Answered, Replier, as_context
from voicecli.listener.store_thread import StoreThread
from voicecli.store import vca_replies
from voicecli.store.location import StorePlace
from voicecli.voice_api.replies import Reply
from voicecli.voice_api.webhook_events import Received

LOOK_EVERY = 0.05  # seconds
BEYOND = 1.0  # seconds after the application's time in which its reply may still be kept


class TeamReplies(AsyncExitStack):
    """Answers as ``replier`` does, which has ``timeout`` seconds for it; where the same VCA came to another
    listener, with the reply that was given there. A VCA that waits in the spool, and all while the store
    can't be used, are nobody else's yet: then ``replier`` answers."""

    def __init__(self, place: StorePlace, replier: Replier, *, timeout: float) -> None:
        super().__init__()
        self._place = place
        self._replier = replier
        self._timeout = timeout
        self._store: StoreThread

    async def __aenter__(self) -> Self:
        await self.enter_async_context(as_context(self._replier))
        self._store = self.enter_context(closing(StoreThread(self._place)))
        return self

    async def __call__(self, received: Received, headers: Mapping[str, str]) -> Answered:
        number = received.id
        try:
            given = await self._given(number) if number else None
        except VoicecliError:
            given, number = None, 0
        if given is not None:
            return given
        answered = await self._replier(received, headers)
        if number:
            await self._keep(number, answered)
        return answered

    async def _given(self, number: int) -> Answered | None:
        """What another listener has replied, or replies soon; None where this one is to ask. Raises what the
        store raises."""
        seconds = self._timeout + BEYOND
        while not await self._store.run(partial(vca_replies.claim, event=number, seconds=seconds)):
            if (kept := await self._store.run(partial(vca_replies.find_reply, event=number))) is not None:
                return _read(kept)
            await asyncio.sleep(LOOK_EVERY)
        return None

    async def _keep(self, number: int, answered: Answered) -> None:
        content = json.dumps(
            {
                "callflow": [*answered.reply.callflow],
                "clientActionId": answered.reply.client_action_id,
                "remark": answered.remark,
                "passedOn": answered.passed_on,
            }
        ).encode()
        try:
            await self._store.run(partial(vca_replies.keep_reply, event=number, reply=content))
        except VoicecliError:
            """The call goes on: if the same VCA comes to another listener, that one asks again."""


def _read(content: bytes) -> Answered:
    document = json_object(content) or {}
    callflow = document["callflow"]
    reply = Reply(tuple(callflow), text(document.get("clientActionId")))  # type: ignore[arg-type]
    return Answered(reply, str(document["remark"]), passed_on=document["passedOn"] is True)
