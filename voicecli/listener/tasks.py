"""Tasks of an event loop, how they end, and what they do with the store."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

from voicecli.errors import StoreUnreachable
from voicecli.store.engine import Store
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.threads import in_daemon_thread

T = TypeVar("T")
STORE_LIMIT = 2.0  # seconds for a shared store: a VCA may wait for the answer


async def to_its_end(cleaning: Coroutine[object, object, None]) -> None:
    """Clean up even while being cancelled, and be cancelled then; unless something went wrong, which counts
    for more."""
    task = asyncio.ensure_future(cleaning)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error from None
        raise


async def end_task(task: "asyncio.Task[None]") -> None:
    """Cancel it until it ends: what it awaits may lose a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1)


def in_background(work: Coroutine[object, object, None], warn: Callable[[str], None]) -> "asyncio.Task[None]":
    """Nobody waits for it: what goes wrong in it is told."""

    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            warn(f"Internal error of voicecli ({type(error).__name__}: {error}).")

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    return task


async def with_store(place: StorePlace, work: Callable[[Store], T], *, accept_newer: bool = True) -> T:
    """What ``work`` does with the open store. A file is used at once; a shared store beside the event loop,
    for STORE_LIMIT at most. Raises StoreUnreachable when these are over, and what opening it raises."""

    def opened() -> T:
        with open_store(place, accept_newer=accept_newer) as store:
            return work(store)

    if not place.is_shared:
        return opened()
    try:
        async with asyncio.timeout(STORE_LIMIT):
            return await in_daemon_thread(opened)
    except TimeoutError as error:
        raise StoreUnreachable(f"The store did not answer within {STORE_LIMIT:.0f} s.") from error
