"""Passes webhooks on to an application of the user's own."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Self

import aiohttp

from voicecli.plurals import counted
from voicecli.voice_api.webhook_events import receiver_url

MAX_ANSWER = 1 << 16  # bytes
MAX_WAITING = 1_000  # events that wait for the application; what comes beyond is not passed on
MAX_WAITING_BYTES = 16 << 20
CALM = 10.0  # seconds without a loss after which all is well again
AT_ONCE = 16  # sessions that are passed on at the same time
# Belong to one connection and not to the message (RFC 9110, 7.6.1), or are made anew.
_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade "
    "host content-length expect accept-encoding".split()
)


class WebhookClient:
    """An HTTP receiver that gets webhooks as they came, the Authorization header only ``with_token``; use
    it in an ``async with``. ``timeout`` is in seconds."""

    def __init__(self, url: str, *, timeout: float, with_token: bool) -> None:
        self._url = url
        self._left_out = _HOP_BY_HOP if with_token else _HOP_BY_HOP | {"authorization"}
        self._timeout = timeout
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # The receiver is where the user says; a proxy or cookies have no part in it.
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def post(self, kind: str, body: bytes, headers: Mapping[str, str]) -> bytes | str:
        """The answer's body, or what went wrong as the end of a sentence about the application."""
        if self._http is None:
            return "was not asked"
        passed = [(name, value) for name, value in headers.items() if name.lower() not in self._left_out]
        try:
            async with self._http.post(
                receiver_url(self._url, kind), data=body, headers=passed, allow_redirects=False
            ) as response:
                answer = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    answer += chunk
                    if len(answer) > MAX_ANSWER:
                        return "answered too much"
                if not 200 <= response.status < 300:
                    return f"answered HTTP {response.status}"
                return bytes(answer)
        except TimeoutError:
            return f"did not answer within {self._timeout:g} s"
        except aiohttp.ClientConnectorError:
            return "could not be reached"
        except (aiohttp.ClientError, ValueError, OSError) as error:
            return f"broke off ({type(error).__name__})"


class Forwarder:
    """``start`` it, ``pass_on`` events, ``stop`` it. ``notify`` gets what went wrong."""

    def __init__(self, url: str, *, timeout: float, with_token: bool, notify: Callable[[str], None]) -> None:
        self._receiver = WebhookClient(url, timeout=timeout, with_token=with_token)
        self._timeout = timeout
        self._notify = notify
        self._queues: dict[str, deque[tuple[str, bytes, Mapping[str, str]]]] = {}  # by session, in order
        self._waiting = self._bytes = self._lost = 0
        self._lost_at = 0.0  # by the monotonic clock
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._receiver.__aenter__()

    async def stop(self) -> None:
        """What is waiting is given the time of one attempt."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._timeout)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._receiver.__aexit__(None, None, None)

    def pass_on(self, kind: str, session: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Pass an event on in the background, after those of its session that came before it."""
        if self._waiting >= MAX_WAITING or self._bytes + len(body) > MAX_WAITING_BYTES:
            self._lose("the application is too slow")
            return
        self._waiting += 1
        self._bytes += len(body)
        queue = self._queues.get(session)
        if queue is not None:
            queue.append((kind, body, headers))
            return
        self._queues[session] = deque([(kind, body, headers)])
        task = asyncio.create_task(self._drain(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, session: str) -> None:
        queue = self._queues[session]
        try:
            while queue:
                kind, body, headers = queue.popleft()
                try:
                    async with self._turns:
                        answer = await self._receiver.post(kind, body, headers)
                finally:
                    self._waiting -= 1
                    self._bytes -= len(body)
                if isinstance(answer, str):
                    self._lose(f"the application {answer}")
                elif self._lost and (not self._waiting or time.monotonic() - self._lost_at > CALM):
                    lost = counted(self._lost, "event was", "events were")
                    self._notify(f"The application takes events again; {lost} not passed on.")
                    self._lost = 0
        finally:
            del self._queues[session]

    def _lose(self, why: str) -> None:
        self._lost_at = time.monotonic()
        self._lost += 1
        if self._lost == 1:
            self._notify(f"Events are not passed on: {why}.")
