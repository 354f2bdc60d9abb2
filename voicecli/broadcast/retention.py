"""Keeps the journals up to date and small, when nobody works on them."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from voicecli import interrupts
from voicecli.broadcast import outcomes
from voicecli.broadcast.options import BroadcastOptions
from voicecli.errors import InUse, InvalidInput
from voicecli.store import broadcasts as journals
from voicecli.store import retention as stored
from voicecli.store.journal import Journal
from voicecli.store.sqlite import Store

REST = 20  # times as long as it works: events that come in have precedence


def settle(journal: Journal) -> None:
    """Take in what was reported meanwhile. Raises StoreFailed."""
    outcomes.settle(journal, BroadcastOptions.from_options(journal.broadcast.options).policy())


def forget_old(store: Store, before: int, *, dry_run: bool = False) -> int:
    """Delete the broadcasts that were begun before that moment (microseconds since 1970) and that nobody
    works on, and what is left of those that were never begun; the others take in what was reported, since
    reports are about to be deleted, too. How many were deleted, or would be. Raises StoreFailed."""
    deleted = 0
    if not dry_run:
        journals.sweep(store)
    for broadcast in list(journals.newest_first(store)):
        interrupts.check()
        try:
            journal = Journal.open(store, broadcast)
        except (InUse, InvalidInput):  # it takes in what is reported itself; or it was deleted just now
            continue
        with closing(journal):
            if broadcast.created < before:
                deleted += 1
                if not dry_run:
                    journals.delete(store, broadcast)
            elif not dry_run:
                settle(journal)
    return deleted


def forget(home: Path, keep: timedelta, over: threading.Event) -> str:
    """Delete what is older than that, by a connection of our own, until ``over`` is set. Gives what was done,
    in words. Raises StoreFailed."""
    before = datetime.now(UTC).astimezone() - keep
    events = calls = 0
    with Store(home) as store:
        broadcasts = forget_old(store, int(before.timestamp() * 1e6))
        steps = stored.prune(
            store, int(before.timestamp() * 1e6), rest=lambda worked: over.wait(worked * REST)
        )
        for more_events, more_calls in steps:
            events, calls = events + more_events, calls + more_calls
            if over.is_set():
                break
    if not events and not calls and not broadcasts:
        return ""
    what = stored.counted(events, calls)
    if broadcasts:
        what = f"{counted(broadcasts)}, {what}"
    return f"Deleted what came before {before:%Y-%m-%d %H:%M}: {what}."


def counted(broadcasts: int) -> str:
    """So many broadcasts, in words."""
    return f"{broadcasts:,} broadcast{'' if broadcasts == 1 else 's'}"
