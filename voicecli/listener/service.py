"""The listener's life: everything starts and ends in the right order, however it ends.

The server first, then public access, then the registration at 8x8. Back: the registration, what is in
flight, public access, the application, the disk.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from voicecli import settings
from voicecli.clock import ClockJumps
from voicecli.errors import InUse, VoicecliError
from voicecli.listener import health, ports, retention
from voicecli.listener.event_intake import EventIntake
from voicecli.listener.forward import Forwarder
from voicecli.listener.instances import InstanceRecord
from voicecli.listener.reachability import Reachability
from voicecli.listener.recorder import Recorder
from voicecli.listener.registration import Registration
from voicecli.listener.request_guard import RequestGuard
from voicecli.listener.retention import DeleteOld
from voicecli.listener.routes import Replier, Route, as_context
from voicecli.listener.server import WebhookServer
from voicecli.listener.vca_repliers import constant_reply
from voicecli.listener.webhook_check import WebhookCheck
from voicecli.listener.webhook_watch import CHECK_EVERY, Notify, WarningText, WebhookWatch
from voicecli.store.sqlite import Store
from voicecli.threads import in_daemon_thread
from voicecli.tunnel.configuration import Tunnel
from voicecli.tunnel.supervision import LIMITS, SupervisionLimits
from voicecli.voice_api.replies import HANG_UP
from voicecli.voice_api.webhook_events import Received

T = TypeVar("T")

DELETE_CALLFLOWS_EVERY = 5.0  # seconds in which summaries have come: then callflows of calls that are over go
CLOCK_EVERY = 1.0  # seconds between two looks at the clock
CLOCK_JUMP = 10.0  # seconds: the machine has slept, or somebody has set its clock by much


@dataclass(frozen=True, slots=True)
class ListenerPlan:
    """What to listen for, and how. ``port`` 0 lets the system choose; ``forward_timeout`` is in seconds.

    ``public_url`` leads here already, ``tunnel`` is to be opened; without both, only this machine gets
    in. ``register`` has the types of webhooks to point here; with these, ``optional`` ones where
    nothing is lost by that, and ``if_unset`` ones that nobody has. With ``token_is_new`` nobody has been told
    the token yet. ``replier`` answers VCAs; what it has not shown to the application at ``forward_to`` itself
    is passed on there, as all other events are; their Authorization header only with ``forward_token``.
    ``delete_old``, every hour, deletes what is old; without it nothing is. ``check_every`` is in seconds,
    between two looks at the webhooks; ``tunnel_limits`` says when the tunnel's agent is started anew. Without
    a token, ``names`` are the hosts that requests may be for, beside this machine and the public URL.
    """

    home: Path
    port: int
    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    token_is_new: bool = False
    replier: Replier = field(default_factory=lambda: constant_reply(HANG_UP))
    forward_to: str | None = None
    forward_timeout: float = 5.0
    forward_token: bool = False
    public_url: str | None = None
    tunnel: Callable[[int], Tunnel] | None = None
    register: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    if_unset: tuple[str, ...] = ()
    force: bool = False
    delete_old: DeleteOld | None = None
    check_every: float = CHECK_EVERY
    tunnel_limits: SupervisionLimits = LIMITS
    names: tuple[str, ...] = ()


def _ignore(*_: object) -> None:
    """For who need not know."""


class ListenerService:
    """Use it in an ``async with``: inside, it listens. ``on_event`` gets each event once it is on disk,
    ``notify`` what a person should know, and ``routes``, by path, answer requests that carry the token.
    Raises ConfigurationError, Unreachable, or what the registration raises; then all is as before. At the
    end it raises what kept webhooks from being put back.
    """

    def __init__(
        self,
        plan: ListenerPlan,
        *,
        on_event: Callable[[Received], None] = _ignore,
        notify: Notify = _ignore,
        routes: Mapping[str, Route] = {},
        registration: Registration | None = None,
        clock_jumps: ClockJumps | None = None,
    ) -> None:
        self.url = ""
        self.presence: InstanceRecord | None = None
        """By which others of this machine find it, once it is up."""
        self._plan = plan
        self._on_event = on_event
        self._summary_came = False
        self._notify = notify
        self._registration = registration
        self._at_8x8 = asyncio.Lock()  # one thing at a time
        self._watch: WebhookWatch | None = None
        self._recorder = Recorder(plan.home)
        self._forwarder: Forwarder | None = None
        if plan.forward_to is not None:
            self._forwarder = Forwarder(
                plan.forward_to,
                timeout=plan.forward_timeout,
                with_token=plan.forward_token,
                notify=self._warn,
            )
        self._listener = WebhookServer(
            EventIntake(
                self._recorder, plan.replier, self._forwarder, on_event=self._take_event, warn=self._warn
            ),
            RequestGuard(plan.token, plan.names, self._warn),
            routes=routes,
            subaccount=None if registration is None else registration.account.subaccount,
            details=self._details,
            on_unauthorised=self._doubt,
            on_forwarded=lambda: self.reachability.reached(),
        )
        self._told_of_refused = False
        self.reachability = Reachability(
            plan.public_url,
            self._listener.instance,
            has_tunnel=plan.tunnel is not None,
            limits=plan.tunnel_limits,
            notify=notify,
            on_url=self._listener.guard.add_name,
            on_moved=self._look_soon,
        )
        self._jumps = ClockJumps() if clock_jumps is None else clock_jumps
        self._undo = AsyncExitStack()

    @property
    def refused(self) -> Mapping[str, int]:
        """How many requests were turned away, by reason."""
        return self._listener.refused

    @property
    def webhooks(self) -> list[WebhookCheck]:
        """How the webhooks that are to lead here were found last."""
        return [] if self._registration is None else self._registration.checks()

    async def __aenter__(self) -> Self:
        try:
            await self._start(self._undo)
        except BaseException:
            await to_its_end(self._undo.aclose())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await to_its_end(self._undo.aclose())

    async def _start(self, undo: AsyncExitStack) -> None:
        """Each step with what undoes it; undone is from the last to the first."""
        plan = self._plan
        settings.keep_loopback_from_proxies()
        Store(plan.home).close()  # so that one that can't be used is told now
        undo.push_async_callback(self._recorder.stop)
        await self._recorder.start()
        undo.push_async_callback(self._delete_ended_callflows)
        if plan.delete_old is not None:
            undo.push_async_callback(
                end_task, asyncio.create_task(retention.repeat_hourly(plan.delete_old, self._note))
            )
        if self._forwarder is not None:
            undo.push_async_callback(self._forwarder.stop)
            await self._forwarder.start()
        await undo.enter_async_context(as_context(plan.replier))
        undo.push_async_callback(self.reachability.close_tunnel)  # after the answers to what came through it
        undo.push_async_callback(self._listener.stop)
        try:
            port = await self._listener.start(plan.host, plan.port)
        except OSError as error:
            raise ports.unusable(plan.port, error) from error
        host = f"[{plan.host}]" if ":" in plan.host else plan.host
        self.url = f"http://{host}:{port}"
        reachability = self.reachability
        if plan.tunnel is not None:
            await reachability.open_tunnel(plan.tunnel(port))
        if reachability.public_url is not None:
            await reachability.probe(is_required=bool(plan.register) and not plan.force)
            # A tunnel that leads here is watched where it is kept open.
            if plan.tunnel is None or reachability.unreachable is not None:
                watching = self._in_background(reachability.watch(every=plan.check_every))
                undo.push_async_callback(end_task, watching)
        undo.push_async_callback(end_task, self._in_background(self._watch_clock(self._jumps)))
        undo.push_async_callback(end_task, self._in_background(self._delete_callflows_regularly()))
        if self._registration is not None:
            await self._register(self._registration, undo)
        listener = self._listener
        local = self.url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        self.presence = InstanceRecord(plan.home, listener.instance, url=local, key=listener.key)
        undo.callback(self.presence.close)
        ready = {
            "record": "ready",
            "url": self.url,
            "publicUrl": reachability.public_url,
            "inspector": reachability.inspector,
            "registered": list(plan.register),
        }
        self._notify(f"Ready: listening at {self.url}", ready)

    def _take_event(self, received: Received) -> None:
        self._summary_came |= received.event.type == "VSS"
        self._on_event(received)

    async def _delete_callflows_regularly(self) -> None:
        while True:
            await asyncio.sleep(DELETE_CALLFLOWS_EVERY)
            await self._delete_ended_callflows()

    async def _delete_ended_callflows(self) -> None:
        if self._summary_came:
            self._summary_came = False
            with suppress(VoicecliError):  # the next one does, or the next command
                await in_daemon_thread(partial(retention.delete_ended_callflows, self._plan.home))

    def _note(self, text: str) -> None:
        self._notify(text, None)

    def _warn(self, text: str) -> None:
        self._notify(WarningText(text), None)

    async def _details(self, look: bool) -> Mapping[str, object]:
        """For who has the token; with ``look`` after a look at the webhooks."""
        if look and self._watch is not None:
            await self._watch.look()
        registration = self._registration
        state = health.ListenerState(
            self._listener.instance,
            self.url,
            self.reachability.public_url,
            None if registration is None else registration.account,
            self._plan.register,
            tuple(self.webhooks),
            self._plan.token is not None,
            self.reachability.why_unreachable(),
            self._listener.unauthorised,
            self._listener.events.last_event,
        )
        return state.document()

    def _doubt(self) -> None:
        """A request without the token: the webhooks at 8x8 may have lost theirs."""
        if self._watch is not None:
            self._watch.doubt()
        if not self._told_of_refused:
            self._told_of_refused = True
            self._warn(
                "Warning: a request with a wrong token, or none, was refused. If 8x8 sent it, its events do "
                "not arrive: set the webhooks again."
            )

    async def _register(self, registration: Registration, undo: AsyncExitStack) -> None:
        plan, receiver = self._plan, self.reachability.public_url
        undo.callback(registration.close)
        if not plan.register or receiver is None:
            # An earlier run may have ended before it could put things back.
            try:
                await self._give_back(registration)
            except InUse:
                pass  # the one that has them is alive
            except VoicecliError as error:
                self._warn(f"{error.message} {error.hint}")
            if receiver is not None:
                registration.observe(receiver, token=plan.token)
                self._keep_watch(registration, undo).look_soon()
            return
        undo.push_async_callback(self._give_back, registration)
        take = partial(registration.take, plan.register, receiver, token=plan.token, force=plan.force)
        take = partial(take, new_token=plan.token_is_new, optional=plan.optional, if_unset=plan.if_unset)
        taken = await self.in_turn(take)
        if taken:
            self._note(f"Registered with 8x8 for {', '.join(taken)}.")
        self._keep_watch(registration, undo)

    def _keep_watch(self, registration: Registration, undo: AsyncExitStack) -> WebhookWatch:
        watch = self._watch = WebhookWatch(
            registration,
            receiver=lambda: self.reachability.public_url,
            other_token=lambda: self._listener.other_token,
            token=self._plan.token,
            moves=bool(self._plan.register),
            in_turn=self.in_turn,
            notify=self._notify,
            every=self._plan.check_every,
        )
        undo.push_async_callback(end_task, self._in_background(watch.run()))
        undo.callback(setattr, self, "_watch", None)  # who asks for a look now gets none
        return watch

    def _look_soon(self) -> None:
        if self._watch is not None:
            self._watch.look_soon()

    async def _watch_clock(self, jumps: ClockJumps) -> None:
        """A machine that slept may have missed much. By the way, see that others find this listener."""
        while True:
            await asyncio.sleep(CLOCK_EVERY)
            if self.presence is not None:
                with suppress(VoicecliError):  # the folder can't be made now
                    self.presence.renew()
            if abs(jumps.seconds()) > CLOCK_JUMP:
                self.reachability.probe_soon()
                self._look_soon()

    def _in_background(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        """Nobody waits for it: what goes wrong in it is told."""

        def ended(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._warn(f"Internal error of voicecli ({type(error).__name__}: {error}).")

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        return task

    async def _give_back(self, registration: Registration) -> None:
        try:
            done = await self.in_turn(registration.put_back)
        except InUse:
            raise
        except VoicecliError as error:
            error.message = f"The webhooks at 8x8 could not be restored: {error.message}"
            error.hint = "Run voicecli webhooks restore."
            raise
        if done:
            self._note(f"Restored the webhooks at 8x8: {', '.join(done)}.")

    async def in_turn(self, work: Callable[[], T]) -> T:
        """Do this in a thread, to its end: a thread can't be stopped, and what it changes at 8x8 must be
        known before that can be put back."""
        async with self._at_8x8:
            job = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(job)
            except asyncio.CancelledError:
                with nullcontext() if self._registration is None else self._registration.without_waits():
                    await asyncio.wait({job})
                if not job.cancelled():
                    job.exception()  # of an interrupted attempt nobody need know
                raise


async def to_its_end(cleaning: Coroutine[object, object, None]) -> None:
    """Clean up even while being cancelled, and be cancelled then; unless something went wrong, which counts
    for more."""
    task = asyncio.ensure_future(cleaning)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error from None
        raise


async def end_task(task: "asyncio.Task[None]") -> None:
    """Cancel it until it ends: what it awaits may lose a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1)
