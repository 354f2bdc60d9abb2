"""Delivers the events of one session: in order when calm, each by itself in chaos."""

import asyncio

from voicecli.sandbox.chaos import Chaos
from voicecli.sandbox.delivery import WebhookDelivery
from voicecli.sandbox.payloads import Json


class SessionEvents:
    """Keeps their order."""

    def __init__(self, delivery: WebhookDelivery, chaos: Chaos) -> None:
        self._delivery = delivery
        self._chaos = chaos
        self._previous: asyncio.Task[bytes | None] | None = None

    def are_needed(self, kind: str) -> bool:
        """Whether an event of this type is worth making. Chaos needs all of them: each takes its random
        numbers, and may be delivered so late that somebody wants it by then."""
        return self._chaos.enabled or self._delivery.has(kind)

    def post(
        self,
        kind: str,
        event: Json,
        *,
        after: float = 0,
        behind: "asyncio.Task[bytes | None] | None" = None,
    ) -> "asyncio.Task[bytes | None]":
        """Deliver an event ``after`` seconds; in chaos, ``behind`` another one where that is given. The task
        gives the body of the first response."""
        first, *repeated = self._chaos.delays()
        previous = behind if self._chaos.enabled else self._previous

        async def deliver(delay: float, *, again: bool) -> bytes | None:
            if previous is not None:
                await asyncio.wait([previous])
            return await self._delivery.deliver(kind, event, after=after + delay, again=again)

        # A question about a live call is not asked again once the moment is over.
        task = self._delivery.spawn(deliver(first, again=kind != "VCA"))
        for delay in repeated:
            self._delivery.spawn(deliver(delay, again=True))
        self._previous = task
        return task
