"""Delivers webhooks to the URLs that were set, and tries again where they do not arrive."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

T = TypeVar("T")

RETRY_AFTER = (1, 10, 30, 90)  # seconds; 8x8 documents these for its messaging products only
TIMEOUT = 10.0  # real seconds for one attempt
MAX_REPLY = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Target:
    """Where one type of event goes. ``authorization`` is the Authorization header's value."""

    type: str
    url: str
    enabled: bool
    authorization: str | None

    def public(self) -> dict[str, object]:
        """As the API shows it: the authorization is never given back."""
        return {
            "type": self.type,
            "url": self.url,
            "enabled": self.enabled,
            "httpAuthHeaderAvailable": self.authorization is not None,
        }


class WebhookDelivery:
    """Holds the targets, one for each type, and carries events to them."""

    def __init__(self, *, time_scale: float, log: Callable[[str], None]) -> None:
        self.targets: dict[str, Target] = {}
        self.time_scale = time_scale
        self._log = log
        self._http: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def has(self, kind: str) -> bool:
        """Whether events of this type are reported to anybody."""
        return kind in self.targets and self.targets[kind].enabled

    def spawn(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Run in the background until ``close``; exceptions are written to the log."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log(f"a fault of the sandbox: {error!r}")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def sleep(self, seconds: float) -> None:
        """Let time pass on the sandbox's clock."""
        await asyncio.sleep(seconds / self.time_scale)

    async def deliver(
        self, kind: str, event: dict[str, object], *, after: float = 0, again: bool = True
    ) -> bytes | None:
        """Deliver one event and return the answer's body, or None where it did not arrive.

        With ``again``, what did not arrive is tried again in the background, so that nothing waits for it.
        """
        await self.sleep(after)
        if not self.has(kind):
            return None
        reply = await self._attempt(self.targets[kind], event)
        if reply is None and again:
            self.spawn(self._repeat(self.targets[kind], event))
        return reply

    async def _repeat(self, target: Target, event: dict[str, object]) -> None:
        for seconds in RETRY_AFTER:
            await self.sleep(seconds)
            if await self._attempt(target, event) is not None:
                return
        self._log(f"{target.type} webhook given up after {len(RETRY_AFTER) + 1} attempts")

    async def _attempt(self, target: Target, event: dict[str, object]) -> bytes | None:
        if self._http is None:
            # The requests stay on this machine: no proxy, no cookies kept from one to the next.
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT), cookie_jar=aiohttp.DummyCookieJar()
            )
        headers = {"Content-Type": "application/json"}
        if target.authorization is not None:
            headers["Authorization"] = target.authorization
        body = json.dumps(event).encode()
        try:
            async with self._http.post(
                target.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                reply = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    reply += chunk
                    if len(reply) > MAX_REPLY:
                        break
                if 200 <= response.status < 300:
                    return bytes(reply)
                reason = f"HTTP {response.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = type(error).__name__
        self._log(f"{target.type} webhook not delivered: {reason}")
        return None
