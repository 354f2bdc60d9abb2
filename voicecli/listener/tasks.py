"""Tasks of an event loop, and how they end."""

import asyncio
from collections.abc import Callable, Coroutine


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
