"""The listener's life: everything starts and ends in the right order, however it ends.

The server first, then the way in from outside, then 8x8. Back: 8x8, what is in flight, the way in, the disk.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from voicecli.errors import ConfigurationError, Unreachable, VoicecliError
from voicecli.events import Received
from voicecli.listener import ports
from voicecli.listener.forward import Forwarder
from voicecli.listener.recorder import Recorder
from voicecli.listener.registration import InUse, Registration
from voicecli.listener.replies import HANG_UP, Reply
from voicecli.listener.server import Listener, MakeCall
from voicecli.store import Store
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.ngrok import Change, Ngrok
from voicecli.untrusted import json_object

PROBE_TIMEOUT = 10.0  # seconds
CHECK_EVERY = 30.0  # seconds between two looks at whether the webhooks are still ours

Tell = Callable[[str, Mapping[str, object] | None], None]
"""Gets what people should know, and the record of it that programs get, where they get one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to listen for, and how. ``port`` 0 lets the system choose; ``forward_timeout`` is in seconds.

    ``public_url`` is a way in of the user's own, ``tunnel`` one that is opened; without both, only this
    machine gets in. ``register`` has the types of webhooks to point here.
    """

    home: Path
    port: int
    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    only_8x8: bool = False
    reply: Reply = HANG_UP
    forward_to: str | None = None
    forward_timeout: float = 5.0
    public_url: str | None = None
    tunnel: Callable[[int], Tunnel] | None = None
    register: tuple[str, ...] = ()
    force: bool = False


class Service:
    """Use it in an ``async with``: inside, it listens. Raises ConfigurationError, Unreachable, or what the
    registration raises; then all is as before."""

    def __init__(
        self,
        plan: Plan,
        *,
        shown: Callable[[Received], None],
        tell: Tell,
        make_call: MakeCall | None = None,
        registration: Registration | None = None,
    ) -> None:
        self.url = ""
        self.public_url: str | None = plan.public_url
        self.way_in = "only this machine" if plan.public_url is None else "no tunnel of ours"
        if plan.tunnel is not None:
            self.way_in = "tunnel opening"
        self._plan = plan
        self._tell = tell
        self._registration = registration
        self._tasks: set[asyncio.Task[None]] = set()
        self._recorder = Recorder(plan.home)
        self._forwarder: Forwarder | None = None
        if plan.forward_to is not None:
            self._forwarder = Forwarder(plan.forward_to, timeout=plan.forward_timeout, tell=self._warn)
        self._listener = Listener(
            self._recorder,
            token=plan.token,
            shown=shown,
            trouble=self._warn,
            reply=plan.reply,
            forwarder=self._forwarder,
            make_call=make_call,
            only_8x8=plan.only_8x8,
        )
        self._ngrok: Ngrok | None = None

    @property
    def refused(self) -> Mapping[str, int]:
        """How many requests were turned away, by reason."""
        return self._listener.refused

    @property
    def inspector(self) -> str | None:
        """Where the agent shows and replays requests."""
        return None if self._ngrok is None else self._ngrok.inspector

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    # -- start ---------------------------------------------------------------------------------------

    async def _start(self) -> None:
        plan = self._plan
        Store(plan.home).close()  # so that one that can't be used is told now
        await self._recorder.start()
        if self._forwarder is not None:
            await self._forwarder.start()
        try:
            port = await self._listener.start(plan.host, plan.port)
        except OSError as error:
            owner = await asyncio.to_thread(ports.owner, plan.port)
            raise ConfigurationError(
                f"Port {plan.port} can't be used: {f'it is taken by {owner}' if owner else error.strerror}.",
                hint="Stop that, or choose another port with --port or PORT.",
            ) from error
        host = f"[{plan.host}]" if ":" in plan.host else plan.host
        self.url = f"http://{host}:{port}"
        if plan.tunnel is not None:
            await self._open(plan.tunnel(port))
        if self.public_url is not None:
            await self._probe(self.public_url)
        if self._registration is not None:
            await self._register(self._registration)
        ready = {
            "record": "ready",
            "url": self.url,
            "publicUrl": self.public_url,
            "inspector": self.inspector,
            "registered": list(plan.register),
        }
        self._tell(f"Ready: listening at {self.url}", ready)

    async def _open(self, tunnel: Tunnel) -> None:
        self._ngrok = Ngrok(tunnel, on_change=self._changed, on_note=self._warn)
        self.public_url = await self._ngrok.start()
        self.way_in = "tunnel up"
        self._tell(f"The tunnel is up: {self.public_url}", self._tunnel_record(None))
        if self.inspector is not None:
            self._warn(f"Requests can be looked at and replayed at {self.inspector}")

    def _changed(self, change: Change) -> None:
        """The tunnel went down, or is up again."""
        moved = change.up and change.url is not None and change.url != self.public_url
        if change.up:
            self.public_url, self.way_in = change.url, "tunnel up"
            self._tell(f"The tunnel is up again: {change.url}", self._tunnel_record(None))
        else:
            reason = change.reason.rstrip(".")
            self.way_in = f"tunnel down ({reason})"
            again = "" if change.retry_in is None else f"; trying again in {change.retry_in:.0f} s"
            self._tell(f"The tunnel is down: {reason}{again}", self._tunnel_record(reason))
        if moved and self._plan.register and self._registration is not None and change.url is not None:
            self._spawn(self._move(self._registration, change.url))

    def _tunnel_record(self, reason: str | None) -> Mapping[str, object]:
        return {"record": "tunnel", "up": reason is None, "publicUrl": self.public_url, "reason": reason}

    async def _probe(self, public_url: str) -> None:
        """See whether the public address leads here, as 8x8 will see it."""
        start = time.monotonic()
        reason = await _why_not_here(public_url, self._listener.instance)
        if reason is None:
            milliseconds = (time.monotonic() - start) * 1000
            self._tell(f"{public_url} leads here, in {milliseconds:.0f} ms", None)
        elif self._plan.force or not self._plan.register:
            self._tell(f"Warning: 8x8 will not get through at {public_url}: {reason}.", None)
        else:
            raise Unreachable(
                f"8x8 would not get through at {public_url}: {reason}.",
                hint="Nothing was registered. With --force it is registered all the same.",
            )

    async def _register(self, registration: Registration) -> None:
        plan = self._plan
        if plan.register and self.public_url is not None:
            receiver = self.public_url
            await asyncio.to_thread(
                registration.take, plan.register, receiver, token=plan.token, force=plan.force
            )
            self._tell(f"Registered with 8x8 for {', '.join(plan.register)}.", None)
            self._spawn(self._watch(registration))
        else:  # an earlier run may have ended before it could put things back
            with suppress(InUse):
                await self._give_back(registration)

    async def _move(self, registration: Registration, public_url: str) -> None:
        try:
            await asyncio.to_thread(registration.move, public_url, token=self._plan.token)
            self._warn(f"8x8 reports to {public_url} from now on.")
        except VoicecliError as error:
            self._warn(f"8x8 can't be told the new address. {error.message} {error.hint}")

    async def _watch(self, registration: Registration) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            with suppress(VoicecliError):  # the next look may have more luck
                await asyncio.to_thread(registration.check)

    # -- stop ----------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._registration is not None and self._registration.has_taken:
            await self._give_back(self._registration)
        if self._registration is not None:
            self._registration.close()
        await self._listener.stop()
        if self._ngrok is not None:
            await self._ngrok.stop()
        if self._forwarder is not None:
            await self._forwarder.stop()
        await self._recorder.stop()

    async def _give_back(self, registration: Registration) -> None:
        try:
            count = await asyncio.to_thread(registration.put_back)
            if count:
                self._warn("The webhooks at 8x8 are as they were before.")
        except InUse:
            raise
        except VoicecliError as error:
            self._warn(
                f"The webhooks at 8x8 are not as they were before: {error.message} "
                "Run voicecli webhooks restore."
            )

    def _warn(self, text: str) -> None:
        self._tell(text, None)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _why_not_here(public_url: str, instance: str) -> str | None:
    """Why a public address does not lead to this listener, or None where it does."""
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(f"{public_url.rstrip('/')}/health", allow_redirects=False) as response,
        ):
            document = json_object(await response.content.read(10_000))
            if document is not None and document.get("instance") == instance:
                return None
            if document is not None and document.get("service") == "voicecli":
                return "another voicecli listen answers there"
            return f"something else answers there (HTTP {response.status})"
    except TimeoutError:
        return f"there was no answer within {PROBE_TIMEOUT:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"it can't be reached ({type(error).__name__})"
