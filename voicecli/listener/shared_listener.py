"""Lets 8x8's events arrive in the store of this machine while a command waits for them: by a listener that
runs here already, else by one in this process."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from voicecli.errors import ConfigurationError, OutcomeUnknown, Unreachable, VoicecliError
from voicecli.listener.event_receivers import VCA, EventReceiver, find_receiver, local_receiver, no_receiver
from voicecli.listener.local_listeners import (
    FoundListener,
    ListenerSearch,
    Reliance,
    unresponsive_error,
)
from voicecli.listener.neighbours import Neighbours
from voicecli.listener.open_questions import QuestionWait
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.service import ListenerService
from voicecli.listener.tasks import end_task, to_its_end
from voicecli.listener.team_listeners import find_listener
from voicecli.listener.webhook_changes import IGNORED
from voicecli.listener.webhook_watch import WarningText
from voicecli.store.opening import before_first_call
from voicecli.threads import in_daemon_thread
from voicecli.voice_api.operations.webhooks import Webhook

LOOK_EVERY = 0.05  # seconds between two looks at whether a listener is still there
ASK_EVERY = 10.0  # seconds until it is asked again whether it gets what 8x8 reports
TRY_EVERY = 0.3  # seconds between two attempts to become the listener, or to end as one
TAKE_OVER = 10.0  # seconds for this process to become the listener, where the one relied upon has ended
TAKEN_IF_UNSET = ("VCS", VCA)
"""Types of events that are taken where nobody has them: when a call was connected, by which it is known what
a VCA without digits is about; and digits that another process may wait for."""
LISTENER_ENDED = no_receiver(VCA, "The voicecli listen that received what people press has ended.")


class Gap(NamedTuple):
    """A time in which nobody received what 8x8 reported, on the monotonic clock."""

    began: float
    ended: float


class SharedListener:
    """Use it in an ``async with``: inside, events of the ``required`` types arrive in the store, and others
    where nobody else gets them.

    ``plan`` is for when this process has to be the listener; then it takes those of the ``optional`` types by
    which nothing is lost, too. ``receiver`` says inside who gets VCAs, and so what people press. Raises what
    ``ListenerService`` raises, and ConfigurationError where a listener of this machine gets only some of the
    types, all of that before anything is inside. When a listener that was relied upon ends, this process
    becomes one. At the end it raises nothing, since what became of the calls counts for more: ``on_failure``
    gets what went wrong. ``warn`` gets what may keep events from arriving. ``question_wait`` says how
    long this process remains a listener at least.
    """

    def __init__(
        self,
        plan: ListenerPlan,
        registration: Registration,
        required: Sequence[str],
        *,
        optional: Sequence[str] = (),
        notify: Callable[[str], None],
        warn: Callable[[str], None],
        on_failure: Callable[[VoicecliError], None],
        question_wait: QuestionWait,
    ) -> None:
        self._plan = plan
        self._registration = registration
        self._required = tuple(required)
        self._optional = tuple(optional)
        self._receiver = no_receiver(VCA, "Nobody receives the keys that people press.")
        self._notify = notify
        self._warn = warn
        self._on_failure = on_failure
        self._question_wait = question_wait
        self._neighbours = Neighbours(plan.store, registration.account, registration.instance)
        self._tenant: Reliance | None = None
        self._trouble: Callable[[], str] = str  # of the listener that is relied upon
        self._service: ListenerService | None = None
        self._watching: asyncio.Task[None] | None = None
        self._takeover_failed = False  # it took too long to become the listener
        self._gaps: list[Gap] = []
        self._without_listener_since: float | None = None  # monotonic

    @property
    def receiver(self) -> EventReceiver:
        """Who gets VCAs now. What others get was looked up at the beginning, or as this process took over."""
        if self._tenant is not None and not self._tenant.is_there() and self._receiver.is_here:
            return LISTENER_ENDED
        if self._service is not None and self._receiver.is_here:
            if not self._registration.leads_here(VCA):
                return no_receiver(VCA, "Somebody else has set the VCA webhook.")
            if self._service.reachability.tunnel_is_up is False:
                return no_receiver(VCA, "The tunnel is down.", advice="")
        return self._receiver

    async def look_again(self) -> EventReceiver:
        """Who gets VCAs by what 8x8 and the store say now, or, where one can't be asked, by what was known
        before. Where the listener that was relied upon has ended, this process first has TAKE_OVER to become
        one, once."""
        end = time.monotonic() + TAKE_OVER
        while not self._has_listener() and not self._takeover_failed:
            self._takeover_failed = time.monotonic() > end
            await asyncio.sleep(LOOK_EVERY)
        self._takeover_failed = not self._has_listener()
        known, ask = self.receiver, self._registration.current_webhooks
        try:
            watch = None if self._service is None else self._service.webhook_watch
            webhooks = await (in_daemon_thread(ask) if watch is None else watch.in_turn(ask))
            return await self._found(webhooks)
        except VoicecliError:
            return known

    def missed(self, since: float) -> float:
        """For how many seconds nobody received what 8x8 reported, in the gaps that ended after that moment
        (monotonic clock) or go on: between the end of a listener that was relied upon and the next one. It is
        not documented that 8x8 sends again what did not arrive."""
        gaps = [*self._gaps]
        if self._without_listener_since is not None:
            gaps.append(Gap(self._without_listener_since, time.monotonic()))
        return sum((gap.ended - gap.began for gap in gaps if gap.ended > since), 0.0)

    def _has_listener(self) -> bool:
        return self._service is not None or (self._tenant is not None and self._tenant.is_there())

    async def __aenter__(self) -> Self:
        try:
            with before_first_call():
                await self._begin()
        except OutcomeUnknown as error:  # of a webhook; as it is, it would be told of calls
            raise Unreachable(error.message, hint=error.hint) from error
        if self._tenant is not None:
            self._watching = asyncio.create_task(self._watch_listener())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gate = None
        try:
            with self._question_wait.interruptible():
                if isinstance(error, asyncio.CancelledError):
                    await self._wait_for_answers()
                else:
                    gate = await self._wait_until_unneeded()
        except asyncio.CancelledError:
            self._notify("Interrupted: nothing more is received here.")
            _keep_result(error)
        except VoicecliError as trouble:
            self._on_failure(trouble)
        finally:
            try:
                await to_its_end(self._leave(gate))
            except asyncio.CancelledError:
                if not _keep_result(error):
                    raise
            finally:
                if gate is not None:
                    gate.close()

    @property
    def _gets_answers(self) -> bool:
        """Whether the keys that people press arrive in this process."""
        return self._registration.leads_here(VCA)

    async def _begin(self) -> None:
        """Find a listener, or become it: one process at a time, so that those that start together find the
        first. The search, which may take long, is done without the lock."""
        while True:
            before, trouble = await self._neighbours.listeners(), None
            try:
                search = await self._search()
            except ConfigurationError as error:
                trouble = error
            else:
                if search.found is not None:
                    await self._use_listener(search.found, search.webhooks)
                    return
            gate, is_first = await self._neighbours.lock_start()
            try:
                if not is_first or await self._neighbours.listeners() != before:
                    continue  # somebody has become a listener, or ended as one
                if trouble is not None:
                    raise trouble
                await self._become_listener(search)
                return
            finally:
                gate.close()

    async def _search(self) -> ListenerSearch:
        registration = self._registration
        search = partial(find_listener, self._plan.store, registration.current_webhooks, self._required)
        return await in_daemon_thread(partial(search, account=registration.account, port=self._plan.port))

    async def _use_listener(self, found: FoundListener, webhooks: Mapping[str, Webhook]) -> None:
        self._tenant, self._trouble = found.tenant, found.trouble
        self._notify(found.words)
        if found.warning is not None:
            self._warn(found.warning)
        self._receiver = local_receiver(VCA) if VCA in self._required else await self._found(webhooks)

    async def _become_listener(self, search: ListenerSearch) -> None:
        """Become the listener."""
        others = local_receiver(VCA) if VCA in self._required else await self._found(search.webhooks)
        plan = replace(self._plan, register=self._required, optional=self._optional, if_unset=TAKEN_IF_UNSET)
        service = ListenerService(plan, notify=self._relay, registration=self._registration)
        try:
            await service.start()
        except ConfigurationError as error:
            for one in search.unresponsive:  # it may have what is in the way
                raise unresponsive_error(one, error.message) from error
            raise
        for check in self._registration.checks():
            if check.type in self._required and not check.is_ok:
                await to_its_end(service.stop())
                advice = "Set it in 8x8 Connect, or ask 8x8 why it is ignored."
                raise ConfigurationError(f"{check.words} {IGNORED}", hint=advice)
        self._service = service
        self._receiver = local_receiver(VCA) if self._registration.leads_here(VCA) else others

    async def _found(self, webhooks: Mapping[str, Webhook]) -> EventReceiver:
        """Who gets VCAs, by the webhooks that are set."""
        find = partial(find_receiver, self._plan.store, webhooks, VCA, account=self._registration.account)
        return await in_daemon_thread(find)

    def _relay(self, text: str, _record: Mapping[str, object] | None) -> None:
        """Pass on the news of the listener in this process."""
        if isinstance(text, WarningText):
            self._warn(text.removeprefix("Warning: "))
        else:
            self._notify(text)

    async def _watch_listener(self) -> None:
        """Until the end, replace a listener that has ended."""
        asked, told, seen = time.monotonic(), "", time.monotonic()
        while self._tenant is not None:
            await asyncio.sleep(LOOK_EVERY)
            if self._tenant.is_there():
                seen = time.monotonic()
                if time.monotonic() - asked > ASK_EVERY:
                    told, asked = await self._ask(told), time.monotonic()
                continue
            self._tenant.close()
            self._tenant, self._without_listener_since = None, seen
            self._receiver = LISTENER_ENDED
            self._notify("The voicecli listen that received what 8x8 reports has ended.")
            told = ""
            while self._tenant is None and self._service is None:
                try:
                    await self._begin()
                except VoicecliError as error:  # the one that ends may not have ended yet
                    if (task := asyncio.current_task()) is not None and task.cancelling():
                        raise  # what it had begun can't be undone
                    if error.message != told:
                        told = error.message
                        self._notify(f"What 8x8 reports can't be received now: {error.message}")
                    await asyncio.sleep(TRY_EVERY)
            gap = Gap(self._without_listener_since, time.monotonic())
            self._gaps.append(gap)
            self._without_listener_since, seen = None, gap.ended
            seconds = gap.ended - gap.began
            self._notify(f"For {seconds:.1f} s nobody received what 8x8 reports: some of it may be lost.")

    async def _ask(self, told: str) -> str:
        """Ask the listener that is relied upon whether all is well, and warn of what was not ``told``; what
        it says now."""
        trouble = await in_daemon_thread(self._trouble)
        if trouble not in ("", told):
            self._warn(f"What 8x8 reports does not arrive now. {trouble}")
        return trouble

    async def _wait_for_answers(self) -> None:
        """Where this process is the listener, wait until no question is open."""
        if self._service is not None and self._gets_answers:
            await self._question_wait.until_answered()

    async def _wait_until_unneeded(self) -> ExitStack | None:
        """Where this process is the listener, wait until no question is open and nobody relies on it. The
        lock then keeps others from relying on it."""
        told = False
        while self._service is not None and self._service.presence is not None:
            await self._wait_for_answers()
            with ExitStack() as stack:
                gate, _ = await self._neighbours.lock_start()
                stack.enter_context(gate)
                if is_free := await self._neighbours.refuse_tenants(self._service.presence):
                    if not self._gets_answers or not await self._question_wait.is_needed():
                        return stack.pop_all()
                    # Who relied on it has left one.
                    await self._neighbours.admit_tenants(self._service.presence)
            if is_free:
                continue
            if not told:
                where = self._neighbours.where
                self._notify(f"Other commands {where} wait for these reports: receiving goes on for them.")
                told = True
            await asyncio.sleep(TRY_EVERY)
        return None

    async def _leave(self, gate: ExitStack | None) -> None:
        """End, under the lock if it is held already."""
        if self._watching is not None:
            await end_task(self._watching)
            error = None if self._watching.cancelled() else self._watching.exception()
            if isinstance(error, VoicecliError):
                self._on_failure(error)
            elif error is not None:
                self._on_failure(VoicecliError(f"Nobody received what 8x8 reports ({type(error).__name__})."))
        if self._tenant is not None:
            self._tenant.close()
        if self._service is not None:
            try:
                await (self._service.__aexit__() if gate is None else self._service.stop())
            except VoicecliError as trouble:
                self._on_failure(trouble)


def _keep_result(error: BaseException | None) -> bool:
    """Drop an interrupt that came after the result was known, ``error`` or none. False where the work itself
    was interrupted."""
    task = asyncio.current_task()
    if task is None or isinstance(error, asyncio.CancelledError):
        return False
    task.uncancel()
    return True
