"""Sees that 8x8's reports get into the store of this machine for as long as somebody waits for them.

A listener that runs here is relied upon. Without one, this process is the listener itself.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from voicecli.errors import ConfigurationError, InUse, OutcomeUnknown, Unreachable, VoicecliError
from voicecli.listener.presence import Guest, running
from voicecli.listener.receiving import Receiver, find_receivers, here, nobody
from voicecli.listener.registration import IGNORED, Registration
from voicecli.listener.running import ReliedUpon, Search, find_listener, silence, why_nothing_comes
from voicecli.listener.service import ListenerPlan, ListenerService, end_task, to_its_end
from voicecli.listener.staying import Stay
from voicecli.listener.watching import Warned
from voicecli.platforms.locks import Lock
from voicecli.threads import in_daemon_thread
from voicecli.voice_api.operations.webhooks import Webhook

LOOK_EVERY = 0.05  # seconds between two looks at whether a listener is still there
ASK_EVERY = 10.0  # seconds until it is asked again whether it gets what 8x8 reports
TRY_EVERY = 0.3  # seconds between two attempts to become the listener, or to end as one
TAKE_OVER = 10.0  # seconds for this process to become the listener, where the one relied upon has ended
PATIENCE = 60.0  # seconds for another process of this machine to start or end its listener
VCA = "VCA"
SPARE = ("VCS", VCA)
"""Types of events that are taken where nobody has them: when a call was connected, by which it is known what
a VCA without digits is about; and digits that another process may wait for."""


class Gap(NamedTuple):
    """A time in which nobody received what 8x8 reported, on the monotonic clock."""

    began: float
    ended: float


class Reports:
    """Use it in an ``async with``: inside, events of the ``needed`` types arrive in the store, and others
    where nobody else gets them.

    ``plan`` is for when this process has to be the listener; then it takes those of the ``wanted`` types by
    which nothing is lost, too. ``receiver`` says inside who gets VCAs, and so what people press. Raises what
    ``ListenerService`` raises, and ConfigurationError where a listener of this machine gets only some of the
    types, all of that before anything is inside. When a listener that was relied upon ends, this process
    becomes one. At the end it raises nothing, since what became of the calls counts for more: ``failed`` gets
    what went wrong, and ``warn`` what may keep reports from arriving. ``stay`` says how long this process
    stays a listener at least.
    """

    def __init__(
        self,
        plan: ListenerPlan,
        registration: Registration,
        needed: Sequence[str],
        *,
        wanted: Sequence[str] = (),
        tell: Callable[[str], None],
        warn: Callable[[str], None],
        failed: Callable[[VoicecliError], None],
        stay: Stay | None = None,
    ) -> None:
        self._plan = plan
        self._registration = registration
        self._needed = tuple(needed)
        self._wanted = tuple(wanted)
        self._receiver = nobody(VCA, "Nobody receives the keys that people press.")
        self._tell = tell
        self._warn = warn
        self._failed = failed
        self._stay = stay
        self._guest: Guest | None = None
        self._instance = ""  # of the listener that is relied upon
        self._service: ListenerService | None = None
        self._looking: asyncio.Task[None] | None = None
        self._in_vain = False  # it took too long to become the listener
        self._gaps: list[Gap] = []
        self._alone_since: float | None = None  # monotonic: the listener that was relied upon has ended

    @property
    def receiver(self) -> Receiver:
        """Who gets VCAs now. What others get was looked up at the beginning, or as this process took over."""
        if self._guest is not None and not self._guest.is_there() and self._receiver.is_here:
            return nobody(VCA, "The voicecli listen that received what people press has ended.")
        if self._service is not None and self._receiver.is_here:
            if not self._registration.leads_here(VCA):
                return nobody(VCA, "Somebody else has taken the VCA webhook.")
            if self._service.tunnel_is_up is False:
                return nobody(VCA, "The tunnel is down.", advice="")
        return self._receiver

    async def look_again(self) -> Receiver:
        """Who gets VCAs by what 8x8 says now, or, where it can't be asked, by what was known before. Where
        the listener that was relied upon has ended, this process first has TAKE_OVER to become one, once."""
        end = time.monotonic() + TAKE_OVER
        while not self._has_listener() and not self._in_vain:
            self._in_vain = time.monotonic() > end
            await asyncio.sleep(LOOK_EVERY)
        self._in_vain = not self._has_listener()
        known, ask = self.receiver, self._registration.set_now
        try:
            webhooks = await (in_daemon_thread(ask) if self._service is None else self._service.in_turn(ask))
        except VoicecliError:
            return known
        return await self._found(webhooks)

    def missed(self, since: float) -> float:
        """For how many seconds nobody received what 8x8 reported, in the gaps that ended after that moment
        (monotonic clock) or go on: between the end of a listener that was relied upon and the next one. It is
        not documented that 8x8 sends again what did not arrive."""
        gaps = [*self._gaps]
        if self._alone_since is not None:
            gaps.append(Gap(self._alone_since, time.monotonic()))
        return sum((gap.ended - gap.began for gap in gaps if gap.ended > since), 0.0)

    def _has_listener(self) -> bool:
        return self._service is not None or (self._guest is not None and self._guest.is_there())

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except OutcomeUnknown as error:  # of a webhook: as an error of its own kind it is said of calls
            raise Unreachable(error.message, hint=error.hint) from error
        if self._guest is not None:
            self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gate = None
        try:
            with nullcontext() if self._stay is None else self._stay.interruptible():
                if isinstance(error, asyncio.CancelledError):
                    await self._answered()
                else:
                    gate = await self._nobody_needs_it()
        except asyncio.CancelledError:
            self._tell("Interrupted: others have to receive for themselves.")
            _keep_result(error)
        except VoicecliError as trouble:
            self._failed(trouble)
        finally:
            try:
                await to_its_end(self._end())
            except asyncio.CancelledError:
                if not _keep_result(error):
                    raise
            finally:
                if gate is not None:
                    gate.close()

    @property
    def _gets_answers(self) -> bool:
        """Whether what people press comes to this process, so that there is something to stay for."""
        return self._registration.leads_here(VCA)

    async def _begin(self) -> None:
        """One process at a time becomes the listener: those that start together are to find the first. Nobody
        is kept from it while another looks for one, which takes long where a listener or 8x8 is slow."""
        while True:
            before, trouble = running(self._plan.home), None
            try:
                search = await self._search()
            except ConfigurationError as error:
                trouble = error
            else:
                if search.found is not None:
                    await self._rely_upon(search.found, search.webhooks)
                    return
            gate, is_first = await self._gate()
            try:
                if not is_first or running(self._plan.home) != before:
                    continue  # somebody has become a listener, or ended as one
                if trouble is not None:
                    raise trouble
                await self._listen(search)
                return
            finally:
                gate.close()

    async def _search(self) -> Search:
        registration = self._registration
        search = partial(find_listener, self._plan.home, registration.set_now, self._needed)
        return await in_daemon_thread(partial(search, account=registration.account, port=self._plan.port))

    async def _rely_upon(self, found: ReliedUpon, webhooks: Mapping[str, Webhook]) -> None:
        self._guest, self._instance = found.guest, found.instance
        self._tell("A voicecli listen runs on this machine: it receives what 8x8 reports.")
        if found.doubt is not None:
            self._warn(found.doubt)
        self._receiver = here(VCA) if VCA in self._needed else await self._found(webhooks)

    async def _listen(self, search: Search) -> None:
        """Become the listener."""
        others = here(VCA) if VCA in self._needed else await self._found(search.webhooks)
        plan = replace(self._plan, register=self._needed, wanted=self._wanted, spare=SPARE)
        service = ListenerService(plan, tell=self._told, registration=self._registration)
        try:
            await service.__aenter__()
        except ConfigurationError as error:
            for silent in search.silent:  # it may have what is in the way
                raise silence(silent, error.message) from error
            raise
        for check in self._registration.checks():
            if check.type in self._needed and not check.is_ok:
                await to_its_end(service.__aexit__(None, None, None))
                advice = "Set it in 8x8 Connect, or ask 8x8 why it is ignored."
                raise ConfigurationError(f"{check.words} {IGNORED}", hint=advice)
        self._service = service
        self._receiver = here(VCA) if self._registration.leads_here(VCA) else others

    async def _found(self, webhooks: Mapping[str, Webhook]) -> Receiver:
        """Who gets VCAs, by the webhooks that are set."""
        [receiver] = await in_daemon_thread(partial(find_receivers, self._plan.home, webhooks.values(), VCA))
        return receiver

    async def _gate(self) -> tuple[Lock, bool]:
        """Nobody else starts or ends a listener of this kind while it is held; and whether nobody had it."""
        path = self._plan.home / "waiting.lock"
        if (lock := Lock.take(path)) is not None:
            return lock, True
        if (lock := await Lock.acquire_within_async(path, PATIENCE)) is not None:
            return lock, False
        raise InUse(
            f"Another voicecli has been starting or ending a listener for over {PATIENCE:.0f} s.",
            hint="Look whether it hangs, and stop it.",
        )

    def _told(self, text: str, _record: Mapping[str, object] | None) -> None:
        """What the listener in this process tells."""
        if isinstance(text, Warned):
            self._warn(text.removeprefix("Warning: "))
        else:
            self._tell(text)

    async def _look(self) -> None:
        """See that there is a listener until the end."""
        asked, told, seen = time.monotonic(), "", time.monotonic()
        while self._guest is not None:
            await asyncio.sleep(LOOK_EVERY)
            if self._guest.is_there():
                seen = time.monotonic()
                if time.monotonic() - asked > ASK_EVERY:
                    told, asked = await self._ask(told), time.monotonic()
                continue
            self._guest.close()
            self._guest, self._alone_since = None, seen
            self._receiver = nobody(VCA, "The voicecli listen that received what people press has ended.")
            self._tell("The voicecli listen that received what 8x8 reports has ended.")
            told = ""
            while self._guest is None and self._service is None:
                try:
                    await self._begin()
                except VoicecliError as error:  # the one that ends may not have ended yet
                    if (task := asyncio.current_task()) is not None and task.cancelling():
                        raise  # what it had begun can't be undone
                    if error.message != told:
                        told = error.message
                        self._tell(f"What 8x8 reports can't be received now: {error.message}")
                    await asyncio.sleep(TRY_EVERY)
            gap = Gap(self._alone_since, time.monotonic())
            self._gaps.append(gap)
            self._alone_since, seen = None, gap.ended
            seconds = gap.ended - gap.began
            self._tell(f"For {seconds:.1f} s nobody received what 8x8 reports: some of it may be lost.")

    async def _ask(self, told: str) -> str:
        """Ask the listener that is relied upon whether all is well, and warn of what was not ``told``; what
        it says now."""
        ask = partial(why_nothing_comes, self._plan.home, self._instance, self._needed)
        trouble = await in_daemon_thread(ask) or ""
        if trouble not in ("", told):
            self._warn(f"What 8x8 reports does not arrive now. {trouble}")
        return trouble

    async def _answered(self) -> None:
        """Be there until nobody can answer a question any more, if this process is a listener."""
        if self._service is not None and self._stay is not None and self._gets_answers:
            await self._stay.until_answered()

    async def _nobody_needs_it(self) -> Lock | None:
        """Be there until nobody can answer a question any more, and for others that rely on this listener;
        then the gate is held, so that nobody begins to."""
        told = False
        while self._service is not None and self._service.presence is not None:
            await self._answered()
            gate, _ = await self._gate()
            if self._service.presence.alone():
                if self._stay is None or not self._gets_answers or not self._stay.is_needed():
                    return gate
                self._service.presence.reopen()  # who relied on it has left one
                gate.close()
                continue
            gate.close()
            if not told:
                self._tell(
                    "Other commands on this machine wait for these reports: receiving goes on for them."
                )
                told = True
            await asyncio.sleep(TRY_EVERY)
        return None

    async def _end(self) -> None:
        if self._looking is not None:
            await end_task(self._looking)
            error = None if self._looking.cancelled() else self._looking.exception()
            if isinstance(error, VoicecliError):
                self._failed(error)
            elif error is not None:
                self._failed(VoicecliError(f"Nobody received what 8x8 reports ({type(error).__name__})."))
        if self._guest is not None:
            self._guest.close()
        if self._service is not None:
            try:
                await self._service.__aexit__(None, None, None)
            except VoicecliError as trouble:
                self._failed(trouble)


def _keep_result(error: BaseException | None) -> bool:
    """An interrupt came once what was waited for was known (with ``error``, or without): that stays so. False
    where it had been interrupted before."""
    task = asyncio.current_task()
    if task is None or isinstance(error, asyncio.CancelledError):
        return False
    task.uncancel()
    return True
