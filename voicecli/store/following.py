"""Waiting for what other processes write to the store: where it does not tell of that, it is polled."""

import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self, TypeVar

from voicecli import interrupts
from voicecli.errors import StoreUnreachable, VoicecliError, is_store_busy
from voicecli.store.engine import Notifications, Store

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
LOOK_EVERY = 0.1  # seconds between two looks
LOOK_ANYWAY = 1.0  # the same where the store tells of what is written: its connection may hang
READ_LIMIT = 5.0  # seconds for a database to answer
CONNECT_EVERY = 1.0  # seconds between two attempts to reach a database that is away
PATIENCE = 10.0  # seconds that another process may hold the store before that is an error


class Follower:
    """Waits for what others write to this store, ``every`` so many seconds at most. Inside a ``with`` the
    store tells of new events, if it can; else, and while it can't, it is to be read each time."""

    def __init__(self, store: Store, *, every: float = LOOK_EVERY) -> None:
        self.store = store
        self._every = every
        self._held_since: float | None = None  # monotonic: another process has the store
        self._notifications: Notifications | None = None
        self._news: SimpleQueue[None] = SimpleQueue()
        self._woken: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._read_at = time.monotonic()
        self._trial: Future[bool] | None = None
        self._tried_at = 0.0

    def __enter__(self) -> Self:
        self._notifications = self.store.notifications(self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        if self._notifications is not None:
            self._notifications.close()

    async def changed(self) -> bool:
        """Return after some time, or when others have written something; whether they may have."""
        import asyncio

        if self._notifications is None:
            await asyncio.sleep(self._every)
            return True
        if self._woken is None:
            self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        if self._news.empty():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._woken.wait()
        self._woken.clear()
        return self._is_due()

    def wait(self) -> bool:
        """``changed`` without an event loop. Signals end it."""
        if self._notifications is None:
            interrupts.sleep(self._every)
            return True
        with suppress(Empty):
            self._news.put(interrupts.take(self._news, timeout=self._every))
        return self._is_due()

    def _wake(self) -> None:
        """In the thread of the notifications."""
        self._news.put(None)
        if self._loop is not None and self._woken is not None:
            from voicecli.threads import call_on_loop

            call_on_loop(self._loop, self._woken.set)

    def _is_due(self) -> bool:
        """Whether the store is to be read."""
        now, tells = time.monotonic(), self._notifications is not None and self._notifications.work
        if tells and self._news.empty() and now - self._read_at < LOOK_ANYWAY:
            return False
        with suppress(Empty):
            while True:
                self._news.get_nowait()
        self._read_at = now
        return True

    async def read(self, query: Callable[[], Iterable[T]]) -> Iterable[T]:
        """What this finds in the store: as it is found in a file; in a database all at once, beside the event
        loop, which may have other things to do while that hangs. Raises StoreFailed."""
        if not self.store.is_shared:
            return query()
        import asyncio

        from voicecli.threads import in_daemon_thread

        reading = in_daemon_thread(lambda: list(query()))
        reading.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may be too late
        is_done = False
        try:
            is_done = bool((await asyncio.wait({reading}, timeout=READ_LIMIT))[0])
        finally:
            if not is_done:
                self.store.cut()
        return await reading

    def read_now(self, query: Callable[[], Iterable[T]]) -> Iterable[T]:
        """``read`` without an event loop. Signals end it."""
        if not self.store.is_shared:
            return query()
        try:
            return interrupts.in_thread(lambda: list(query()), timeout=READ_LIMIT)
        except TimeoutError as error:
            self.store.cut()
            words = f"There was no answer within {READ_LIMIT:.0f} s from {self.store.name}."
            raise StoreUnreachable(words) from error

    def is_back(self) -> bool:
        """Whether the store can be reached again, after StoreUnreachable. That is tried in another thread, so
        that this returns at once."""
        if self._trial is None:
            self._trial, self._tried_at = Future(), time.monotonic()
            threading.Thread(target=self._try_to_reach, args=(self._trial,), daemon=True).start()
        if not self._trial.done():
            return False
        is_back = self._trial.result()
        if is_back or time.monotonic() - self._tried_at >= CONNECT_EVERY:
            self._trial = None
        return is_back

    def _try_to_reach(self, trial: "Future[bool]") -> None:
        trial.set_result(self.store.is_reachable())

    async def when_free(self, act: Callable[[], Awaitable[T]], *, retry: type[VoicecliError]) -> T:
        """What ``act`` gives, which has ``short_patience`` with the store. It is repeated while it raises
        ``retry`` because another process holds the store, for at most PATIENCE; after that the error is
        raised at once, until the store was free once. ``act`` must raise that only
        before it has done something."""
        while True:
            try:
                with self.store.short_patience():
                    result = await act()
            except retry as error:
                if not is_store_busy(error):
                    raise
                if self._held_since is None:
                    self._held_since = time.monotonic()
                if time.monotonic() - self._held_since >= PATIENCE:
                    raise
            else:
                self._held_since = None
                return result
            await self.changed()
