"""Keeps 8x8 reporting to a listener: looks at the webhooks every so often, and tells 8x8 a new address."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TypeVar

from voicecli.errors import InUse, VoicecliError, is_store_unreachable
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.registration import Registration
from voicecli.listener.tasks import end_task, in_background
from voicecli.listener.webhook_check import WebhookState
from voicecli.listener.webhook_troubles import WebhookNews

T = TypeVar("T")

LOOK_AGAIN_AFTER = 15.0  # seconds at least, where somebody else's request is the reason to look
LASTING = 3  # looks in a row that failed: then that is told


class WarningText(str):
    """A text for ``Notify`` that is shown even where only warnings are. It may begin with "Warning: "."""

    __slots__ = ()


Notify = Callable[[str, Mapping[str, object] | None], None]
"""Gets what people should know, and the record of it that programs get, where they get one."""


class WebhookWatch:
    """Has 8x8 report to a listener, looks every so often whether its webhooks still lead there, and puts back
    at the end what was set before. ``public_url`` gives the listener's public URL, ``other_token`` what
    ``Registration.check`` gets of refused events."""

    def __init__(
        self,
        registration: Registration,
        plan: ListenerPlan,
        *,
        public_url: Callable[[], str | None],
        other_token: Callable[[], Mapping[str, int]],
        notify: Notify,
    ) -> None:
        self._registration = registration
        self._plan = plan
        self._public_url = public_url
        self._known: str | None = None
        self._other_token = other_token
        self._notify = notify
        self._is_watching = False
        self._is_registered = True  # as the plan says; False while the store that a team shares is away
        self._soon = asyncio.Event()
        self._looked = 0.0  # the loop's time
        self._looking = asyncio.Lock()
        self._at_8x8 = asyncio.Lock()  # one thing at a time
        self._failures = 0  # in a row

    async def start(self, undo: AsyncExitStack) -> None:
        """Register for what the plan says, or else put back what an earlier run left. ``undo`` gets what ends
        it. Raises what the registration raises."""
        registration, plan, public_url = self._registration, self._plan, self._public_url()
        undo.push_async_callback(self.in_turn, registration.close)
        if plan.register and public_url is not None:
            undo.push_async_callback(self._restore)
            try:
                await self._register(public_url)
            except VoicecliError as error:
                if not is_store_unreachable(error):
                    raise
                self._is_registered = False
                self._warn(f"Warning: 8x8 does not report here yet. {error.message} It is tried again.")
        else:
            try:
                await self._restore()
            except InUse:
                pass  # by a listener that runs
            except VoicecliError as error:
                self._warn(f"{error.message} {error.hint}")
            if public_url is None:
                return
            registration.observe(public_url, token=plan.token)
            self.look_soon()
        registration.announce(public_url)
        self._known, self._is_watching = public_url, True
        undo.push_async_callback(end_task, in_background(self._run(), self._warn))
        undo.callback(setattr, self, "_is_watching", False)

    async def _register(self, public_url: str) -> None:
        plan = self._plan
        take = partial(self._registration.take, plan.register, public_url, token=plan.token)
        take = partial(take, force=plan.force, optional=plan.optional, if_unset=plan.if_unset)
        taken = await self.in_turn(partial(take, new_token=plan.token_is_new))
        self._is_registered = True
        if taken:
            self._notify(f"Registered with 8x8 for {', '.join(taken)}.", None)

    async def _restore(self) -> None:
        if not self._is_registered:
            return
        try:
            done = await self.in_turn(self._registration.restore)
        except InUse:
            raise
        except VoicecliError as error:
            error.message = f"The webhooks at 8x8 could not be restored: {error.message}"
            error.hint = "Run voicecli webhooks restore."
            raise
        if done:
            self._notify(f"Restored the webhooks at 8x8: {', '.join(done)}.", None)

    async def in_turn(self, work: Callable[[], T]) -> T:
        """Do blocking work with the registration, one thing at a time, in a thread and to its end: a thread
        can't be stopped, and what it changes at 8x8 must be known before that can be put back."""
        async with self._at_8x8:
            job = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(job)
            except asyncio.CancelledError:
                with self._registration.without_waits():
                    await asyncio.wait({job})
                if not job.cancelled():
                    job.exception()  # retrieved, so that asyncio does not log it
                raise

    def _warn(self, text: str) -> None:
        self._notify(WarningText(text), None)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):  # not by wait_for, which can lose a cancellation
                async with asyncio.timeout(self._plan.check_every):
                    await self._soon.wait()
            self._soon.clear()
            await self.look()

    def look_soon(self) -> None:
        """There is a reason to look now: the machine has slept, or the address is another one."""
        self._soon.set()

    def look_after_refusal(self) -> None:
        """The same where anybody may have given the reason: a request without the token, say."""
        if asyncio.get_running_loop().time() - self._looked > LOOK_AGAIN_AFTER:
            self._soon.set()

    async def look(self) -> None:
        """See that the webhooks lead here, and tell what is new; nothing before and after it watches."""
        if not self._is_watching:
            return
        async with self._looking:
            public_url = self._public_url()
            if public_url is not None and not self._is_registered:
                await self._register_late(public_url)
            elif public_url is not None and public_url != self._known:
                await self._follow(public_url)
            else:
                await self._check()
            self._looked = asyncio.get_running_loop().time()

    async def _register_late(self, public_url: str) -> None:
        try:
            await self._register(public_url)
        except VoicecliError as error:
            if not is_store_unreachable(error):
                self._warn(f"Warning: 8x8 does not report here. {error.message} {error.hint}")

    async def _follow(self, public_url: str) -> None:
        self._registration.announce(public_url)
        if not self._plan.register:
            self._registration.observe(public_url, token=self._plan.token)
            self._known = public_url
            await self._check()
            return
        try:
            move = partial(self._registration.move, public_url, token=self._plan.token)
            news = await self.in_turn(move)
            self._known = public_url
            if any(check.state is not WebhookState.MOVED for check in self._registration.checks()):
                self._notify(f"8x8 reports to {public_url} from now on.", None)
            self._tell_news(news)
        except VoicecliError as error:
            self._known = None  # wherever they point now
            again = f"Trying again in {self._plan.check_every:.0f} s."
            self._warn(f"8x8 can't be given the new address. {error.message} {again}")

    async def _check(self) -> None:
        try:
            refused = dict(self._other_token())
            news = await self.in_turn(partial(self._registration.check, other_token=refused))
        except VoicecliError as error:  # no proof of anything
            self._failures += 1
            if self._failures == LASTING:
                what = "Warning: whether 8x8's webhooks point here can't be found out."
                self._warn(f"{what} {error.message}")
            return
        if self._failures >= LASTING:
            self._notify("8x8 lists its webhooks again.", None)
        self._failures = 0
        self._tell_news(news)

    def _tell_news(self, news: Iterable[WebhookNews]) -> None:
        for one in news:
            warning = "" if one.check.is_ok else "Warning: "
            self._notify(WarningText(warning + one.text), one.record())
