"""``voicecli sessions``: stored calls and their outcomes."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.options import common, filters, values
from voicecli.cli.options.records import option
from voicecli.cli.options.values import one_of
from voicecli.clock import microseconds
from voicecli.errors import InvalidInput
from voicecli.voice_api.codes import Outcome

if TYPE_CHECKING:
    from voicecli.sessions.session import Session

EXAMPLES = """\
voicecli sessions
voicecli sessions --since 1h --status BUSY
voicecli sessions --to +33199001234
voicecli sessions 5a3eab76
"""


def statuses() -> Sequence[str]:
    """What --status takes."""
    from voicecli.sessions.session import OPEN, UNKNOWN

    return *Outcome, OPEN, UNKNOWN


def sessions(
    ctx: typer.Context,
    id_: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A session's id or clientRequestId; the beginning is enough."),
    ] = None,
    since: common.Since = None,
    status: Annotated[
        str | None,
        option(
            "STATUS",
            "Show only calls with this outcome, such as BUSY; or OPEN: no summary yet; or "
            "UNKNOWN: it is not known whether the call was placed.",
            panel=common.FILTERS,
        ),
    ] = None,
    to: filters.To = None,
    limit: common.Limit = None,
    mask_numbers: filters.MaskNumbers = False,
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """List the calls that were placed here or reported to voicecli listen, newest first.

    With ID, show one call in full: each event, the digits that were pressed, the replies, and the legs.
    """
    from voicecli.output.sessions import SessionRow, timeline
    from voicecli.store import session_queries as stored_sessions

    context = context_of(ctx)
    status = None if status is None else one_of(status, statuses(), "status")
    if id_ is not None and (since, status, to, limit) != (None,) * 4:
        raise InvalidInput("With ID, the options that choose calls have no effect.", hint="Leave them out.")
    with wiring.store(context) as store:
        if id_ is not None:
            row = SessionRow(stored_sessions.session(store, id_), mask_numbers)
            context.output.report(timeline(row), row.whole(), identifier=row.identifier)
            return
        found = stored_sessions.sessions(store, since=microseconds(since))
        wanted = (record for record in found if _is_wanted(record.session, status, to))
        most = values.most(limit, since)
        shown = context.output.table(SessionRow(record, mask_numbers) for record in islice(wanted, most))
        if shown == most and next(wanted, None) is not None:
            context.output.note(f"There are more than {most:,}: see --limit and --since.")
        if not shown:
            context.output.note(
                "No such call is stored. Stored are calls that are placed here or reported to "
                "voicecli listen."
            )


def _is_wanted(session: "Session", status: str | None, to: str | None) -> bool:
    is_of_number = to is None or filters.is_number(session.destination, to)
    return is_of_number and status in (None, session.status)
