"""The journal: every row of every broadcast and what is known of its call, in the store.

A row is ``sending`` on the disk before its request leaves. So whatever ends the process, a row that says
``planned`` was not called, and one that still says ``sending`` may have been.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

from voicecli.account import AccountId
from voicecli.clock import now
from voicecli.errors import InUse, InvalidInput, PlacedBefore, StoreFailed, quoted
from voicecli.platforms import private_files
from voicecli.platforms.locks import Lock, is_held
from voicecli.store import attempts as stored_attempts
from voicecli.store import events as stored_events
from voicecli.store import sealing
from voicecli.store.sqlite import Store

STEP = 5_000  # rows that are planned or deleted in one commit, some milliseconds
PAGE = 500  # rows that are read at once
PATIENCE = 0.2  # seconds, for somebody who only looks whether it is being worked on
RESERVE = 1 << 20  # bytes; the last rows take less in SQLite's log
_LOCK = "broadcast-{}.lock"
_RESERVE = "broadcast-{}.reserve"
_PAD = "broadcast-{}.pad"


class State(StrEnum):
    """Of a broadcast. Whether it is being worked on is told by its lock."""

    PLANNING = "planning"  # not all rows are in the journal yet, and nobody was called
    OPEN = "open"
    STOPPED = "stopped"  # a person said so; a person can resume it
    DONE = "done"  # there is nobody left to call


class RowState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"  # the request may leave at any moment, or has left
    ACCEPTED = "accepted"
    RETRY = "retry"  # called, not reached, and to be called again
    REFUSED = "refused"  # certainly no call was placed
    UNKNOWN = "unknown"  # the request may have left, and no answer is there
    SKIPPED = "skipped"  # not to be called


class Row(NamedTuple):
    """A row of a list. What is below ``attempts`` is about the last attempt. Times are in microseconds since
    1970, UTC; ``seconds`` is how long the call was talked on, ``bridge`` what became of a second leg."""

    line: int
    destination: str
    state: RowState
    attempts: int = 0
    changed: int = 0
    session: str | None = None
    outcome: str | None = None
    digits: str | None = None
    seconds: float | None = None
    reason: str | None = None
    bridge: str | None = None


class Broadcast(NamedTuple):
    """What a broadcast is, apart from its rows. ``file`` is empty where the list came from standard input."""

    number: int
    id: str
    created: int
    service: str
    subaccount: str
    file: str
    fingerprint: bytes
    part: int
    parts: int
    options: Mapping[str, object]
    sealed: bytes
    state: State

    @property
    def account(self) -> AccountId:
        return AccountId(self.service, self.subaccount)

    def request_id(self, row: Row) -> str:
        """The clientRequestId of the row's last attempt."""
        return f"{self.id}-{row.line}-{row.attempts}"

    def named(self, request_id: str) -> tuple[int, int] | None:
        """The line and the attempt that a clientRequestId is of, if it is one of ours."""
        own, _, rest = request_id.partition("-")
        line, _, attempt = rest.partition("-")
        if own == self.id and all(
            part.isascii() and part.isdigit() and len(part) < 16 for part in (line, attempt)
        ):
            return (int(line), int(attempt)) if int(attempt) else None
        return None


def create(
    store: Store,
    *,
    account: AccountId,
    file: str,
    fingerprint: bytes,
    shard: tuple[int, int],
    options: Mapping[str, object],
    said: bytes,
) -> "Journal":
    """A new broadcast, locked, whose rows are still to be planned. ``said`` is what people hear."""
    broadcast_id = "b" + secrets.token_hex(5)
    lock = _locked(store, broadcast_id)
    try:
        sealed = sealing.seal(store.path.parent, said, broadcast_id.encode())
        with store.change() as change:
            of = (broadcast_id, now(), *account, file, fingerprint, *shard)
            change(
                f"INSERT INTO broadcasts ({_OF}, seen) VALUES (?{', ?' * 11})",  # noqa: S608
                (*of, json.dumps(options), sealed, State.PLANNING, stored_events.last_event(store)),
            )
        return Journal(store, find(store, broadcast_id, planning=True), lock)
    except BaseException:  # a disk that is full, say: nothing is left behind
        lock.close(remove=True)
        raise


def find(store: Store, beginning: str, *, planning: bool = False) -> Broadcast:
    """The one broadcast whose id begins so. Raises InvalidInput where there is none or are several."""
    if not beginning or not beginning.isascii():
        raise InvalidInput("The broadcast's id is missing.", hint="voicecli broadcast list has them.")
    which = "WHERE id >= ? AND id < ? AND (? OR state != 'planning') ORDER BY id LIMIT 9"
    found = list(_broadcasts(store, which, (beginning, beginning + "\x7f", planning)))
    if len(found) > 1:
        raise InvalidInput(
            f"Several broadcasts begin with {quoted(beginning)}.",
            hint=f"Give more of the id: {', '.join(one.id for one in found)}",
        )
    if not found:
        raise InvalidInput(
            f"There is no broadcast {quoted(beginning)}.",
            hint="voicecli broadcast list has all of this machine.",
        )
    return found[0]


def newest_first(store: Store) -> Iterator[Broadcast]:
    """All whose rows were planned."""
    return _broadcasts(store, "WHERE state != 'planning' ORDER BY created DESC", ())


def sweep(store: Store) -> None:
    """Delete what processes left behind that ended before all rows were planned: nobody was called."""
    for broadcast in list(_broadcasts(store, "WHERE state = 'planning'", ())):
        lock = Lock.take(store.path.with_name(_LOCK.format(broadcast.id)))
        if lock is not None:
            delete(store, broadcast)
            lock.close(remove=True)


def is_running(store: Store, broadcast: Broadcast) -> bool:
    """Whether a process works on it now."""
    return is_held(store.path.with_name(_LOCK.format(broadcast.id)))


def refuse_repetition(
    store: Store, *, fingerprint: bytes, account: AccountId, shard: tuple[int, int]
) -> None:
    """Raises PlacedBefore where the same list was begun before; of shards, only where it was this one, or the
    list was divided in another way."""
    which = (
        "WHERE fingerprint = ? AND base_url = ? AND subaccount = ? AND state != 'planning'"
        " AND (part = ? OR parts != ?) ORDER BY created DESC LIMIT 1"
    )
    for before in _broadcasts(store, which, (fingerprint, *account, *shard)):
        raise PlacedBefore(
            f"This list was sent before, as broadcast {before.id}: nothing was sent.",
            hint=f"voicecli broadcast show {before.id} says how far it came; resume {before.id} goes on with "
            "it. --again calls everybody on the list once more.",
        )


class Journal:
    """The rows of one broadcast, and the right to write them until ``close``. Every method raises
    StoreFailed."""

    def __init__(self, store: Store, broadcast: Broadcast, lock: Lock) -> None:
        self.store = store
        self.broadcast = broadcast
        self._lock = lock

    @classmethod
    def open(cls, store: Store, broadcast: Broadcast) -> Self:
        """Raises InUse where another process works on it."""
        lock = _locked(store, broadcast.id)
        try:
            return cls(store, find(store, broadcast.id), lock)
        except BaseException:  # it was deleted just now
            lock.close(remove=True)
            raise

    def reserve(self) -> None:
        """Take some room on the disk, so that what is known can be written even when the disk is full."""
        path = self._reserve
        try:
            private_files.make(path)
            with path.open("wb") as file:
                file.write(secrets.token_bytes(RESERVE))  # zeros may take no room at all
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreFailed(
                f"The file {path} can't be written: {error.strerror}.", hint="Look at its disk."
            ) from error

    def release_reserve(self) -> None:
        with suppress(OSError):  # then what is to be written now may fail, and nothing else does
            self._reserve.unlink(missing_ok=True)

    @property
    def _reserve(self) -> Path:
        return self.store.path.with_name(_RESERVE.format(self.broadcast.id))

    def close(self) -> None:
        self.release_reserve()
        self._lock.close(remove=True)

    def plan(self, rows: Iterable[Row], *, again: bool) -> None:
        """Put in all rows; from then on it is a broadcast that can be resumed. Raises PlacedBefore where this
        list was sent before, unless it is to be sent ``again``."""
        rows = iter(rows)
        while step := list(islice(rows, STEP)):
            self.store.change_many(_PUT, [(self.broadcast.number, *row) for row in step])
        with self.store.change() as change:
            if not again:
                of = self.broadcast
                refuse_repetition(
                    self.store,
                    fingerprint=of.fingerprint,
                    account=of.account,
                    shard=(of.part, of.parts),
                )
            change("UPDATE broadcasts SET state = ? WHERE number = ?", (State.OPEN, self.broadcast.number))

    def write(
        self,
        changes: Iterable[tuple[Row, Row]],
        *,
        seen: int | None = None,
        leaving: Sequence[tuple[object, ...]] = (),
        answers: Iterable[stored_attempts.Answer] = (),
    ) -> Sequence[int]:
        """Put rows in the place of what they were, and note which event is the newest that was taken in, all
        in one commit: it is on the disk then. In it are also the attempts that are ``leaving`` (rows of
        store.attempts), whose numbers it gives, and the ``answers`` to earlier ones. Raises InUse, and writes
        nothing, where a row is not what it was: should the lock have failed, that keeps a second process from
        calling the same people."""
        self.store.see_that_it_is_there()
        number = self.broadcast.number
        replaced = [(*row[2:], number, row.line, before.state, before.attempts) for before, row in changes]
        numbers: Sequence[int] = ()
        with self.store.change() as change:
            if replaced and self.store.each(_REPLACE, replaced) != len(replaced):
                raise InUse(
                    f"Another process has been at rows of broadcast {self.broadcast.id}.",
                    hint="Let only one work on it, with VOICECLI_HOME on a local disk.",
                )
            if leaving:
                numbers = stored_attempts.insert(self.store, leaving)
            if seen is not None:
                change("UPDATE broadcasts SET seen = ? WHERE number = ?", (seen, number))
            first = stored_attempts.record_answers(self.store, change, answers)
            if first is not None:  # what it reports was not found as this broadcast's
                earlier = "UPDATE broadcasts SET seen = ? WHERE number = ? AND seen > ?"
                change(earlier, (first - 1, number, first - 1))
        return numbers

    def row(self, line: int) -> Row | None:
        """As it stands."""
        return next(_select(self.store, self.broadcast, "line = ?", (line,)), None)

    def rows(self, *states: RowState) -> Iterator[Row]:
        """All rows in these states, in the order of the list. They may change meanwhile."""
        return rows(self.store, self.broadcast, *states)

    def leave_nothing_sending(self) -> None:
        """What another process left in the middle: nobody knows whether that was called."""
        with self.store.change() as change:
            change(
                "UPDATE broadcast_rows SET state = ?, reason = ? WHERE broadcast = ? AND state = ?",
                (RowState.UNKNOWN, "it was interrupted", self.broadcast.number, RowState.SENDING),
            )

    def plan_again(self, state: RowState) -> None:
        """Rows in this state are to be called after all."""
        with self.store.change() as change:
            change(
                "UPDATE broadcast_rows SET state = ?, reason = NULL WHERE broadcast = ? AND state = ?",
                (RowState.PLANNED, self.broadcast.number, state),
            )

    def plan_retries(
        self, outcomes: Collection[str], attempts: int, *, unless_pressed: Collection[str] | None = None
    ) -> None:
        """Those whose last attempt had such an outcome are to be called again, so often in all: not whoever
        pressed one of these, or anything where they are none."""
        among = f"outcome IN ({', '.join('?' * len(outcomes))})"
        which = f"state = ? AND attempts < ? AND {among} AND reason IS NULL"  # which says why there is none
        if unless_pressed is not None:
            accepted = f" AND digits IN ({', '.join('?' * len(unless_pressed))})" if unless_pressed else ""
            which += f" AND NOT (digits IS NOT NULL{accepted})"
        of = (RowState.ACCEPTED, attempts, *outcomes, *(unless_pressed or ()))
        with self.store.change() as change:
            change(
                f"UPDATE broadcast_rows SET state = ? WHERE broadcast = ? AND {which}",  # noqa: S608
                (RowState.RETRY, self.broadcast.number, *of),
            )

    @property
    def is_untouched(self) -> bool:
        """Whether there is somebody to call, and certainly nobody was called."""
        return self._has("state = 'planned'") and not self._has(
            "attempts > 0 OR state NOT IN ('planned', 'skipped')"
        )

    @property
    def attempts(self) -> int:
        """How many calls were made, or may have been."""
        query = "SELECT coalesce(sum(attempts), 0) FROM broadcast_rows WHERE broadcast = ?"
        return self.store.number(query, (self.broadcast.number,))

    @property
    def is_finished(self) -> bool:
        """Whether nobody is left who could still be called."""
        return not self._has("state NOT IN ('accepted', 'skipped')")

    def _has(self, which: str) -> bool:
        query = f"SELECT EXISTS (SELECT 1 FROM broadcast_rows WHERE broadcast = ? AND ({which}))"  # noqa: S608
        return bool(self.store.number(query, (self.broadcast.number,)))

    @property
    def state(self) -> State:
        """As it stands: another process may have stopped the broadcast."""
        query = "SELECT state FROM broadcasts WHERE number = ?"
        for state in self.store.read(State, query, (self.broadcast.number,)):
            return state
        raise self.store.damaged(f"broadcast {self.broadcast.id} is missing")

    def becomes(self, state: State) -> None:
        set_state(self.store, self.broadcast, state)

    @property
    def seen(self) -> int:
        """The number of the newest event that was taken in."""
        query = "SELECT seen FROM broadcasts WHERE number = ?"
        return self.store.number(query, (self.broadcast.number,))


def set_state(store: Store, broadcast: Broadcast, state: State) -> None:
    with store.change() as change:
        change("UPDATE broadcasts SET state = ? WHERE number = ?", (state, broadcast.number))


def rows(store: Store, broadcast: Broadcast, *states: RowState) -> Iterator[Row]:
    """The rows in these states, else all, in the order of the list; others may be working on them."""
    states = states or tuple(RowState)
    which = f"line > ? AND state IN ({', '.join('?' * len(states))}) ORDER BY line LIMIT {PAGE}"
    last = 0
    while page := list(_select(store, broadcast, which, (last, *states))):
        yield from page
        if page[-1].line <= last:
            raise store.damaged("its rows are not in order")
        last = page[-1].line


class Count(NamedTuple):
    """So many rows have this in common."""

    state: RowState
    outcome: str | None
    digits: str | None
    reason: str | None
    rows: int


def counts(store: Store, broadcast: Broadcast) -> list[Count]:
    """How many rows are alike. Codes that people typed, and why a row was skipped, make no difference."""
    alike = (
        "state, outcome, CASE WHEN length(digits) = 1 THEN digits END AS pressed,"
        " CASE WHEN state != 'skipped' THEN reason END AS why"
    )
    query = (
        f"SELECT {alike}, count(*) FROM broadcast_rows WHERE broadcast = ?"  # noqa: S608
        " GROUP BY state, outcome, pressed, why"
    )

    def count(state: str, *rest: Any) -> Count:
        return Count(RowState(state), *rest)

    return list(store.read(count, query, (broadcast.number,)))


def bridges(store: Store, broadcast: Broadcast) -> dict[str, int]:
    """What became of second legs, and how often."""
    which = "WHERE broadcast = ? AND bridge IS NOT NULL GROUP BY bridge ORDER BY count(*) DESC, bridge"
    return dict(store.rows(f"SELECT bridge, count(*) FROM broadcast_rows {which}", (broadcast.number,)))  # noqa: S608


def delete(store: Store, broadcast: Broadcast) -> None:
    """Delete it with its rows and all that is kept of it, in small steps. Its lock is the caller's affair."""
    deleted = STEP
    store.overwrite()
    lines = "SELECT line FROM broadcast_rows WHERE broadcast = ? LIMIT ?"
    while deleted == STEP:
        with store.change() as change:
            deleted = change(
                f"DELETE FROM broadcast_rows WHERE broadcast = ? AND line IN ({lines})",  # noqa: S608
                (broadcast.number, broadcast.number, STEP),
            ).changed
    pad(store, broadcast).unlink(missing_ok=True)
    with store.change() as change:
        change("DELETE FROM broadcasts WHERE number = ?", (broadcast.number,))
    store.empty_log()


def pad(store: Store, broadcast: Broadcast) -> Path:
    """Where an earlier version put as many random bytes as its text has, without which nobody can read it."""
    return store.path.with_name(_PAD.format(broadcast.id))


def _locked(store: Store, broadcast_id: str) -> Lock:
    path, end = store.path.with_name(_LOCK.format(broadcast_id)), time.monotonic() + PATIENCE
    while (lock := Lock.take(path)) is None and time.monotonic() < end:
        time.sleep(0.01)
    if lock is None:
        raise InUse(
            f"Broadcast {broadcast_id} is being worked on by another voicecli: nothing was sent from here.",
            hint=f"voicecli broadcast show {broadcast_id} says how it stands; broadcast stop ends it.",
        )
    return lock


_OF = "id, created, base_url, subaccount, file, fingerprint, part, parts, options, sealed, state"
_COLUMNS = "line, destination, state, attempts, changed, session, outcome, digits, seconds, reason, bridge"
_REPLACE = (
    "UPDATE broadcast_rows SET state = ?, attempts = ?, changed = ?, session = ?, outcome = ?, digits = ?,"
    " seconds = ?, reason = ?, bridge = ? WHERE broadcast = ? AND line = ? AND state = ? AND attempts = ?"
)
_PUT = f"INSERT OR REPLACE INTO broadcast_rows (broadcast, {_COLUMNS}) VALUES (?{', ?' * 11})"  # noqa: S608


def _select(store: Store, broadcast: Broadcast, which: str, parameters: Sequence[object]) -> Iterator[Row]:
    query = f"SELECT {_COLUMNS} FROM broadcast_rows WHERE broadcast = ? AND {which}"  # noqa: S608
    return store.read(_row, query, (broadcast.number, *parameters))


def _row(*columns: Any) -> Row:
    row = Row(*columns)
    return row._replace(state=RowState(row.state))


def _broadcasts(store: Store, which: str, parameters: Sequence[object]) -> Iterator[Broadcast]:
    query = f"SELECT number, {_OF} FROM broadcasts {which}"  # noqa: S608
    return store.read(_broadcast, query, parameters)


def _broadcast(*columns: Any) -> Broadcast:
    """Raises ValueError."""
    broadcast = Broadcast(*columns)
    options = json.loads(columns[-3])
    if not isinstance(options, dict) or re.fullmatch("b[0-9a-f]{10}", broadcast.id) is None:
        raise ValueError("this is no broadcast")  # its id becomes the name of a file
    return broadcast._replace(options=options, state=State(broadcast.state))
