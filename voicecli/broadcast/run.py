"""Runs a broadcast that is in the journal: calls the rows that are left, and follows the reports of 8x8."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.in_flight import RequestSender
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.plan import Plan
from voicecli.errors import StoreFailed, VoicecliError
from voicecli.sessions.counts import Counts
from voicecli.store import broadcasts
from voicecli.store.attempt_outcomes import update_outcomes_if_writable
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow
from voicecli.store.opening import before_first_call
from voicecli.voice_api.async_client import AsyncClient

if TYPE_CHECKING:
    from voicecli.listener.shared_listener import SharedListener

PACE = "pace"  # the file that all broadcasts of this machine share


@dataclass(frozen=True, slots=True)
class OpenBroadcast:
    """A broadcast that no other process runs while this is open: use it in a ``with``. One that ``is_new`` is
    deleted at the end if nobody was called, so that its list can be sent again."""

    journal: Journal
    plan: Plan
    options: BroadcastOptions
    eligibility: Eligibility
    is_new: bool = False

    @property
    def id(self) -> str:
        return self.journal.broadcast.id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with suppress(VoicecliError, OSError):  # then it can be resumed
                journal = self.journal
                if self.is_new and journal.hide(if_untouched=True):
                    broadcasts.delete(journal.store, journal.broadcast)
        finally:
            self.journal.close()


class BroadcastEnd(NamedTuple):
    """How a run of a broadcast ended. ``error`` is why it ended while rows were left, if it did."""

    counts: Counts
    error: VoicecliError | None = None
    interrupted: bool = False


async def _do_nothing(_: BroadcastEnd) -> None:
    pass


async def run_broadcast(
    broadcast: OpenBroadcast,
    client: AsyncClient,
    *,
    receiving: "SharedListener | None" = None,
    vca_elsewhere: bool = False,
    on_row: Callable[[BroadcastRow], None] = lambda row: None,
    on_progress: Callable[[Counts], None] = lambda counts: None,
    on_end: Callable[[BroadcastEnd], Awaitable[None]] = _do_nothing,
) -> BroadcastEnd:
    """Call those who are left, and say how that ended.

    ``client`` and ``receiving`` are entered here; ``receiving`` is needed where outcomes are waited for. With
    ``vca_elsewhere`` somebody else answers the questions of the calls. ``on_row`` gets each row that has
    changed, once it is on the disk, and ``on_progress`` every now and then how all of it stands. ``on_end``
    is awaited before ``receiving`` ends, which may have to stay; and, interrupted, after a cancellation, even
    one that comes while it is awaited. Raises what entering them raises, what these functions raise, and that
    it was cancelled.
    """
    journal, options = broadcast.journal, broadcast.options
    vca_elsewhere = vca_elsewhere or options.vca_elsewhere
    listener: SharedListener | None = None

    def why_wait() -> str:
        answers_here = broadcast.plan.has_question and not vca_elsewhere
        if listener is None or not answers_here or not listener.receiver.is_nobody:
            return ""
        return f"Nobody receives the keys that people press. {listener.receiver.words}"

    async def end(engine: Engine, *, interrupted: bool) -> BroadcastEnd:
        with suppress(StoreFailed, OSError):  # then it stays, sealed, until prune deletes the broadcast
            if journal.is_finished and not (options.waits and engine.counts.without_outcome):
                broadcasts.forget_content(journal.store, journal.broadcast)
        how = BroadcastEnd(engine.counts, engine.ended_by, interrupted)
        await on_end(how)
        return how

    with before_first_call():
        pace = _pace(journal, options.calls_per_second())
    try:
        policy, eligibility, make_request = options.policy(), broadcast.eligibility, broadcast.plan.request
        sender = RequestSender(
            journal, client, policy, eligibility, make_request, vca_elsewhere=vca_elsewhere
        )
        with before_first_call():
            engine = Engine(
                journal,
                sender,
                pace,
                policy,
                eligibility,
                why_wait=why_wait,
                on_row=on_row,
                on_progress=on_progress,
            )
        async with AsyncExitStack() as stack:
            try:
                if receiving is not None:
                    listener = await stack.enter_async_context(receiving)
                await stack.enter_async_context(client)
                await engine.run()
                ended = await end(engine, interrupted=False)
            except asyncio.CancelledError:
                await end(engine, interrupted=True)
                raise
        return ended
    finally:
        with suppress(VoicecliError, OSError):  # what the last answers say of the pace matters to nobody now
            pace.close()
        if broadcast.plan.has_question:
            update_outcomes_if_writable(journal.store)  # deletes sealed callflows that nobody needs any more


def _pace(journal: Journal, rate: float | None) -> Pace:
    """By which all broadcasts of this machine go, or of all machines that share the store."""
    if journal.store.is_shared:
        from voicecli.broadcast.shared_pace import SharedPace

        return SharedPace(journal.store, journal.broadcast, rate)
    return Pace(journal.store.folder / PACE, rate)
