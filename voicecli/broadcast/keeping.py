"""Keeps the journals up to date and small, when nobody works on them."""

from contextlib import closing

from voicecli.broadcast import journal as journals
from voicecli.broadcast import outcomes
from voicecli.broadcast.asked import Asked
from voicecli.broadcast.journal import Journal
from voicecli.errors import InUse, InvalidInput
from voicecli.store import Store


def settle(journal: Journal) -> None:
    """Take in what was reported meanwhile. Raises StoreFailed."""
    outcomes.settle(journal, Asked.from_options(journal.broadcast.options).conduct())


def forget_old(store: Store, before: int, *, dry_run: bool = False) -> int:
    """Delete the broadcasts that were begun before that moment (microseconds since 1970) and that nobody
    works on, and what is left of those that were never begun; the others take in what was reported, since
    reports are about to be deleted, too. How many were deleted, or would be. Raises StoreFailed."""
    deleted = 0
    if not dry_run:
        journals.sweep(store)
    for broadcast in list(journals.newest_first(store)):
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


def counted(broadcasts: int) -> str:
    """So many broadcasts, in words."""
    return f"{broadcasts:,} broadcast{'' if broadcasts == 1 else 's'}"
