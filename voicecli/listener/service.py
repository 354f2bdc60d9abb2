"""The listener's life: everything starts and ends in the right order, however it ends.

The server first, then public access, then the registration at 8x8. Back: the registration, what is in
flight, public access, the application, the disk.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Self, TypeVar

from voicecli import settings
from voicecli.clock import ClockJumps
from voicecli.errors import VoicecliError, is_store_unreachable
from voicecli.listener import health, ports, retention
from voicecli.listener.event_intake import EventIntake
from voicecli.listener.event_keeper import SpoolState
from voicecli.listener.forward import Forwarder
from voicecli.listener.instances import InstanceRecord
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.reachability import Reachability
from voicecli.listener.recorder import Recorder
from voicecli.listener.registration import Registration
from voicecli.listener.request_guard import RequestGuard
from voicecli.listener.routes import Route, as_context
from voicecli.listener.server import WebhookServer
from voicecli.listener.spool_news import SpoolNews
from voicecli.listener.start_lock import start_locked
from voicecli.listener.tasks import end_task, in_background, to_its_end, with_store
from voicecli.listener.webhook_check import WebhookCheck
from voicecli.listener.webhook_watch import Notify, WarningText, WebhookWatch
from voicecli.store.engine import Store
from voicecli.store.opening import calling_nobody
from voicecli.threads import in_daemon_thread
from voicecli.voice_api.webhook_events import Received

T = TypeVar("T")

DELETE_CALLFLOWS_EVERY = 5.0  # seconds in which summaries have come: then callflows of calls that are over go
CLOCK_EVERY = 1.0  # seconds between two looks at the clock
CLOCK_JUMP = 10.0  # seconds: the machine has slept, or somebody has set its clock by much


def _team_of(store: Store) -> str | None:
    return store.team


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
        self.webhook_watch: WebhookWatch | None = None
        """Where there is a registration."""
        self._spool = SpoolNews(notify)
        self._recorder = Recorder(plan.store, on_spool=self._see_spool)
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
            instance=secrets.token_hex(8) if registration is None else registration.instance,
            subaccount=None if registration is None else registration.account.subaccount,
            details=self._details,
            on_unauthorised=self._refused_unauthorised,
            on_forwarded=lambda: self.reachability.mark_reached(),
        )
        self._told_of_refused = False
        self.reachability = Reachability(
            plan.public_url,
            self._listener.instance,
            has_tunnel=plan.tunnel is not None,
            team=lambda: self._listener.team,
            limits=plan.tunnel_limits,
            notify=notify,
            on_url=self._listener.guard.add_name,
            on_moved=self._look_soon,
        )
        if registration is not None:
            self.webhook_watch = WebhookWatch(
                registration,
                plan,
                public_url=lambda: self.reachability.public_url,
                other_token=lambda: self._listener.other_token,
                notify=notify,
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
        async with start_locked(self._plan.store.local_folder):
            with calling_nobody():
                await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await to_its_end(self._stop_locked())

    async def _stop_locked(self) -> None:
        async with start_locked(self._plan.store.local_folder):
            await self.stop()

    async def start(self) -> None:
        """For who has the lock under which listeners start."""
        try:
            await self._start(self._undo)
        except BaseException:
            await to_its_end(self._undo.aclose())
            raise

    async def stop(self) -> None:
        """For who has that lock."""
        await to_its_end(self._undo.aclose())

    async def _start(self, undo: AsyncExitStack) -> None:
        """Each step with what undoes it; undone is from the last to the first."""
        plan = self._plan
        settings.keep_loopback_from_proxies()
        await self._check_store(undo)
        undo.callback(self._spool.end)
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
                watching = in_background(reachability.watch(every=plan.check_every), self._warn)
                undo.push_async_callback(end_task, watching)
        undo.push_async_callback(end_task, in_background(self._watch_clock(self._jumps), self._warn))
        undo.push_async_callback(end_task, in_background(self._delete_callflows_regularly(), self._warn))
        if self.webhook_watch is not None:
            await self.webhook_watch.start(undo)
        listener = self._listener
        local = self.url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        self.presence = InstanceRecord(
            plan.store.local_folder, listener.instance, url=local, key=listener.key
        )
        undo.callback(self.presence.close)
        ready = {
            "record": "ready",
            "url": self.url,
            "publicUrl": reachability.public_url,
            "inspector": reachability.inspector,
            "registered": list(plan.register),
        }
        self._notify(f"Ready: listening at {self.url}", ready)

    async def _check_store(self, undo: AsyncExitStack) -> None:
        """So that a store that can't be used is told now. A shared one may be away: then events wait for it.
        Raises ConfigurationError."""
        place = self._plan.store
        try:
            self._listener.team = await with_store(place, _team_of, accept_newer=False)
        except VoicecliError as error:
            if not place.is_shared or not is_store_unreachable(error):
                raise
            undo.push_async_callback(end_task, in_background(self._learn_team(), self._warn))

    async def _learn_team(self) -> None:
        while self._listener.team is None:
            await asyncio.sleep(DELETE_CALLFLOWS_EVERY)
            with suppress(VoicecliError):
                self._listener.team = await with_store(self._plan.store, _team_of)

    def _see_spool(self, state: SpoolState) -> None:
        if state.reason is None and self._spool.state.reason is not None:
            self._look_soon()  # what could not be done at 8x8 meanwhile
        self._spool.see(state)

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
                await in_daemon_thread(partial(retention.delete_ended_callflows, self._plan.store))

    def _note(self, text: str) -> None:
        self._notify(text, None)

    def _warn(self, text: str) -> None:
        self._notify(WarningText(text), None)

    async def _details(self, look: bool) -> Mapping[str, object]:
        """For who has the token; with ``look`` after a look at the webhooks."""
        if look and self.webhook_watch is not None:
            await self.webhook_watch.look()
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
            self._listener.events.unauthorised,
            self._listener.events.last_event,
            self._spool.state.waiting,
            self._spool.state.reason,
        )
        return state.document()

    def _refused_unauthorised(self) -> None:
        """A request without the token: the webhooks at 8x8 may have lost theirs."""
        if self.webhook_watch is not None:
            self.webhook_watch.look_after_refusal()
        if not self._told_of_refused:
            self._told_of_refused = True
            self._warn(
                "Warning: a request with a wrong token, or none, was refused. If 8x8 sent it, its events do "
                "not arrive: set the webhooks again."
            )

    def _look_soon(self) -> None:
        if self.webhook_watch is not None:
            self.webhook_watch.look_soon()

    async def _watch_clock(self, jumps: ClockJumps) -> None:
        """Look again at everything after the machine has slept; and keep the instance record in place."""
        while True:
            await asyncio.sleep(CLOCK_EVERY)
            if self.presence is not None:
                with suppress(VoicecliError):  # the folder can't be made now
                    self.presence.renew()
            if abs(jumps.seconds()) > CLOCK_JUMP:
                self.reachability.probe_soon()
                self._look_soon()
