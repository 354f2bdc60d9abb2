"""Several machines work on one broadcast: nobody is called twice, nobody left out, whoever fails."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from conftest import RunningSandbox, failing
from engine_world import call_request, number
from team_world import TeamWorld

from voicecli.broadcast import eligibility, engine as engines
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.policy import Policy
from voicecli.broadcast.report_recording import record_reports_if_idle
from voicecli.broadcast.retention import count_old
from voicecli.broadcast.shared_pace import SharedPace
from voicecli.errors import InUse, InvalidInput, OutOfTime, StoreBusy, StoreUnreachable
from voicecli.sessions.attempt import AttemptState
from voicecli.sessions.counts import Counts
from voicecli.store import attempts, broadcasts, hang_guard, unsubscribed, workers
from voicecli.store.attempts import Attempts
from voicecli.store.broadcasts import BroadcastRow, BroadcastState, LeftOut, RowState
from voicecli.store.copying.copy import copy_store
from voicecli.store.engine import StatementResult
from voicecli.store.journals import open_journal
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.read_positions import last_event_number
from voicecli.store.sqlite import SqliteStore

ROWS = 150


@pytest.fixture
def world(team: StorePlace) -> Iterator[TeamWorld]:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        world = TeamWorld(team, sandbox)
        yield world
        world.journal.close()
        world.store.close()


def plan(world: TeamWorld, rows: int = ROWS) -> None:
    world.plan([number(index) for index in range(rows)])


def test_all_are_called_once_and_each_worker_sees_the_counts_of_all(world: TeamWorld) -> None:
    plan(world)
    ended = world.run_together(3, Policy(concurrency=8))
    assert world.calls == {number(index): 1 for index in range(ROWS)}
    assert [engine.counts.accepted for engine in ended] == [ROWS] * 3
    assert [engine.ended_by for engine in ended] == [None] * 3
    assert world.journal.state is BroadcastState.DONE


def test_a_worker_that_dies_leaves_its_planned_rows_to_others_and_its_sent_ones_unknown(
    world: TeamWorld,
) -> None:
    plan(world)
    with world.joined() as dead:
        next_row = dead.rows_to_call()
        row = next_row()
        assert row is not None
        sending = row._replace(state=RowState.SENDING, attempts=1)
        request = call_request(row, "m-1")
        leaving = Attempts(world.store, world.journal.broadcast.account).row(request)
        [attempt] = dead.write([(row, sending)], new_attempts=[leaving])
        world.forget_leases()
        [engine] = world.run_together(1)
        accepted = sending._replace(state=RowState.ACCEPTED, session="s-1")
        with pytest.raises(InUse, match="others have taken over its part"):
            dead.write([(sending, accepted)], answers=[(attempt, AttemptState.ACCEPTED, "s-1")])
    assert list(world.store.rows("SELECT id FROM calls WHERE session = 's-1'")) == [(attempt,)]
    assert engine.counts.unknown == 1
    known = world.row(row.line)
    assert known.state is RowState.UNKNOWN
    assert known.reason is not None
    assert workers.user_at_host() in known.reason
    assert row.destination not in world.calls
    assert world.calls.total() == ROWS - 1


@pytest.mark.long
@pytest.mark.soak
def test_max_calls_holds_for_all_together(team: StorePlace) -> None:
    with RunningSandbox(time_scale=1000, seed=1, count=True) as sandbox:
        world = TeamWorld(team, sandbox, max_calls=100)
        with closing(world.store), closing(world.journal):
            plan(world)
            ended = world.run_together(3, Policy(concurrency=8, max_calls=100))
            assert world.calls.total() == 100
            assert any(isinstance(engine.ended_by, OutOfTime) for engine in ended)


@pytest.mark.soak
def test_a_stop_stops_all(world: TeamWorld) -> None:
    plan(world)

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and world.journal.state is BroadcastState.OPEN:
            broadcasts.set_state(world.store, world.journal.broadcast, BroadcastState.STOPPED)

    world.rate = 100
    ended = world.run_together(2, Policy(concurrency=2), on_row=on_row)
    assert {str(engine.ended_by) for engine in ended} == {"The broadcast was stopped."}
    assert world.calls.total() < ROWS
    world.journal.close()
    with pytest.raises(InvalidInput, match="is stopped"):
        world.join(world.store)


@pytest.mark.soak
def test_one_that_is_worked_on_is_not_resumed(world: TeamWorld) -> None:
    plan(world, 3)
    with pytest.raises(InUse, match=f"worked on by {workers.user_at_host()}"):
        open_journal(world.store, world.journal.broadcast)


@pytest.mark.soak
def test_reports_of_rows_that_nobody_has_are_taken_in_by_who_looks(world: TeamWorld) -> None:
    plan(world, 70)
    world.run_together(1)
    world.journal.close()
    world.report(1, "COMPLETED")
    world.report(70, "NO_ANSWER")
    record_reports_if_idle(world.store, world.journal.broadcast)
    assert [world.row(line).outcome for line in (1, 70)] == ["COMPLETED", "NO_ANSWER"]


@pytest.mark.soak
def test_a_retry_of_a_row_whose_worker_is_gone_is_done_by_another(world: TeamWorld) -> None:
    plan(world, 3)
    again = Policy(retry=frozenset({"NO_ANSWER"}), attempts=2, every=0.0)
    world.run(Policy(wait=True, timeout=0.0))
    world.journal.close()
    world.report(2, "NO_ANSWER")
    with world.joined() as other:
        asyncio.run(world.work(other, again))
    assert world.calls[number(1)] == 2
    assert world.calls.total() == 4


@pytest.mark.soak
def test_who_has_a_row_that_is_called_again_later_does_not_say_that_others_do_so(world: TeamWorld) -> None:
    plan(world, 1)
    shown: list[str] = []

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED:
            world.report(1, "NO_ANSWER")

    def on_progress(counts: Counts) -> None:
        if counts.retrying and counts.waiting:
            shown.append(counts.waiting)
            broadcasts.set_state(world.store, world.journal.broadcast, BroadcastState.STOPPED)

    again = Policy(retry=frozenset({"NO_ANSWER"}), attempts=2, every=600.0)
    with world.joined():
        asyncio.run(world.work(world.journal, again, on_row=on_row, on_progress=on_progress))
    assert {*shown} == {"Waiting for the next attempts"}


def test_answers_share_a_commit_until_half_of_the_requests_are_answered(
    world: TeamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(world, 64)
    write, answered = world.journal.write, []

    def count(changes: Iterable[tuple[BroadcastRow, BroadcastRow]], **more: Any) -> Sequence[int]:
        changes = list(changes)
        answered.append(sum(before.state is RowState.SENDING for before, _ in changes))
        return write(changes, **more)

    monkeypatch.setattr(world.journal, "write", count)
    monkeypatch.setattr(world.journal, "gathers_for", 60.0)
    monkeypatch.setattr(engines, "LOOK_EVERY", 60.0)
    world.run(Policy(concurrency=8))
    first, *others = answered
    assert (first, sum(others)) == (0, 64)
    shared = zip(others, accumulate(others), strict=True)
    assert min(number for number, done in shared if done - number <= 64 - 8) >= 4  # fewer are in flight after


@pytest.mark.soak
def test_all_workers_share_one_pace(world: TeamWorld) -> None:
    world.rate = 100
    plan(world, 100)
    started = time.monotonic()
    world.run_together(3)
    assert time.monotonic() - started > 0.9
    assert world.calls.total() == 100


@pytest.mark.soak
def test_a_429_to_one_holds_up_all(world: TeamWorld) -> None:
    plan(world, 1)
    with world.joined() as other:
        one, another = world.pace_of(world.journal), world.pace_of(other)
        assert one.take() is None
        one.too_many(30)
        assert (another.take() or 0) > 25
        assert another.paused > 25


# -- a connection that breaks ------------------------------------------------------------------------


@pytest.mark.soak
def test_a_server_that_stands_still_keeps_no_answer_from_being_taken(
    world: TeamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hang_guard, "LOOK_EVERY", 0.05)
    plan(world, 40)
    stopped = False

    def on_row(row: BroadcastRow) -> None:
        nonlocal stopped
        if row.state is RowState.ACCEPTED and not stopped:
            stopped = True
            [[backend]] = world.store.rows("SELECT pg_backend_pid()")
            monkeypatch.setattr(hang_guard, "PATIENCE", 0.2)
            os.kill(backend, signal.SIGSTOP)
            threading.Timer(1.0, os.kill, (backend, signal.SIGCONT)).start()

    engine = world.run(Policy(concurrency=4), on_row=on_row)
    assert (engine.ended_by, stopped) == (None, True)
    assert world.calls == {number(index): 1 for index in range(40)}
    assert world.states == {RowState.ACCEPTED: 40}


@pytest.mark.soak
@pytest.mark.parametrize("took_place", [False, True])
def test_a_write_whose_answer_was_lost_calls_nobody_twice_and_leaves_nobody_out(
    world: TeamWorld, monkeypatch: pytest.MonkeyPatch, took_place: bool
) -> None:
    plan(world, 100)
    write, writes = world.journal._db.execute_alone, 0

    def cut(statement: str, values: object) -> object:
        nonlocal writes
        writes += "broadcast_rows" in statement
        if writes % 3 == 2 and "broadcast_rows" in statement:
            if took_place:
                write(statement, values)  # type: ignore[arg-type]
            raise StoreUnreachable("The connection broke.")
        return write(statement, values)  # type: ignore[arg-type]

    monkeypatch.setattr(world.journal._db, "execute_alone", cut)
    monkeypatch.setattr(engines, "STORE_AWAY_PAUSE", 0.001)
    engine: Engine = world.run(Policy(concurrency=10))
    assert engine.ended_by is None
    assert world.calls == {number(index): 1 for index in range(100)}
    assert world.states == {RowState.ACCEPTED: 100}
    assert world.store.read_number("SELECT count(*) FROM calls WHERE state = 'accepted'") == 100
    assert world.store.read_number("SELECT count(*) FROM calls") == 100


def test_reports_of_rows_whose_taking_got_no_answer_are_read(
    world: TeamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(world, 2)
    with world.joined() as dead:
        row = dead.rows_to_call()()
        assert row is not None
        dead.write([(row, row._replace(state=RowState.SENDING, attempts=1))])
    world.report(row.line, "COMPLETED")
    newest = last_event_number(world.store)
    world.journal.write((), seen=newest)
    execute = world.journal._db.execute_alone

    def lose_answer(statement: str, values: Sequence[object]) -> StatementResult:
        execute(statement, values)
        raise StoreUnreachable("The connection broke.")

    with monkeypatch.context() as patch:
        patch.setattr(world.journal._db, "execute_alone", lose_answer)
        with pytest.raises(StoreUnreachable):
            world.journal.rows_to_call()()
    world.journal.reconnect()
    assert world.journal.owns(row.line)
    assert world.journal.seen < newest


def test_nobody_is_left_out_where_the_pace_can_not_be_read(
    world: TeamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(world, 20)
    take, takes = SharedPace.take, 0

    def cut(pace: SharedPace) -> float | None:
        nonlocal takes
        takes += 1
        if takes % 7 == 3:
            raise StoreUnreachable("The connection broke.")
        return take(pace)

    monkeypatch.setattr(SharedPace, "take", cut)
    engine = world.run(Policy(concurrency=4))
    assert engine.ended_by is None
    assert world.calls == {number(index): 1 for index in range(20)}


def test_a_write_that_took_place_is_not_undone_since_reports_can_not_be_read_again(
    world: TeamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(world, 1)
    row = world.journal.rows_to_call()()
    assert row is not None
    sending = row._replace(state=RowState.SENDING, attempts=1)
    leaving = Attempts(world.store, world.journal.broadcast.account).row(call_request(row, "m-1"))
    [attempt] = world.journal.write([(row, sending)], new_attempts=[leaving])
    world.report(row.line, "COMPLETED")  # before the answer
    newest = last_event_number(world.store)
    accepted = sending._replace(state=RowState.ACCEPTED, session=f"s-{row.line}")
    answer = (attempt, AttemptState.ACCEPTED, accepted.session)
    with monkeypatch.context() as patch:
        patch.setattr(attempts, "read_outcomes_again", failing(max, StoreBusy("It is held."), at=1))
        world.journal.write([(sending, accepted)], seen=newest, answers=[answer])
    assert world.journal.seen == newest
    world.journal.attend(is_idle=False)
    assert world.journal.seen == newest - 1


# -- what is old -------------------------------------------------------------------------------------


def test_who_slept_as_it_planned_can_not_go_on_once_that_is_deleted(world: TeamWorld) -> None:
    world.forget_leases()
    with open_store(world.place) as other:
        broadcasts.delete_unplanned(other)
    with pytest.raises(InUse, match="others have deleted broadcast"):
        plan(world)
    assert not world.store.read_number("SELECT count(*) FROM broadcast_rows")


def test_to_count_what_is_old_changes_nothing(world: TeamWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(world)
    assert count_old(world.store, world.store.now()).broadcasts == 0, "it is worked on"
    world.journal.close()
    monkeypatch.delattr(workers, "begin")
    assert count_old(world.store, world.store.now()).broadcasts == 1


def test_whom_a_copy_brings_as_unsubscribed_is_not_called_any_more(
    world: TeamWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no event says so: those of an office's machine may be deleted by then."""
    monkeypatch.setattr(eligibility, "READ_EVERY", 0.0)
    monkeypatch.setattr(eligibility, "PAUSE", 0.0)
    plan(world, 2)
    looks = 0

    def on_progress(_: Counts) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            with SqliteStore(tmp_path / "office") as office, open_store(world.place) as team:
                unsubscribed.add(office, number(1), since=1, session="s-1")
                copy_store(office, team)

    world.run(why_wait=lambda: "" if looks > 1 else "the list is copied", on_progress=on_progress)
    assert world.calls == {number(0): 1}
    assert world.row(2).left_out is LeftOut.UNSUBSCRIBED
