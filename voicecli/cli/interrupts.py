"""Ctrl-C, SIGTERM (timeout, systemd, CI) and SIGHUP: all are told, and the first is enough."""

import signal
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


def listen() -> None:
    """Let each of these signals raise KeyboardInterrupt, where nobody has other plans for it."""
    for number in SIGNALS:
        with suppress(ValueError):  # not in the main thread: then signals are somebody else's business
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, _interrupt)


def ignore() -> None:
    """From now on nothing interrupts: what is left to do is to tell what happened."""
    for number in SIGNALS:
        with suppress(ValueError):
            signal.signal(number, signal.SIG_IGN)


def run(work: Coroutine[object, object, None]) -> None:
    """Run asynchronous work; an interrupt cancels it, and when it has cleaned up, is raised."""
    import asyncio

    async def interruptible() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
            ignore()
            if task is not None:
                task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop)
        await work

    try:
        asyncio.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    ignore()  # a second one would cut off the message that the first one leads to
    raise KeyboardInterrupt
