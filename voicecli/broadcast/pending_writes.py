"""Changes to rows and attempts that the next commit writes to the journal."""

from collections import deque
from typing import NamedTuple

from voicecli.broadcast.in_flight import InFlight
from voicecli.broadcast.progress import Progress
from voicecli.clock import now
from voicecli.errors import StoreUnreachable
from voicecli.sessions.attempt import AttemptState
from voicecli.store.broadcast_journal import Journal, calls_in
from voicecli.store.broadcasts import BroadcastRow, RowState


class _UncertainWrite(NamedTuple):
    """One that may have taken place: the rows as they were before it, by line, and the attempts in it."""

    rows: dict[int, BroadcastRow]
    flights: list[InFlight]


class PendingWrites:
    """Collects changes until ``write``; ``progress`` counts them once they are on the disk, and ``written``
    has those rows until they are reported. ``in_flight`` has the requests without an answer, by line."""

    def __init__(self, journal: Journal, progress: Progress) -> None:
        self.in_flight: dict[int, InFlight] = {}
        self.written: deque[BroadcastRow] = deque()
        self._journal = journal
        self._progress = progress
        self._rows: dict[int, tuple[BroadcastRow, BroadcastRow]] = {}  # by line: on the disk, and to be
        self._attempts: list[InFlight] = []
        self._answers: list[tuple[InFlight, AttemptState | None, str | None]] = []
        self._calls = 0  # that are made by all of these changes
        self._uncertain: _UncertainWrite | None = None

    @property
    def calls_left(self) -> int | None:
        """How many more may be made; None for any number."""
        left = self._journal.calls_left
        return None if left is None else left - self._calls

    @property
    def not_placed(self) -> list[int]:
        """The ids of attempts that are about to be deleted, since they were certainly not carried out."""
        return [flight.attempt_id for flight, state, _ in self._answers if state is None]

    def row(self, line: int) -> BroadcastRow | None:
        """The row as it is, or is about to be. Raises StoreFailed."""
        if line in self._rows:
            return self._rows[line][1]
        return self.in_flight[line].row if line in self.in_flight else self._journal.row(line)

    def latest(self, row: BroadcastRow) -> BroadcastRow:
        """The row as it is to be written, if it has changed."""
        return self._rows.get(row.line, (row, row))[1]

    def update(self, row: BroadcastRow, new: BroadcastRow) -> BroadcastRow:
        """A row has become like this just now."""
        return self.restore(row, new._replace(changed=now()))

    def restore(self, row: BroadcastRow, new: BroadcastRow) -> BroadcastRow:
        """A row is to be like this, whenever it became so."""
        on_disk, before = self._rows.get(row.line, (row, row))
        self._calls += new.attempts - before.attempts
        if new == on_disk:
            self._rows.pop(row.line, None)
        else:
            self._rows[row.line] = on_disk, new
        if row.line in self.in_flight:
            self.in_flight[row.line].row = new
        return new

    def undo(self, flight: InFlight) -> BroadcastRow:
        """Certainly no call was placed: its row is as it was before that was tried."""
        return self.restore(flight.row, flight.before)

    def add_attempts(self, flights: list[InFlight]) -> None:
        """Their attempts are not in the store yet."""
        self._attempts += flights

    def drop_attempts(self, flights: list[InFlight]) -> None:
        """These requests do not leave after all."""
        self._attempts = [flight for flight in self._attempts if flight not in flights]

    def answer(self, flight: InFlight, state: AttemptState | None, session_id: str | None) -> None:
        """What was answered to an attempt. It is written once the attempt is in the store, by the write
        after that."""
        self._answers.append((flight, state, session_id))

    def write(self, seen: int | None = None) -> None:
        """Write all of it in one commit, and that the events up to ``seen`` were taken in. Raises
        StoreFailed; then all of it is still to be written."""
        if not (self._rows or self._answers) and seen is None:
            return
        attempts = [flight.attempt for flight in self._attempts]
        answers = [
            (one.attempt_id, state, session) for one, state, session in self._answers if one.attempt_id
        ]
        try:
            ids = self._journal.write(self._rows.values(), seen=seen, new_attempts=attempts, answers=answers)
        except StoreUnreachable:
            if self._uncertain is None:  # else nothing was tried before it is known what the last one did
                on_disk = {line: before for line, (before, _) in self._rows.items()}
                self._uncertain = _UncertainWrite(on_disk, self._attempts)
            raise
        self._answers = [answer for answer in self._answers if not answer[0].attempt_id]
        for flight, attempt_id in zip(self._attempts, ids, strict=True):
            flight.attempt_id = attempt_id
        self._attempts = []
        self._calls = 0
        rows, self._rows = self._rows, {}
        for before, row in rows.values():
            self._progress.changed(before, row)
            self.written.append(row)

    def reconcile(self) -> None:
        """Once the journal is connected anew: find out whether the write took place whose answer was lost.
        What it wrote and what is not so, since those requests did not leave, is undone by the next write.
        Raises StoreFailed."""
        if (lost := self._uncertain) is None:
            return
        found = self._journal.rows_at(list(lost.rows))
        flights = {flight.request.client_request_id: flight for flight in lost.flights}
        ids = self._journal.attempts_of(list(flights))
        self._uncertain = None
        for line, before in lost.rows.items():
            row = found[line]
            _, wanted = self._rows.pop(line, (before, before))
            self._progress.changed(before, row)
            if row != wanted:
                self._rows[line] = row, wanted
            elif row != before:
                self.written.append(row)
        self._calls = calls_in(self._rows.values())
        known = {flight.attempt_id for flight, _, _ in self._answers}
        for request_id, attempt_id in ids.items():
            flight = flights[request_id]
            if attempt_id in known:
                continue  # that of an earlier request, which is to be deleted
            flight.attempt_id = attempt_id
            if flight in self._attempts:
                self._attempts.remove(flight)
            else:
                self.answer(flight, None, None)

    def lost_answers(self) -> list[BroadcastRow]:
        """The rows whose answers are not on the disk, where they count as unknown."""
        return [row for on_disk, row in self._rows.values() if on_disk.state is RowState.SENDING]
