"""Work that blocks, some of it for ever, beside the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TypeVar

A = TypeVar("A")
T = TypeVar("T")


def run_in_parallel(work: Callable[[A], T], items: Sequence[A]) -> list[T]:
    """The same work for all of these at once, each in a thread that the interpreter does not wait for at its
    end; the results in their order. Raises what the first of them raised."""

    def run(item: A, result: "Future[T]") -> None:
        try:
            result.set_result(work(item))
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            result.set_exception(error)

    results: list[Future[T]] = [Future() for _ in items]
    for item, result in zip(items, results, strict=True):
        threading.Thread(target=run, args=(item, result), daemon=True).start()
    return [result.result() for result in results]


def in_daemon_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Like asyncio.to_thread, but the interpreter does not wait for it at its end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            outcome: T | Exception = work()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            outcome = error
        call_on_loop(loop, set_outcome, future, outcome)

    threading.Thread(target=run, daemon=True).start()
    return future


async def iterate_in_thread(items: Iterator[T]) -> AsyncIterator[T]:
    """The items of an iterator that blocks before each."""
    end = object()
    while (item := await in_daemon_thread(partial(next, items, end))) is not end:
        yield item


def call_on_loop(loop: asyncio.AbstractEventLoop, act: Callable[..., None], *arguments: object) -> None:
    with suppress(RuntimeError):  # the loop has ended, so that nothing waits for it
        loop.call_soon_threadsafe(act, *arguments)


def set_outcome(future: "asyncio.Future[T]", outcome: "T | Exception") -> None:
    """Give a future its outcome, unless it has one, or was cancelled."""
    if not future.done():
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
