"""Waiting for what other processes write to the store: SQLite tells nobody of a commit, so it is polled."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from voicecli import interrupts
from voicecli.errors import VoicecliError, is_store_busy
from voicecli.store.engine import Store

T = TypeVar("T")
LOOK_EVERY = 0.1  # seconds between two looks
PATIENCE = 10.0  # seconds that another process may hold the store before that is an error


class Follower:
    """Waits for what others write to this store, by polling it ``every`` so many seconds."""

    def __init__(self, store: Store, *, every: float = LOOK_EVERY) -> None:
        self._store = store
        self._every = every
        self._held_since: float | None = None  # monotonic: another process has the store

    async def changed(self) -> None:
        """Return when others may have written something."""
        import asyncio

        await asyncio.sleep(self._every)

    def wait(self) -> None:
        """``changed`` without an event loop. Signals end it."""
        interrupts.sleep(self._every)

    async def when_free(self, act: Callable[[], Awaitable[T]], *, retry: type[VoicecliError]) -> T:
        """What ``act`` gives, which has ``short_patience`` with the store. It is repeated while it raises
        ``retry`` because another process holds the store, for at most PATIENCE; after that the error is
        raised at once, until the store was free once. ``act`` must raise that only
        before it has done something."""
        while True:
            try:
                with self._store.short_patience():
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
