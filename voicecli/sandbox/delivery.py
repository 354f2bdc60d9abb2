"""Delivers webhooks to the URLs that were set, and tries again where they do not arrive."""

import asyncio
import errno
import json
from collections.abc import Callable, Coroutine, Mapping
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
        self._troubles: dict[Target, str] = {}  # what the log said last of a target that fails

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
                    if self._troubles.pop(target, None) is not None:
                        self._log(f"{target.type} webhooks are delivered again.")
                    return bytes(reply)
                reason = f"answered HTTP {response.status}"
        except TimeoutError:
            reason = f"did not answer within {TIMEOUT:g} s"
        except aiohttp.ClientOSError as error:
            refused = error.errno == errno.ECONNREFUSED
            reason = "refused the connection" if refused else f"can't be reached: {error.strerror}"
        except (aiohttp.ClientError, ValueError) as error:
            reason = f"can't be reached: {error or type(error).__name__}"
        self._log_trouble(target, event, reason)
        return None

    def _log_trouble(self, target: Target, event: Mapping[str, object], reason: str) -> None:
        """Once, until events arrive there again or fail otherwise: each event is tried several times."""
        if self._troubles.get(target) == reason:
            return
        is_first = not self._troubles
        self._troubles[target] = reason
        payload = event.get("payload")
        session = payload.get("sessionId") if isinstance(payload, dict) else None
        of_session = f" of session {session[:8]}" if isinstance(session, str) else ""
        self._log(f"The {target.type} webhook{of_session} is not delivered: {target.url} {reason}.")
        if is_first and not reason.startswith("answered"):
            self._log("Is voicecli listen running? If it was killed: voicecli webhooks restore")
