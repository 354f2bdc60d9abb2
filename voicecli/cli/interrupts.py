"""Ctrl-C, SIGTERM (timeout, systemd, CI) and SIGHUP while an event loop runs, and once all is done. At other
times they take effect as ``voicecli.interrupts`` says."""

import signal
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from voicecli import interrupts
from voicecli.errors import OutputFailed

if TYPE_CHECKING:
    from voicecli.listener.staying import EndRequests

T = TypeVar("T")

HANGUP = getattr(signal, "SIGHUP", None)  # None on Windows
SIGNALS = tuple(filter(None, (signal.SIGINT, signal.SIGTERM, HANGUP)))


def ignore() -> None:
    """From now on nothing interrupts: what is left to do is to tell what happened."""
    for number in SIGNALS:
        with suppress(ValueError):
            signal.signal(number, signal.SIG_IGN)


def refuse_hangup(interrupt: KeyboardInterrupt) -> None:
    """For what ends well by Ctrl-C: raises OutputFailed where it ends because its terminal has gone."""
    if interrupt.args == (HANGUP,):
        raise OutputFailed(
            "The terminal has gone (SIGHUP): nobody sees what it shows any more.",
            hint="With nohup it goes on without one.",
        ) from None


def run(work: Coroutine[object, object, T], requests: "EndRequests | None" = None) -> T:
    """Run asynchronous work, and give its result. The first interrupt cancels it, those that follow do
    nothing, unless the work asks for them by ``requests``; where it then ends as cancelled,
    KeyboardInterrupt is raised."""
    import asyncio

    first: int | None = None

    async def interruptible() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int, _frame: FrameType | None = None) -> None:
            nonlocal first
            is_first, first = first is None, first or number
            if requests is not None:
                requests.add(number)
            if task is not None and (is_first or (requests is not None and requests.staying)):
                loop.call_soon_threadsafe(task.cancel)

        # Not by the loop: as it takes its own handlers away, a second signal would find the system's.
        wanted = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup
        before = {number: signal.signal(number, stop) for number in wanted}
        try:
            if (noted := interrupts.taken()) is not None:
                stop(noted)
                await asyncio.sleep(0)  # it ends here: nothing of the work is begun
            return await work
        finally:
            work.close()
            if first is None:
                for number, handler in before.items():
                    signal.signal(number, handler)

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt(first) from None
    finally:
        if first is not None:
            ignore()
