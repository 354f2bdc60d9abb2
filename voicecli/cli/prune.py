"""``voicecli prune``: deletes what is old."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from voicecli import interrupts
from voicecli.broadcast import retention
from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import duration
from voicecli.clock import iso, microseconds
from voicecli.output.event_rows import local_time

EXAMPLES = """\
voicecli prune --older-than 30d --dry-run
voicecli prune --older-than 30d
voicecli prune --older-than 24h --json
"""


def prune(
    ctx: typer.Context,
    older_than: Annotated[
        timedelta, option("TIME", "Delete what is older than this: 24h, 30d.", parser=duration)
    ],
    dry_run: Annotated[
        bool, flag("Show how much would be deleted, without deleting it.", "--dry-run")
    ] = False,
) -> None:
    """Delete old events, calls and broadcasts for good.

    The age of a broadcast counts from its start. A deleted broadcast can't be resumed, and its list can be
    sent again. Deleted data is overwritten on the disk; for a team's database see voicecli help team. Calls
    are kept as long as --at-most counts them, by VOICECLI_AT_MOST or a broadcast that is kept. voicecli
    listen can keep running meanwhile; its --keep 30d does the same every hour.
    """
    context = context_of(ctx)
    before = microseconds(datetime.now(UTC) - older_than)
    at_most = wiring.at_most(context.settings({}))
    with wiring.store(context) as store:
        if dry_run:
            deleted = retention.count_old(store, before, at_most=at_most)
        else:
            with retention.alone(store):
                for deleted in retention.prune(store, before, at_most=at_most):
                    interrupts.check()
                    context.output.progress(f"Deleted {deleted}")
    data = {"before": iso(before), **deleted._asdict(), "deleted": not dry_run}
    words = f"{'Would delete' if dry_run else 'Deleted'} {deleted} from before {local_time(before)}"
    context.output.result(words, data, happened=not dry_run)
