"""Ctrl-C, SIGTERM (timeout, systemd, CI) and SIGHUP: after each, the program says what it leaves behind."""

import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from voicecli.listener.staying import EndRequests

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))

IMPATIENCE = 1.0  # seconds


def listen() -> None:
    """Let each of these signals raise KeyboardInterrupt, where nobody has other plans for it.

    What follows within a second is the same impatient person, and would cut off the message that the
    first signal leads to.
    """
    last = -IMPATIENCE

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= IMPATIENCE:
            last = now
            raise KeyboardInterrupt

    for number in SIGNALS:
        with suppress(ValueError):  # not in the main thread: then signals are somebody else's business
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, interrupt)


def ignore() -> None:
    """From now on nothing interrupts: what is left to do is to tell what happened."""
    for number in SIGNALS:
        with suppress(ValueError):
            signal.signal(number, signal.SIG_IGN)


def run(work: Coroutine[object, object, T], requests: "EndRequests | None" = None) -> T:
    """Run asynchronous work, and give its result. The first interrupt cancels it, those that follow do
    nothing, unless the work asks for them by ``requests``; where it then ends as cancelled,
    KeyboardInterrupt is raised."""
    import asyncio

    over = False

    async def interruptible() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int, _frame: FrameType | None) -> None:
            nonlocal over
            first, over = not over, True
            if requests is not None:
                requests.add(number)
            if task is not None and (first or (requests is not None and requests.staying)):
                loop.call_soon_threadsafe(task.cancel)

        # Not by the loop: as it takes its own handlers away, a second signal would find the system's.
        wanted = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup
        before = {number: signal.signal(number, stop) for number in wanted}
        try:
            return await work
        finally:
            if not over:
                for number, handler in before.items():
                    signal.signal(number, handler)

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        if over:
            ignore()
