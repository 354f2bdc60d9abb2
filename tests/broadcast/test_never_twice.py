"""The engine when answers, reports and accidents come in an unlucky order: never twice, and none left out."""

import asyncio
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from engine_world import World, call_request, number, world_of

from voicecli.broadcast import engine as engines
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.pacing import Pace
from voicecli.broadcast.policy import Policy
from voicecli.errors import InUse, OutputFailed, StoreFailed, VoicecliError
from voicecli.quiet_hours import Hours
from voicecli.sessions.counts import Counts
from voicecli.store import broadcasts as journals, paging
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, BroadcastState, RowState
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.callflow import CallRequest

SILENT, TWICE_TOO_MANY = "+33199005040", "+33199004291"


world = pytest.fixture(world_of)


AGAIN = Policy(retry=frozenset({"NO_ANSWER"}), attempts=3, every=2.0)


# -- reports that come while a row waits for its turn ------------------------------------------------


@pytest.mark.soak
def test_one_that_is_found_twice_among_those_to_be_called_again_is_called_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", 40)
    monkeypatch.setattr(engines, "LOOK_EVERY", 0.001)
    rows = 50
    world.plan([number(index) for index in range(rows)])
    last = world.row(rows)
    world.journal.write([(last, last._replace(state=RowState.UNKNOWN, attempts=1))])
    done: list[BroadcastRow] = []

    def on_row(row: BroadcastRow) -> None:
        done.append(row)
        if len(done) == 1:  # the first page is read, and that row is on the second one
            world.report(rows, "NO_ANSWER")

    world.run(AGAIN, on_row=on_row)
    assert world.calls[last.destination] == 1
    assert world.row(rows).attempts == 2


def test_one_whose_outcome_comes_before_its_answer_waits_for_the_answer(world: World) -> None:
    world.plan([SILENT])
    world.request_timeout = 0.5

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.SENDING and row.attempts == 1:
            world.report(1, "NO_ANSWER")

    world.run(Policy(retry=frozenset({"NO_ANSWER"}), attempts=2, every=0.0), on_row=on_row)
    assert world.calls == {SILENT: 2}
    assert world.row(1).state is RowState.UNKNOWN
    assert world.row(1).attempts == 2


def test_one_that_waits_for_the_pace_is_not_called_when_a_report_says_that_it_was(world: World) -> None:
    world.plan([number(0), number(1)])
    world.journal.write([(world.row(2), world.row(2)._replace(attempts=1))])  # as --retry-unknown leaves it
    world.pace = Pace(world.home / "slow", 2.0)

    def on_row(row: BroadcastRow) -> None:
        if row.line == 1 and row.state is RowState.ACCEPTED:
            world.report(2, "COMPLETED")

    world.run(on_row=on_row)
    assert world.calls == {number(0): 1}
    assert (world.row(2).state, world.row(2).outcome) == (RowState.ACCEPTED, "COMPLETED")


def test_one_that_is_answered_429_is_not_called_when_a_report_says_that_it_was(world: World) -> None:
    world.plan([TWICE_TOO_MANY])
    world.journal.write([(world.row(1), world.row(1)._replace(attempts=1))])  # as --retry-unknown leaves it

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.PLANNED:  # after the 429
            world.report(1, "COMPLETED")

    world.run(on_row=on_row)
    assert world.calls == {TWICE_TOO_MANY: 1}
    assert (world.row(1).state, world.row(1).outcome) == (RowState.ACCEPTED, "COMPLETED")


def test_a_report_of_an_attempt_that_never_was_keeps_nobody_from_being_called(world: World) -> None:
    world.plan([number(0)])
    world.report(1, "COMPLETED", attempt=0)
    world.run()
    assert world.calls == {number(0): 1}
    assert (world.row(1).state, world.row(1).outcome) == (RowState.ACCEPTED, None)


# -- what goes wrong in between ----------------------------------------------------------------------


class Broken(Pace):
    """A pace whose file fails at some moment."""

    def __init__(self, path: Path, *, takes: int = 1_000, answers: int = 1_000) -> None:
        super().__init__(path, None)
        self.takes = takes
        self.answers = answers

    def take(self) -> float | None:
        self.takes -= 1
        if self.takes < 0:
            raise StoreFailed("The file of the pace can't be written.")
        return super().take()

    def answered(self) -> None:
        self.answers -= 1
        if self.answers < 0:
            raise StoreFailed("The file of the pace can't be written.")
        super().answered()


def test_when_the_pace_fails_before_a_call_nobody_is_taken_for_called(world: World) -> None:
    world.plan([number(index) for index in range(20)])
    world.pace = Broken(world.home / "pace", takes=10)
    engine = world.run()
    assert isinstance(engine.ended_by, StoreFailed)
    assert world.calls == {}
    assert world.states == {RowState.PLANNED: 20}


def test_when_the_pace_fails_after_a_call_its_answer_is_kept(world: World) -> None:
    world.plan([number(index) for index in range(20)])
    world.pace = Broken(world.home / "pace", answers=0)
    engine = world.run()
    assert isinstance(engine.ended_by, StoreFailed)
    assert world.states == {RowState.ACCEPTED: 20}


def test_when_output_fails_nobody_is_taken_for_called_who_was_not(world: World) -> None:
    world.plan([number(index) for index in range(100)])

    def on_row(row: BroadcastRow) -> None:
        raise OutputFailed("Standard output can't be written.")

    with suppress(OutputFailed):
        world.run(on_row=on_row)
    found = world.states
    assert found[RowState.ACCEPTED] == len(world.calls)
    assert found[RowState.ACCEPTED] + found[RowState.PLANNED] == 100


def test_a_fault_of_our_own_before_a_call_takes_nobody_for_called(world: World) -> None:
    world.plan([number(index) for index in range(20)])

    def request(row: BroadcastRow, request_id: str) -> CallRequest:
        if row.line == 10:
            raise ZeroDivisionError
        return call_request(row, request_id)

    engine = world.run(request=request)
    assert isinstance(engine.ended_by, VoicecliError)
    assert isinstance(engine.ended_by.__cause__, ZeroDivisionError)
    assert world.calls == {}
    assert world.states == {RowState.PLANNED: 20}


class FullOnce(Journal):
    """A journal on a disk that is full for one moment."""

    writes = 0

    def write(self, changes: Iterable[tuple[BroadcastRow, BroadcastRow]], **more: Any) -> list[int]:
        self.writes += 1
        if self.writes == 2:
            raise StoreFailed("The store can't be written: database or disk is full.")
        return super().write(changes, **more)


def test_one_that_was_answered_429_is_not_unknown_when_the_disk_is_full_then(world: World) -> None:
    world.plan([TWICE_TOO_MANY])
    world.journal.__class__ = FullOnce
    world.pace = Pace(world.home / "pace", None)
    world.pace.too_many = lambda retry_after: None  # type: ignore[method-assign] # it is called again at once
    engine = world.run()
    assert isinstance(engine.ended_by, StoreFailed)
    assert world.row(1).state is RowState.PLANNED
    assert world.row(1).attempts == 0


@pytest.mark.soak
def test_who_only_looks_keeps_nobody_from_going_on(world: World) -> None:
    world.plan([number(0)])
    broadcast = world.journal.broadcast
    world.journal.close()
    over = threading.Event()

    def look() -> None:
        with SqliteStore(world.home) as store:
            while not over.is_set():
                journals.is_running(store, broadcast)

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(look)
        try:
            for _ in range(300):
                Journal.open(world.store, broadcast).close()
        finally:
            over.set()
        looking.result()


# -- two on one journal ------------------------------------------------------------------------------


@contextmanager
def second_journal(world: World) -> Iterator[Journal]:
    """Somebody has deleted the lock, which is held: another process works on the same journal."""
    for lock in world.home.glob("*.lock"):
        lock.unlink()
    with SqliteStore(world.home) as store, closing(Journal.open(store, world.journal.broadcast)) as journal:
        yield journal


@pytest.mark.soak
def test_two_engines_without_a_lock_call_nobody_twice_and_the_late_one_ends(world: World) -> None:
    world.plan([number(index) for index in range(200)])

    async def both(second: Journal) -> list[Engine]:
        return await asyncio.gather(world.work(world.journal), world.work(second))

    with second_journal(world) as second:
        engines = asyncio.run(both(second))
    assert world.calls == {number(index): 1 for index in range(200)}
    assert world.states == {RowState.ACCEPTED: 200}, "the late one wrote down how its own calls ended"
    [error] = [engine.ended_by for engine in engines if engine.ended_by is not None]
    assert isinstance(error, InUse)
    assert "Another process has changed rows " in error.message


def test_one_row_that_another_process_was_at_keeps_all_from_being_written(world: World) -> None:
    world.plan([number(0), number(1)])
    first, last = world.row(1), world.row(2)
    with second_journal(world) as second:
        second.write([(last, last._replace(state=RowState.SENDING, attempts=1))])
    sending = [(row, row._replace(state=RowState.SENDING, attempts=1)) for row in (first, last)]
    with pytest.raises(InUse, match="Another process has changed rows of"):
        world.journal.write(sending, seen=7)
    assert world.row(1) == first
    assert world.journal.seen == 0


def test_an_answer_that_comes_when_another_process_has_settled_its_row_is_told(world: World) -> None:
    world.plan([number(0)])
    with second_journal(world) as second:

        def on_row(row: BroadcastRow) -> None:
            if row.state is RowState.SENDING:
                second.mark_interrupted_rows()

        engine = world.run(on_row=on_row)
    assert world.row(1).state is RowState.UNKNOWN
    assert isinstance(engine.ended_by, InUse)
    [lost] = engine.ended_by.data()["rows"]  # type: ignore[misc]
    assert (lost["destination"], lost["state"]) == (number(0), RowState.ACCEPTED)
    assert lost["sessionId"]


@pytest.mark.parametrize("replaced", [False, True])
def test_when_the_store_is_taken_away_the_next_call_is_not_made(world: World, replaced: bool) -> None:
    world.plan([number(index) for index in range(100)])
    store = world.home / "voicecli.sqlite3"

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and not (world.home / "away").exists():
            store.rename(world.home / "away")
            if replaced:
                SqliteStore(world.home).close()

    engine = world.run(Policy(concurrency=1), on_row=on_row)
    assert len(world.calls) == 2, "the second one was on its way"
    assert isinstance(engine.ended_by, StoreFailed)
    assert "was removed or replaced" in engine.ended_by.message
    [lost] = engine.ended_by.data()["rows"]  # type: ignore[misc]
    assert lost["destination"] == number(1)
    assert lost["sessionId"]


# -- the clock ---------------------------------------------------------------------------------------


class Changing(Hours):
    """Hours that are quiet once ten were called: somebody has set the clock."""

    __slots__ = ()
    called = 0

    def allow(self, zones: Sequence[str], moment: datetime) -> bool:
        assert moment.tzinfo is UTC
        return type(self).called < 10


def test_when_the_clock_is_set_into_quiet_hours_nobody_more_is_called(world: World) -> None:
    world.plan([number(index) for index in range(30)])

    def stop(counts: Counts) -> None:
        if counts.waiting.startswith("Quiet hours for all who are left"):
            world.journal.set_state(BroadcastState.STOPPED)

    def request(row: BroadcastRow, request_id: str) -> CallRequest:
        Changing.called += 1
        return call_request(row, request_id)

    Changing.called = 0
    world.run(hours=Changing((time(21), time(8)), weekdays=False), request=request, on_progress=stop)
    assert len(world.calls) == 10
    assert world.states == {RowState.ACCEPTED: 10, RowState.PLANNED: 20}


def in_paris(moment: datetime) -> time:
    return moment.astimezone(ZoneInfo("Europe/Paris")).time()


def quiet_from(start: datetime) -> Hours:
    return Hours((in_paris(start), in_paris(start + timedelta(hours=3))), weekdays=False)


def this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.mark.parametrize("valid_for", [timedelta(hours=1), timedelta(minutes=2), None])
def test_8x8_begins_no_call_once_the_quiet_hours_have_begun(
    world: World, valid_for: timedelta | None
) -> None:
    world.plan([number(0)])
    latest = None if valid_for is None else datetime.now(UTC) + valid_for

    def request(row: BroadcastRow, request_id: str) -> CallRequest:
        return replace(call_request(row, request_id), valid_until=latest)

    quiet = this_minute() + timedelta(minutes=10)
    world.run(hours=quiet_from(quiet), request=request)
    [body] = world.sandbox.sandbox.requested
    until = datetime.fromisoformat(str(body["validUntil"]))
    assert abs(until - min(quiet, latest or quiet)) < timedelta(milliseconds=1)


def test_nobody_is_called_in_the_last_minute_before_the_quiet_hours(world: World) -> None:
    world.plan([number(0)])

    def stop(counts: Counts) -> None:
        if counts.waiting.startswith("Quiet hours for all who are left"):
            world.journal.set_state(BroadcastState.STOPPED)

    world.run(hours=quiet_from(this_minute() + timedelta(minutes=1)), on_progress=stop)
    assert world.calls == {}
    assert world.states == {RowState.PLANNED: 1}
