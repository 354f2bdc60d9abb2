"""Keeps 8x8 reporting to a listener: looks at the webhooks every so often, and tells 8x8 a new address."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

from voicecli.errors import VoicecliError
from voicecli.listener.registration import Registration
from voicecli.listener.webhook_check import WebhookState
from voicecli.listener.webhook_troubles import WebhookNews

CHECK_EVERY = 60.0  # seconds between two looks
LOOK_AGAIN_AFTER = 15.0  # seconds at least, where somebody else's request is the reason to look
LASTING = 3  # looks in a row that failed: then that is told


class WarningText(str):
    """A text for ``Notify`` that is a warning: it is told also where nobody wants talk. It may say so itself,
    by "Warning: " at its beginning."""

    __slots__ = ()


Notify = Callable[[str, Mapping[str, object] | None], None]
"""Gets what people should know, and the record of it that programs get, where they get one."""
InTurn = Callable[[Callable[[], object]], Awaitable[object]]
"""Does blocking work with the registration, one thing at a time."""


class WebhookWatch:
    """``run`` it as a task. ``receiver`` says the listener's public address, ``token`` what webhooks have to
    carry, ``other_token`` what ``Registration.check`` gets of refused events, ``moves`` whether webhooks
    follow the address; ``every`` is in seconds."""

    def __init__(
        self,
        registration: Registration,
        *,
        receiver: Callable[[], str | None],
        other_token: Callable[[], Mapping[str, int]],
        token: str | None,
        moves: bool,
        in_turn: InTurn,
        notify: Notify,
        every: float = CHECK_EVERY,
    ) -> None:
        self._registration = registration
        self._receiver = receiver
        self._known = receiver()
        self._other_token = other_token
        self._token = token
        self._moves = moves
        self._in_turn = in_turn
        self._notify = notify
        self._every = every
        self._soon = asyncio.Event()
        self._looked = 0.0  # the loop's time
        self._looking = asyncio.Lock()
        self._failures = 0  # in a row

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            with suppress(TimeoutError):  # not by wait_for, which can lose a cancellation
                async with asyncio.timeout(self._every):
                    await self._soon.wait()
            self._soon.clear()
            await self.look()

    def look_soon(self) -> None:
        """There is a reason to look now: the machine has slept, or the address is another one."""
        self._soon.set()

    def doubt(self) -> None:
        """The same where anybody may have given the reason: a request without the token, say."""
        if asyncio.get_running_loop().time() - self._looked > LOOK_AGAIN_AFTER:
            self._soon.set()

    async def look(self) -> None:
        """See that the webhooks lead here, and tell what is new."""
        async with self._looking:
            receiver = self._receiver()
            if receiver is not None and receiver != self._known:
                await self._follow(receiver)
            else:
                await self._check()
            self._looked = asyncio.get_running_loop().time()

    async def _follow(self, receiver: str) -> None:
        if not self._moves:
            self._registration.observe(receiver, token=self._token)
            self._known = receiver
            await self._check()
            return
        try:
            news: list[WebhookNews] = []
            await self._in_turn(lambda: news.extend(self._registration.move(receiver, token=self._token)))
            self._known = receiver
            if any(check.state is not WebhookState.MOVED for check in self._registration.checks()):
                self._notify(f"8x8 reports to {receiver} from now on.", None)
            self._tell_news(news)
        except VoicecliError as error:
            self._known = None  # wherever they point now
            again = f"Trying again in {self._every:.0f} s."
            self._notify(WarningText(f"8x8 can't be told the new address. {error.message} {again}"), None)

    async def _check(self) -> None:
        try:
            news: list[WebhookNews] = []
            refused = dict(self._other_token())
            await self._in_turn(lambda: news.extend(self._registration.check(other_token=refused)))
        except VoicecliError as error:  # no proof of anything
            self._failures += 1
            if self._failures == LASTING:
                what = "Warning: whether 8x8's webhooks lead here can't be found out."
                self._notify(WarningText(f"{what} {error.message}"), None)
            return
        if self._failures >= LASTING:
            self._notify("8x8 lists its webhooks again.", None)
        self._failures = 0
        self._tell_news(news)

    def _tell_news(self, news: Iterable[WebhookNews]) -> None:
        for one in news:
            warning = "" if one.check.is_ok else "Warning: "
            self._notify(WarningText(warning + one.text), one.record())
