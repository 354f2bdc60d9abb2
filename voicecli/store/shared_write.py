"""One write of a broadcast's worker as one statement, which takes place as a whole or not at all."""

from collections.abc import Sequence

from voicecli.store import attempts as stored_attempts
from voicecli.store.broadcast_journal import REPLACE
from voicecli.store.broadcasts import BroadcastRow
from voicecli.store.postgresql_sql import array, for_many


class WriteStatement:
    """Built part by part; ``finished`` gives its text and values. ``lock`` is what each statement that
    writes selects first."""

    def __init__(self, lock: str) -> None:
        self._lock = lock
        self._parts: list[str] = []
        self._values: list[object] = []
        self._checks: list[str] = []  # each is true, or nothing takes place
        self._numbers = "NULL"

    def hold_worker(self, worker: int, epoch: int, seen: int) -> None:
        """Only while this worker was not ended; ``seen`` is the newest event that it has processed."""
        part = f"UPDATE workers SET seen = ? WHERE id = ? AND epoch = ? RETURNING {self._lock}"
        self._add("mine", part, seen, worker, epoch)
        self._checks.append("(SELECT count(*) FROM mine) = 1")

    def change_rows(self, broadcast: int, changes: Sequence[tuple[BroadcastRow, BroadcastRow]]) -> None:
        """As they were, as they are to be."""
        if changes:
            rows = [(*row[2:], broadcast, row.line, before.state, before.attempts) for before, row in changes]
            self._add_many("changed", REPLACE, rows, " RETURNING 1")
            self._checks.append(f"(SELECT count(*) FROM changed) = {len(rows)}")

    def add_attempts(self, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            self._add_many("attempts", stored_attempts.INSERT, rows, " RETURNING id")
            self._numbers = "(SELECT array_agg(id ORDER BY id) FROM attempts)"

    def add_answers(self, answers: Sequence[stored_attempts.Answer]) -> None:
        for number, (statement, rows) in enumerate(stored_attempts.statements_for(answers)):
            self._add_many(f"answers{number}", statement, rows, "")

    def count_calls(self, broadcast: int, calls: int) -> None:
        """So many of those that may still be made."""
        if calls:
            update = "UPDATE broadcast_limits SET calls_left = calls_left - ?"
            which = "WHERE broadcast = ? AND calls_left >= ? RETURNING 1"
            self._add("counted", f"{update} {which}", calls, broadcast, calls)
            self._checks.append("(SELECT count(*) FROM counted) = 1")

    def finished(self, sessions: Sequence[str]) -> tuple[str, list[object]]:
        """It selects the numbers of new attempts, and of the first summary of these sessions."""
        first = "0"
        if sessions:
            first = (
                "(SELECT coalesce(min(id), 0) FROM events WHERE session = ANY(?::text[]) AND type = 'VSS')"
            )
            self._values.append(array("text", sessions))
        checked = f"1 / (CASE WHEN {' AND '.join(self._checks)} THEN 1 ELSE 0 END)"
        return f"WITH {', '.join(self._parts)} SELECT {self._numbers}, {first}, {checked}", self._values

    def _add(self, name: str, part: str, *values: object) -> None:
        self._parts.append(f"{name} AS MATERIALIZED ({part})")
        self._values += values

    def _add_many(self, name: str, statement: str, rows: Sequence[Sequence[object]], end: str) -> None:
        text, arrays = for_many(statement, rows)
        self._parts.append(f"{name} AS ({text}{end})")
        self._values += arrays


TAKE = (
    "WITH mine AS MATERIALIZED (SELECT {lock} FROM workers WHERE id = ? AND epoch = ? FOR NO KEY UPDATE),"
    " free AS MATERIALIZED (SELECT chunk FROM broadcast_chunks WHERE broadcast = ? AND chunk >= ?"
    " AND worker IS NULL AND done = 0 ORDER BY chunk LIMIT 1 FOR UPDATE SKIP LOCKED),"
    " taken AS (UPDATE broadcast_chunks AS c SET worker = ? FROM free WHERE c.broadcast = ?"
    " AND c.chunk = free.chunk RETURNING c.chunk),"
    " earlier AS (UPDATE workers AS w SET seen = b.seen FROM broadcasts AS b WHERE w.id = ? AND b.number = ?"
    " AND w.seen > b.seen)"
    " SELECT (SELECT chunk FROM taken), (SELECT seen FROM broadcasts WHERE number = ?),"
    " 1 / (SELECT count(*) FROM mine)"
)
"""Takes the first free chunk of a broadcast that has rows to call. Reports of its rows were taken in up to
the event that the broadcast has noted: from there on they are now the worker's."""
