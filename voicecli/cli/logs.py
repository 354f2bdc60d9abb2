"""``voicecli logs``: 8x8's log of calls, exported as one CSV."""

import re
import shlex
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli import interrupts
from voicecli.cli import wiring
from voicecli.cli.context import Context, context_of
from voicecli.cli.help_format import HelpGroup
from voicecli.cli.options import common
from voicecli.cli.options.records import option
from voicecli.cli.options.values import MAX_ROWS, duration, moment, whole
from voicecli.errors import Interrupted, InvalidInput, OutOfTime, Refused, Unreachable
from voicecli.output import files
from voicecli.plurals import counted
from voicecli.spreadsheets import guard_csv
from voicecli.voice_api.csv_parts import CsvParts
from voicecli.voice_api.operations.logs import LogExport, cancel_log_export, get_log_export, start_log_export

if TYPE_CHECKING:
    from voicecli.voice_api.client import Client

EXAMPLES = """\
voicecli logs export --from 24h -o calls.csv
voicecli logs export --from 2026-11-01 --to 2026-12-01 -o november.csv
voicecli logs cancel 3f2a9c1e
"""
EXPORT_EXAMPLES = """\
voicecli logs export --from 24h -o calls.csv
voicecli logs export --from 2026-11-01 --to 2026-12-01 -o november.csv
voicecli logs export --from 1h --raw | cut -d, -f1-5
"""
CANCEL_EXAMPLES = """\
voicecli logs cancel 3f2a9c1e
voicecli logs cancel 3f2a9c1e --json
voicecli logs cancel 3f2a9c1e --debug
"""
HELP = "Export 8x8's log of calls, with outcomes, durations and prices."
DEFAULT_LENGTH = timedelta(days=7)
DEFAULT_TIMEOUT = timedelta(minutes=10)
SLACK = timedelta(minutes=1)  # past now, in case 8x8's clock is ahead
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between two questions
MAX_MISSED = 3  # questions in a row that may stay without an answer
_JOB = re.compile(r"[\w-]{1,200}", re.ASCII)
_FAILED = {
    "failed": "8x8 could not make the export",
    "cancelled": "The export was cancelled",
    "error": "8x8 had an internal error as it made the export",
}

logs = typer.Typer(no_args_is_help=True, subcommand_metavar="COMMAND", cls=HelpGroup)


@logs.command("export", epilog=EXPORT_EXAMPLES)
def export(
    ctx: typer.Context,
    since: Annotated[
        datetime | None,
        option("TIME", "Export calls from this time on. Default: 7d.", "--from", parser=moment),
    ] = None,
    until: Annotated[
        datetime | None, option("TIME", "Export calls before this time. Default: now.", "--to", parser=moment)
    ] = None,
    limit: Annotated[
        int | None, option("N", "Export at most N rows. Default: all.", parser=whole(1, MAX_ROWS))
    ] = None,
    file: Annotated[
        str | None, option("FILE", "Write to this file, not to standard output.", "-o", "--output")
    ] = None,
    raw: common.Raw = False,
    timeout: Annotated[
        timedelta | None, option("TIME", "How long to wait for the export. Default: 10m.", parser=duration)
    ] = None,
    as_json: common.JsonFlag = False,
    quiet: common.QuietFlag = False,
) -> None:
    """Export 8x8's log of calls as one CSV file, with a row for each leg of a call.

    A TIME is a date such as 2026-11-01 (its beginning), a date and time such as 2026-11-01T09:30+01:00, or a
    length of time before now, such as 24h or 7d. Without a time zone it is in the zone of this machine.

    FILE is replaced only once the whole export has arrived. It is empty if there were no calls. Cells that a
    spreadsheet would run as formulas get an apostrophe in front.

    Exit code 4 means that 8x8 could not make the export, 8 that it took longer than --timeout.
    """
    context = context_of(ctx)
    if (as_json or quiet) and file is None:
        raise InvalidInput("--json and --quiet need a file for the CSV.", hint="Name one with -o.")
    target = None if file is None else files.target(file, context.folder)
    with wiring.subaccount_client(context) as client:
        job_id = _start(client, since, until, limit)
        context.output.note(f"8x8 makes the export as job {job_id}")
        try:
            finished = _wait_for_export(context, client, job_id, timeout or DEFAULT_TIMEOUT)
            _write_csv(context, client, job_id, finished, target, raw=raw)
        except KeyboardInterrupt:
            context.output.streams.give_up()
            raise Interrupted(
                "Interrupted.",
                hint="8x8 may still be making the export. "
                f"To stop it: voicecli logs cancel {shlex.quote(job_id)}",
                details={"jobId": job_id},
            ) from None


@logs.command("cancel", epilog=CANCEL_EXAMPLES)
def cancel(
    ctx: typer.Context,
    job: Annotated[str, typer.Argument(metavar="JOB", help="The job that logs export named.")],
) -> None:
    """Stop an export that 8x8 is still making."""
    context = context_of(ctx)
    if not _JOB.fullmatch(job):
        raise InvalidInput("The id of an export has letters, digits, - and _ only.")
    with wiring.subaccount_client(context) as client:
        client.send(cancel_log_export(job))
    context.output.result(
        f"Export {job} is cancelled", {"jobId": job, "cancelled": True}, identifier=job, happened=True
    )


# -- the job -----------------------------------------------------------------------------------------


def _start(client: "Client", since: datetime | None, until: datetime | None, limit: int | None) -> str:
    now = datetime.now(UTC)
    since, until = since or now - DEFAULT_LENGTH, until or now + SLACK
    if since >= until:
        raise InvalidInput(
            f"--from must be before --to, and {since:%Y-%m-%dT%H:%MZ} is not before {until:%Y-%m-%dT%H:%MZ}."
        )
    return client.send(start_log_export(since=since, until=until, limit=limit or 0))


def _wait_for_export(context: Context, client: "Client", job_id: str, timeout: timedelta) -> LogExport:
    """Poll until the export is done. Raises Refused if it failed, OutOfTime, and what a request raises."""
    start, pause, missed, told = time.monotonic(), FIRST_PAUSE, 0, ""
    while True:
        try:
            export = client.send(get_log_export(job_id))
        except Unreachable as error:
            missed += 1
            if missed == MAX_MISSED:
                raise
            status = f"not known now ({error.message.rstrip('.')})"
        else:
            missed, status = 0, export.status.lower()
            if status in ("succeeded", "empty"):
                context.output.progress("")
                return export
            if status in _FAILED:
                raise Refused(f"{_FAILED[status]}.", hint="Export again.", status_code=200)
        waited = time.monotonic() - start
        if waited >= timeout.total_seconds():
            raise OutOfTime(
                f"The export took longer than {timeout.total_seconds():g} s: it is {status}.",
                hint="Export again, and give it more time with --timeout.",
            )
        words = f"The export is {status}"
        if not context.output.progress(f"{words} ({waited:.0f} s so far)") and words != told:
            context.output.note(words)
        told = words
        interrupts.sleep(min(pause, max(0.0, timeout.total_seconds() - waited)))
        pause = min(pause * 1.5, LONGEST_PAUSE)


# -- the file ----------------------------------------------------------------------------------------


def _write_csv(
    context: Context,
    client: "Client",
    job_id: str,
    export: LogExport,
    target: files.Target | None,
    *,
    raw: bool,
) -> None:
    if export.status.lower() == "succeeded" and not export.links:
        raise Unreachable("8x8 answered that the export is ready, but not where.", hint="Export again.")
    csv_parts = CsvParts()
    pieces = csv_parts.joined(_downloads(context, client, export.links))
    if not raw:
        pieces = guard_csv(pieces)
    if target is None:
        context.output.content(pieces)
    else:
        files.replace(target, pieces)
    context.output.progress("")
    if not export.links:
        context.output.note("There were no calls in that time.")
    if target is not None:
        counts = {"rows": csv_parts.rows, "parts": csv_parts.parts}
        data = {"jobId": job_id, "status": export.status, "file": target.path, **counts}
        words = f"{target.path} has {counted(csv_parts.rows, 'row')}"
        context.output.result(words, data, identifier=job_id, happened=True)


def _downloads(context: Context, client: "Client", links: Sequence[str]) -> Iterator[Iterator[bytes]]:
    for number, link in enumerate(links, 1):
        if context.debug:
            context.output.note(f"> download of part {number} of {len(links)}")
        context.output.progress(f"Downloading part {number} of {len(links)}")
        yield client.download(link)
