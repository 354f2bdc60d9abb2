"""Shows what a listener receives, as it comes: which events, in which view, for how long."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from voicecli.cli.context import Context
from voicecli.cli.listen.options import View
from voicecli.cli.options.filters import FilterOptions
from voicecli.errors import OutputFailed
from voicecli.output.event_rows import CallRow, EventRow
from voicecli.plurals import counted
from voicecli.sessions.open_calls import OpenCalls
from voicecli.sessions.session import Session
from voicecli.voice_api import codes

if TYPE_CHECKING:
    from voicecli.listener.open_questions import QuestionWait
    from voicecli.listener.reachability import Reachability
    from voicecli.listener.service import ListenerService
    from voicecli.listener.webhook_watch import Notify
    from voicecli.voice_api.webhook_events import Received

PICTURE_EVERY = 0.25  # seconds
RATE_OVER = 20  # pictures; the rate shown is over the last five seconds


class EventDisplay:
    """``run`` a service and show what it receives, until ``count`` rows are shown, ``length`` seconds are
    over, or it is interrupted; and until no question is open, where ``stay`` says so."""

    def __init__(
        self,
        context: Context,
        *,
        view: View = View.EVENTS,
        filters: FilterOptions | None = None,
        count: int | None = None,
        length: float | None = None,
        masked: bool = False,
        stay: "Callable[[Notify], QuestionWait] | None" = None,
    ) -> None:
        self.calls = OpenCalls()
        self.ready = False
        """Whether the service has been up."""
        self._filters = filters or FilterOptions()
        self._all = self._filters == FilterOptions()  # asked thousands of times a second
        self._view = view
        self._left = count
        self._length = length
        self._masked = masked
        self._stay = None if stay is None else stay(self.tell)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._failure: OutputFailed | None = None
        self._plays = False  # something of its own
        self._is_ending = False
        self._events = 0
        self._ticks: deque[tuple[float, int]] = deque(maxlen=RATE_OVER)
        self._stream = context.output.stream(self._unwritable)

    async def run(
        self, service: "ListenerService", work: Callable[[], Coroutine[object, object, None]] | None = None
    ) -> None:
        """With ``work``, it is over when that is done. Raises what starting the service raises, what the work
        raises, and OutputFailed where nothing can be written."""
        self._loop, self._plays = asyncio.get_running_loop(), work is not None
        try:
            async with service, self._working(work):
                self.ready = True
                with nullcontext() if self._stay is None else self._stay.interruptible():
                    await self._until_over_and_answered(service)
        finally:
            self._is_ending = True
            self._stream.picture((), ())
            if self._view is View.CALLS:
                for call in self._open()[: self._left]:
                    self._stream.add(CallRow(call, time.time(), self._masked))
            if self.ready:
                self._stream.note(*self._stopped(service))
            self._stream.close()
        if self._failure is not None:
            raise self._failure

    def show(self, received: "Received") -> None:
        """Take in one event."""
        self._events += 1
        change = self.calls.see(received)
        if self._left == 0:
            return
        if self._view is View.EVENTS:
            if self._all or self._filters.shows_event(received):
                self._stream.add(EventRow(received, self._masked))
                self._count(counts=not received.again)
        elif (
            change is not None
            and change.session.outcome is not None
            and self._filters.shows_call(change.session)
        ):
            self._stream.add(CallRow(change.session, time.time(), self._masked))
            self._count(counts=not change.corrects)

    def tell(self, text: str, record: Mapping[str, object] | None = None) -> None:
        """Say something among the rows."""
        self._stream.note(text, record)

    @asynccontextmanager
    async def _working(
        self, work: Callable[[], Coroutine[object, object, None]] | None
    ) -> AsyncIterator[None]:
        """Meanwhile do this; it is over when that is. Then break off what is not done, or raise what went
        wrong."""
        if work is None:
            yield
            return
        task = asyncio.create_task(work())
        task.add_done_callback(lambda _: self._over.set())
        try:
            yield
        finally:
            task.cancel()  # does nothing to what is done
            await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    async def _until_over_and_answered(self, service: "ListenerService") -> None:
        try:
            await self._until_over(service)
        except asyncio.CancelledError:
            if self._stay is not None:
                await self._stay.until_answered()
            raise
        if self._stay is not None:
            await self._stay.until_answered()

    async def _until_over(self, service: "ListenerService") -> None:
        end = None if self._length is None else time.monotonic() + self._length
        while not self._over.is_set() and (end is None or time.monotonic() < end):
            self._picture(service)
            patience = PICTURE_EVERY if end is None else min(PICTURE_EVERY, end - time.monotonic())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), patience)

    def _count(self, *, counts: bool) -> None:
        if self._left is not None and counts:
            self._left -= 1
            if self._left == 0:
                self._over.set()

    def _unwritable(self, failure: OutputFailed) -> None:
        """Told by the stream's thread: then there is nobody to listen for. A reader who has gone when it ends
        anyway, or while a demo plays, has seen enough."""
        has_gone = isinstance(failure.__cause__, BrokenPipeError)
        if not has_gone or not (self._is_ending or self._plays):
            self._failure = failure
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: it is over anyway
                self._loop.call_soon_threadsafe(self._over.set)

    # -- below the rows ------------------------------------------------------------------------------

    def _picture(self, service: "ListenerService") -> None:
        now = time.monotonic()
        self._ticks.append((now, self._events))
        start, before = self._ticks[0]
        rate = (self._events - before) / (now - start) if now > start else 0.0
        reachability = service.reachability
        where = [reachability.public_url or service.url, _describe(reachability), f"{rate:.1f} events/s"]
        if reachability.inspector is not None:
            where.append(f"inspector {reachability.inspector}")
        is_reached = reachability.tunnel_is_up is not False and reachability.unreachable is None
        footer = [(" · ".join(where), "bold" if is_reached else "bold red"), (f"calls: {self._counts()}", "")]
        if wrong := [f"{one.type} {one.state}" for one in service.webhooks if not one.is_ok]:
            footer.append((f"webhooks at 8x8: {', '.join(wrong)}", "bold red"))
        if service.refused:
            footer.append((_refused(service), "bold red"))
        rows = []
        if self._view is View.CALLS:
            wall = time.time()
            rows = [CallRow(call, wall, self._masked) for call in self._open()]
        self._stream.picture(rows, footer)

    def _open(self) -> list[Session]:
        return [call for call in self.calls.open.values() if self._filters.shows_call(call)]

    def _counts(self) -> str:
        parts = [f"{len(self.calls.open):,} open"]
        for outcome, number in self.calls.outcomes.most_common():
            parts.append(f"{number:,} {codes.describe_outcome(outcome)}")
        return " · ".join(parts)

    def _stopped(self, service: "ListenerService") -> tuple[str, Mapping[str, object]]:
        record = {
            "record": "stopped",
            "events": self._events,
            "open": len(self.calls.open),
            "outcomes": dict(self.calls.outcomes),
            "refused": dict(service.refused),
        }
        text = f"Stopped after {counted(self._events, 'event')}. Calls: {self._counts()}"
        if service.refused:
            text += f" · {_refused(service)}"
        return text, record


def _describe(reachability: "Reachability") -> str:
    if reachability.tunnel_is_up is None and reachability.unreachable is not None:
        return f"does not lead here ({reachability.unreachable})"
    if reachability.tunnel_is_up is None:
        return "only this machine" if reachability.public_url is None else "no tunnel of ours"
    return "tunnel up" if reachability.tunnel_is_up else f"tunnel down ({reachability.tunnel_trouble})"


def _refused(service: "ListenerService") -> str:
    """How many requests were turned away, in words of ours."""
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in service.refused.items())
    return f"refused requests: {reasons}"
