"""A listener does not end by itself while a question that was asked from its store may still be answered."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from voicecli.account import AccountId
from voicecli.clock import iso, now, to_local
from voicecli.errors import VoicecliError
from voicecli.listener.tasks import with_store
from voicecli.platforms import system
from voicecli.platforms.identity import user_at_host
from voicecli.plurals import counted
from voicecli.sessions.attempt import Attempt
from voicecli.store.attempts import attempts_with_open_questions
from voicecli.store.engine import Store
from voicecli.store.listeners import live_listeners
from voicecli.store.location import StorePlace

if TYPE_CHECKING:
    from voicecli.listener.webhook_watch import Notify

LOOK_EVERY = 0.3  # seconds between two looks at whether questions are open
UNREADABLE = 80.0  # seconds that it stays where the store can't tell whether any are
TERMINATION = 80.0  # seconds that open questions have after SIGTERM; systemd kills after 90


class EndRequests:
    """The signals that have asked the program to end. Who handles signals calls ``add``, and cancels the
    task at the first of them; later ones cancel it only while it is ``staying``."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.staying = False
        self.at_once = False
        """Whether it is to end, whatever is open."""
        self._deadline: float | None = None
        self._any = False
        self._clock = clock

    def add(self, number: int) -> None:
        """A second Ctrl-C ends it at once, and so does what leaves no time, such as a window that is closed
        on Windows; anything else gives it TERMINATION seconds."""
        if system.leaves_no_time(number):
            self.at_once = True
        elif number == signal.SIGINT:
            self.at_once = self._any
        elif self._deadline is None:
            self._deadline = self._clock() + TERMINATION
        self._any = True

    def __bool__(self) -> bool:
        """Whether there were any."""
        return self._any

    @property
    def seconds_left(self) -> float | None:
        """None without a limit."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock())


class _Reason(NamedTuple):
    """Why a listener stays: for so many questions, None where that is not known. ``until`` is in microseconds
    since 1970."""

    words: str
    questions: int | None
    until: int


class QuestionWait:
    """Keeps a listener from ending while questions are open. ``notify`` gets why, and a record of it."""

    def __init__(
        self,
        place: StorePlace,
        account: AccountId | None,
        notify: "Notify",
        *,
        requests: EndRequests,
    ) -> None:
        self._place = place
        self._account = account
        self._notify = notify
        self._requests = requests
        self._unreadable_until: int | None = None  # microseconds since 1970, once the store could not be read

    async def is_needed(self) -> bool:
        """Whether it is to stay now."""
        return await self._reason() is not None and self._may_stay()

    async def _reason(self) -> _Reason | None:
        """None where no question is open. Where the store can't be read, that is unknown, and calls are
        answered all the same: then it stays for UNREADABLE seconds in all."""
        try:
            calls = await with_store(self._place, self._open_calls)
        except VoicecliError as error:
            if self._unreadable_until is None:
                self._unreadable_until = now() + round(UNREADABLE * 1e6)
            words = f"{error.message} So a question may be open"
            return _Reason(words, None, self._unreadable_until) if now() < self._unreadable_until else None
        words = counted(len(calls), "question is open", "questions are open")
        return _Reason(words, len(calls), max(call.answer_until or 0 for call in calls)) if calls else None

    def _open_calls(self, store: Store) -> list[Attempt]:
        """The calls whose questions only this listener gets the answers to. Raises StoreFailed."""
        calls = attempts_with_open_questions(store, store.now(), account=self._account)
        if not calls or not store.is_shared or self._account is None:
            return calls
        here = (user_at_host(), os.getpid())
        others = [one for one in live_listeners(store, self._account) if (one.host, one.process) != here]
        return [] if any("VCA" in one.types for one in others) else calls

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Inside, every signal cancels the task."""
        self._requests.staying = True
        try:
            yield
        finally:
            self._requests.staying = False

    async def until_answered(self) -> None:
        """Come back when no question is open any more, or when signals have asked for it; why it stays is
        told once, and after each signal. To be cancelled otherwise than by a signal ends it, too."""
        told, task = False, asyncio.current_task()
        while (reason := await self._reason()) is not None and self._may_stay():
            if not told:
                record = {"record": "staying", "questions": reason.questions, "until": iso(reason.until)}
                self._notify(self._sentence(reason), record)
                told = True
            try:
                await asyncio.sleep(LOOK_EVERY)
            except asyncio.CancelledError:
                if task is None or not self._requests or self._requests.at_once:
                    raise
                task.uncancel()
                told = False

    def _may_stay(self) -> bool:
        return not self._requests.at_once and self._requests.seconds_left != 0

    def _sentence(self, reason: _Reason) -> str:
        at = f"{to_local(reason.until):%H:%M:%S}"
        left = self._requests.seconds_left
        ends = "Ctrl-C again ends it" if self._requests else "Ctrl-C twice ends it"
        limit = f" until {at} at the latest" if left is None else f" for {left:.0f} s at most"
        return f"{reason.words}: it stays{limit}, to receive what people press. {ends}."
