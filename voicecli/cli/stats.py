"""``voicecli stats``: statistics of calls."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.options import common
from voicecli.cli.options.records import option
from voicecli.cli.options.values import moment
from voicecli.clock import iso, microseconds
from voicecli.output.json_fields import with_former_names
from voicecli.output.stats import bars
from voicecli.store import session_queries as stored_sessions

EXAMPLES = """\
voicecli stats
voicecli stats --since 7d
voicecli stats --since 2026-11-01 --json | jq .answerRate
"""
DEFAULT = timedelta(hours=24)


def stats(
    ctx: typer.Context,
    since: Annotated[datetime | None, option("TIME", f"{common.SINCE} Default: 24h.", parser=moment)] = None,
) -> None:
    """Show statistics of recent calls: outcomes, answer rate, durations, sound quality, errors.

    Counts the calls whose summary (VSS event) arrived in that time.
    """
    context = context_of(ctx)
    start = microseconds(since or datetime.now(UTC) - DEFAULT)
    with wiring.store(context) as store:
        found = stored_sessions.statistics(store, start)
    data = with_former_names("stats", {"since": iso(start), **found.data()})
    if found.ended or found.open or found.in_doubt:
        context.output.report(bars(found, context.output.width), data)
    else:
        context.output.result("No calls in that time. To look further back: --since 7d", data)
