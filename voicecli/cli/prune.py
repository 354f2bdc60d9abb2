"""``voicecli prune``: deletes what is old."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from voicecli import history
from voicecli.broadcast import journal as journals
from voicecli.broadcast.journal import Journal
from voicecli.cli import context as contexts
from voicecli.cli import options
from voicecli.cli.broadcast_look import settle
from voicecli.errors import InUse
from voicecli.output.events import iso, moment
from voicecli.store import Store

EXAMPLES = """Examples:
  voicecli prune --older-than 30d --dry-run
  voicecli prune --older-than 30d"""


def prune(
    ctx: typer.Context,
    older_than: Annotated[
        timedelta, typer.Option(metavar="TIME", parser=options.duration, help="Such as 24h, 30d.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much it would be.")] = False,
    as_json: options.JsonFlag = False,  # noqa: ARG001
    debug: options.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Delete events, calls placed from here and broadcasts that are older than that, for good.

    What is deleted is overwritten on the disk. voicecli listen can go on meanwhile; with its own --keep 30d
    it does the same every hour.
    """
    context = contexts.of(ctx)
    before = options.microseconds(datetime.now(UTC) - older_than)
    events = calls = 0
    with contexts.store(context) as store:
        broadcasts = _forget_broadcasts(store, before, dry_run=dry_run)
        if dry_run:
            events, calls = history.older(store, before)
        else:
            for more_events, more_calls in history.prune(store, before):
                events, calls = events + more_events, calls + more_calls
                context.output.progress(f"Deleted {history.counted(events, calls)}")
    what = f"{history.counted(events, calls)} from before {moment(before)}"
    if broadcasts:
        what = f"{broadcasts:,} broadcast{'' if broadcasts == 1 else 's'}, {what}"
    data = {
        "before": iso(before),
        "events": events,
        "calls": calls,
        "broadcasts": broadcasts,
        "deleted": not dry_run,
    }
    context.output.result(f"{'Would delete' if dry_run else 'Deleted'} {what}", data, happened=not dry_run)


def _forget_broadcasts(store: Store, before: int, *, dry_run: bool) -> int:
    """Delete those that were begun before then and are not at work; the others take in what is about to be
    deleted. How many there were."""
    deleted = 0
    for broadcast in list(journals.newest_first(store)):
        try:
            journal = Journal.open(store, broadcast)
        except InUse:
            continue
        with closing(journal):
            if broadcast.created < before:
                deleted += 1
                if not dry_run:
                    journals.delete(store, broadcast)
            elif not dry_run:
                settle(journal)
    return deleted
