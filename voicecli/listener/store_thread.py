"""Lets an event loop use the store that a team shares: a database may take long, or be away."""

import asyncio
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

from voicecli.errors import StoreUnreachable, VoicecliError, is_store_unreachable
from voicecli.store.engine import Store
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.threads import call_on_loop, set_outcome

T = TypeVar("T")
LIMIT = 1.5  # seconds: a call waits for the answer
AWAY_FOR = 1.0  # seconds in which a database that was away is not tried again


class _Job(NamedTuple):
    work: Callable[[Store], object]
    result: "asyncio.Future[object]"
    loop: asyncio.AbstractEventLoop


class StoreThread:
    """One connection, in a thread of its own, which ends after ``close``."""

    def __init__(self, place: StorePlace) -> None:
        self._place = place
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._store: Store | None = None
        self._away: VoicecliError | None = None
        self._away_until = 0.0  # monotonic
        threading.Thread(target=self._serve, daemon=True).start()

    async def run(self, work: Callable[[Store], T]) -> T:
        """What ``work`` does with the open store, one after the other. Raises what it raises, what opening
        the store raises, and StoreUnreachable after LIMIT."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work, result, loop))  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(LIMIT):
                return await result
        except TimeoutError as error:
            if (store := self._store) is not None:
                store.cut()
            raise StoreUnreachable(f"The team's store did not answer within {LIMIT} s.") from error

    def close(self) -> None:
        self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.result.cancelled():  # nobody waits any more
                continue
            try:
                outcome: object = job.work(self._opened())
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                outcome = error
                if is_store_unreachable(error) and self._store is not None:
                    self._store.close()
                    self._store = None
            call_on_loop(job.loop, set_outcome, job.result, outcome)
        if self._store is not None:
            self._store.close()

    def _opened(self) -> Store:
        if self._store is not None:
            return self._store
        if self._away is not None and time.monotonic() < self._away_until:
            raise self._away
        try:
            self._store = open_store(self._place, accept_newer=True)
        except VoicecliError as error:
            self._away, self._away_until = error, time.monotonic() + AWAY_FOR
            raise
        return self._store
