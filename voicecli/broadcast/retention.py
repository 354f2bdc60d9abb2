"""Deletes old broadcasts, events and calls."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from voicecli import interrupts
from voicecli.at_most import AtMost
from voicecli.broadcast import report_recording
from voicecli.broadcast.options import BroadcastOptions
from voicecli.clock import microseconds
from voicecli.errors import InUse, InvalidInput
from voicecli.plurals import counted
from voicecli.store import broadcasts as journals, pruning as stored
from voicecli.store.engine import Store
from voicecli.store.journals import open_journal
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

REST = 20  # times as long as it works: events that come in have precedence


def delete_old_broadcasts(store: Store, before: int, *, dry_run: bool = False) -> int:
    """Delete the broadcasts that were begun before that moment (microseconds since 1970) and that nobody
    works on, and what is left of those that were never begun; the others take in what was reported, since
    reports are about to be deleted, too. How many were deleted, or would be. Raises StoreFailed."""
    deleted = 0
    if not dry_run:
        journals.delete_unplanned(store)
    for broadcast in list(journals.newest_first(store)):
        interrupts.check()
        if dry_run:
            deleted += broadcast.created < before and not journals.is_running(store, broadcast)
            continue
        try:
            journal = open_journal(store, broadcast)
        except (InUse, InvalidInput):  # it takes in what is reported itself; or it was deleted just now
            continue
        with closing(journal):
            if broadcast.created < before:
                if journal.hide():
                    journals.delete(store, broadcast)
                    deleted += 1
            else:
                report_recording.record_reports(journal)
    return deleted


class Deleted(NamedTuple):
    """How much was deleted, or would be."""

    events: int = 0
    calls: int = 0
    broadcasts: int = 0

    def __str__(self) -> str:
        broadcasts = f"{counted(self.broadcasts, 'broadcast')}, " if self.broadcasts else ""
        return f"{broadcasts}{counted(self.events, 'event')} and {counted(self.calls, 'call')}"


def count_old(store: Store, before: int, *, at_most: AtMost | None = None) -> Deleted:
    """What ``prune`` deletes that is older than that moment (microseconds since 1970)."""
    calls_before = _calls_before(store, before, at_most)
    older = stored.count_older(store, before, calls_before=calls_before)
    return Deleted(*older, delete_old_broadcasts(store, before, dry_run=True))


def _calls_before(store: Store, before: int, at_most: AtMost | None) -> int:
    """How old calls must be to be deleted: those that --at-most counts, the usual one or that of a broadcast
    which stays, are still needed."""
    kept = [one for one in journals.newest_first(store) if one.created >= before]
    limits = [BroadcastOptions.from_mapping(broadcast.options).contact_limit() for broadcast in kept]
    longest = max((limit.microseconds for limit in [*limits, at_most] if limit is not None), default=0)
    return min(before, store.now() - longest)


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """Inside, no other machine of a team deletes what is old. Raises InUse where one does so now."""
    lock = store.take_lock("prune") if store.is_shared else None
    if store.is_shared and lock is None:
        raise InUse(
            "Another machine of the team deletes what is old just now.", hint="Try again when it is done."
        )
    try:
        yield
    finally:
        if lock is not None:
            lock.close()


def prune(
    store: Store,
    before: int,
    *,
    at_most: AtMost | None = None,
    rest: Callable[[float], object] = time.sleep,
) -> Iterator[Deleted]:
    """Delete broadcasts, events and calls that are older, and give after each small step how much it is so
    far; but no call that ``at_most`` counts, or the limit of a broadcast that stays. ``rest`` gets the
    seconds that a step took. Raises StoreFailed."""
    deleted = Deleted(broadcasts=delete_old_broadcasts(store, before))
    calls_before = _calls_before(store, before, at_most)
    for events, calls in stored.prune(store, before, calls_before=calls_before, rest=rest):
        deleted = deleted._replace(events=deleted.events + events, calls=deleted.calls + calls)
        yield deleted


def prune_in_background(
    place: StorePlace, keep: timedelta, over: threading.Event, *, at_most: AtMost | None = None
) -> str:
    """Delete what is older than ``keep``, through a connection of its own, until ``over`` is set; what was
    deleted, in words. Nothing is where another machine of a team does so. Raises StoreFailed."""
    before = datetime.now(UTC).astimezone() - keep
    deleted = Deleted()
    with open_store(place) as store, suppress(InUse), alone(store):
        for so_far in prune(
            store, microseconds(before), at_most=at_most, rest=lambda worked: over.wait(worked * REST)
        ):
            deleted = so_far
            if over.is_set():
                break
    return f"Deleted what came before {before:%Y-%m-%d %H:%M}: {deleted}." if any(deleted) else ""
