"""Ctrl-C, SIGTERM (timeout, systemd, CI), SIGHUP and Windows' SIGBREAK while an event loop runs. At other
times they take effect as ``voicecli.interrupts`` says."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, TypeVar

from voicecli import interrupts
from voicecli.errors import OutputFailed
from voicecli.platforms import system

if TYPE_CHECKING:
    from voicecli.listener.open_questions import EndRequests

T = TypeVar("T")


def refuse_hangup(interrupt: KeyboardInterrupt) -> None:
    """For commands that Ctrl-C ends regularly: raises OutputFailed if the terminal was closed instead
    (SIGHUP)."""
    if any(map(system.is_hangup, interrupt.args)):
        raise OutputFailed(
            "The terminal was closed (SIGHUP).", hint="To run without a terminal, start it with nohup."
        ) from None


def run(work: Coroutine[object, object, T], requests: "EndRequests | None" = None) -> T:
    """Run asynchronous work, and give its result. The first interrupt cancels it, those that follow do
    nothing, unless the work asks for them by ``requests``; where it then ends as cancelled,
    KeyboardInterrupt is raised."""
    import asyncio

    first: int | None = None

    async def interruptible() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int) -> None:
            nonlocal first
            is_first, first = first is None, first or number
            if requests is not None:
                requests.add(number)
            if task is not None and (is_first or (requests is not None and requests.staying)):
                loop.call_soon_threadsafe(task.cancel)

        try:
            with interrupts.received_by(stop):
                if first is not None:
                    await asyncio.sleep(0)  # it ends here: nothing of the work is begun
                return await work
        finally:
            work.close()

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt(first) from None
