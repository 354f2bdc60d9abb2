"""Shows a broadcast while it runs, and how it ended."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.status import row_data
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.clock import iso
from voicecli.errors import Interrupted, OutOfTime, OutputFailed, StoreBusy, StoreFailed
from voicecli.output import TableRow
from voicecli.output.broadcast import progress_line, progress_lines, summary_lines
from voicecli.output.json_fields import with_former_names
from voicecli.output.rows import Line
from voicecli.plurals import counted
from voicecli.sessions.counts import Counts
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import Broadcast, BroadcastRow
from voicecli.store.opening import calling_nobody
from voicecli.voice_api.codes import Outcome

if TYPE_CHECKING:
    from voicecli.broadcast.run import BroadcastEnd

CHECK_EVERY = 0.1  # seconds between two looks whether a reader who had paused reads on
LINE_EVERY = 5.0  # seconds between two lines where there is no terminal


class BroadcastView:
    """Of one broadcast: ``begin``, then ``on_progress`` and ``on_row`` as it goes on, and ``end``."""

    def __init__(self, context: Context, journal: Journal) -> None:
        self._output = context.output
        self._debug = context.debug
        self._program = context.program
        self._programs = context.format == "json"
        self._journal = journal
        self._id = journal.broadcast.id
        self._keys = BroadcastOptions.from_mapping(journal.broadcast.options).key_names()
        self._last = time.monotonic()
        self._shown = ""
        self._missed: dict[int, None] = {}  # lines of rows that changed while nobody read

    def begin(self) -> None:
        self._record("broadcast", with_former_names("broadcast", {"broadcastId": self._id}))
        self._output.note(f"Broadcast {self._id}")
        if self._journal.store.is_shared:
            join = f"{self._program} broadcast join {self._id}"
            self._output.note(f"Other machines help with: {join}")

    def on_row(self, row: BroadcastRow) -> None:
        """Programs get a record for each change of a row."""
        if not self._programs:
            return
        if self._missed or self._output.streams.is_behind:
            self._missed[row.line] = None
        else:
            self._record("row", row_data(row, self._keys))

    def _catch_up(self) -> None:
        """Once a reader who had paused reads on: report the rows that changed meanwhile as they are now."""
        while self._missed and not self._output.streams.is_behind:
            line = next(iter(self._missed))
            if (row := self._journal.row(line)) is not None:
                self._record("row", row_data(row, self._keys))
            del self._missed[line]

    async def report_missed_rows(self) -> None:
        """Wait until all rows that have changed are reported. Raises OutputFailed where they can't be."""
        import asyncio

        while self._missed:
            try:
                self._catch_up()
            except StoreBusy:
                pass
            except StoreFailed as error:
                rows = f"{len(self._missed):,} rows"
                raise OutputFailed(f"The results of {rows} can't be shown. {error.message}") from error
            await asyncio.sleep(CHECK_EVERY)

    def on_progress(self, counts: Counts) -> None:
        with suppress(StoreFailed):  # who calls people has to do with that
            self._catch_up()
        if self._output.progress(progress_lines(counts, self._output.progress_width)):
            return
        words = progress_line(counts)
        if time.monotonic() - self._last >= LINE_EVERY and words != self._shown:
            self._last, self._shown = time.monotonic(), words
            self._output.note(words)

    def end(self, ended: "BroadcastEnd", *, waits: bool) -> ExitCode:
        """Say how it ended. Raises Interrupted, and what ended it before anybody was called."""
        counts, error, interrupted = ended
        self._output.progress("")
        code = self._code(counts, waits=waits)
        try:
            untouched = self._journal.is_untouched
        except StoreFailed as failed:
            untouched, error = False, error or failed
        broadcast = self._journal.broadcast
        ended_alone = interrupted or not isinstance(error, Interrupted | OutOfTime | type(None))
        others_go_on = ended_alone and counts.left > 0 and self._journal.has_others
        found = commands(self._program, broadcast, counts, waits=waits, running=others_go_on)
        todo = [] if untouched else list(found)
        data = {
            "record": "summary",
            **with_former_names("broadcast", {"broadcastId": self._id}),
            **counts.totals(),
            "commands": [command for command, _ in todo],
        }
        lines = [*summary_lines(counts), *in_lines(todo)]
        self._output.report(lines, {**data, "exitCode": 130 if interrupted else code}, identifier=self._id)
        how = self.resume_hint
        if others_go_on:
            how = f"Others go on. To help them again: {self._program} broadcast join {self._id}"
        elif untouched:
            how = "Nobody was called: the same command can be run again."
        if interrupted or isinstance(error, Interrupted):
            message = "Interrupted." if error is None else error.message
            details = {} if error is None else error.details
            hint = how if counts.left or waits else ""
            raise Interrupted(
                message,
                hint=hint,
                details={**with_former_names("error", {"broadcastId": self._id}), **details},
            )
        if isinstance(error, OutOfTime):
            self._output.note(error.message)
        elif error is not None:
            error.hint = f"{error.hint} {how}".strip()
            if not (counts.accepted or counts.unknown or counts.retrying or counts.in_flight):
                with calling_nobody():
                    raise error
            if self._debug:
                self._output.traceback(error)
            self._output.error(error)
        return code

    @property
    def resume_hint(self) -> str:
        return f"To go on: {self._program} broadcast resume {self._id}"

    def _code(self, counts: Counts, *, waits: bool) -> ExitCode:
        if counts.too_often and counts.skipped == counts.total:
            return ExitCode.PLACED_BEFORE
        fine = not (counts.left or counts.refused or counts.unknown)
        if waits and fine:
            completed = counts.outcomes[Outcome.COMPLETED]
            fine = (completed if counts.confirmed is None else counts.confirmed) == counts.accepted
        return ExitCode.DONE if fine else ExitCode.SOME_FAILED

    def _record(self, kind: str, data: dict[str, object]) -> None:
        if self._programs:
            self._output.row(TableRow((), (), {"record": kind, **data}))


def commands(
    program: str, broadcast: Broadcast, counts: Counts, *, waits: bool, running: bool = False
) -> Iterator[tuple[str, str]]:
    """What there is to do, each with what it does. ``program`` is how each begins, and ``waits`` whether
    outcomes are waited for."""
    command, of = f"{program} broadcast", broadcast.id
    again, piped = ("", "") if broadcast.file else (" -", " (pipe the list in again)")
    if running:
        yield f"{command} stop {of}", "Stop calling"
    elif counts.left:
        yield f"{command} resume {of}{again}", f"Call the other {counts.left:,}{piped}"
    elif waits and counts.without_outcome:
        some = counted(counts.without_outcome, "outcome")
        outcomes = f"Wait for {some} more; reports that came while no listener ran are lost"
        yield f"{command} resume {of}{again}", f"{outcomes}{piped}"
    if counts.too_often and not running and not counts.left:
        later = f"Call the {counts.too_often:,} whom --at-most left out, once they may be called"
        yield f"{command} resume {of}{again}", f"{later}{piped}"
    if counts.unknown and not running:
        doubt = "Also call people for whom it is unknown whether they were called"
        yield f"{command} resume {of}{again} --retry-unknown", f"{doubt}{piped}"
    if counts.refused and not running:
        yield f"{command} resume {of}{again} --retry-refused", f"Send the refused calls again{piped}"
    yield f"{command} report {of} -o report.html", "Write a report to hand on and to print"
    kind = "xlsx" if (broadcast.file or "").lower().endswith(".xlsx") else "csv"
    yield f"{command} results {of} -o results.{kind}", "Write the results of all rows to a file"


def in_lines(todo: Sequence[tuple[str, str]]) -> Iterator[Line]:
    """Each command has a line of its own: a shell may take what stands behind it for part of it."""
    for command, what in todo:
        yield from (("", ""), (f"{what}:", "bold"), (f"  {command}", ""))


def broadcast_data(broadcast: Broadcast, state: str) -> dict[str, object]:
    """What a broadcast is, for programs."""
    known = {
        "broadcastId": broadcast.id,
        "startTime": iso(broadcast.created),
        "state": state,
        "list": broadcast.file or None,
        "shard": None if broadcast.parts == 1 else f"{broadcast.part}/{broadcast.parts}",
    }
    return with_former_names("broadcast", known)
