"""Waiting for what other processes write to the store.

SQLite tells nobody of a commit, so who waits looks again and again; an engine that tells of them can wake it
sooner.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from voicecli import interrupts
from voicecli.errors import VoicecliError, is_store_busy
from voicecli.store.sqlite import Store

T = TypeVar("T")
LOOK_EVERY = 0.1  # seconds between two looks
PATIENCE = 10.0  # seconds that another process may hold the store before that is an error


class Follower:
    """Somebody who waits for what others write to this store, and looks ``every`` so many seconds."""

    def __init__(self, store: Store, *, every: float = LOOK_EVERY) -> None:
        self._store = store
        self._every = every
        self._held_since: float | None = None  # monotonic: another process has the store

    async def changed(self) -> None:
        """Come back when others may have written something."""
        import asyncio

        await asyncio.sleep(self._every)

    def wait(self) -> None:
        """The same for who has no event loop. Signals end it."""
        interrupts.sleep(self._every)

    async def when_free(self, act: Callable[[], Awaitable[T]], *, retry: type[VoicecliError]) -> T:
        """What ``act`` gives, in which the store is ``short_patience``. Where it raises such an error because
        another process holds the store, it is done again, for as long as the store has not been held for
        PATIENCE; after that the error is raised at once, until the store is free once more. ``act`` must not
        raise that once it has done something."""
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
