"""What the engine makes of a no: of one row, of one attempt, or of the account."""

import io
import json
import time

import pytest
from engine_world import World, number, world_of
from raw_server import answering, http, server

from voicecli.broadcast import answers, report_updates
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.policy import Policy
from voicecli.broadcast.run import BroadcastEnd
from voicecli.cli.broadcast.view import BroadcastView
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.errors import Refused
from voicecli.sessions.counts import Counts
from voicecli.store.broadcasts import BroadcastRow, BroadcastState, RowState
from voicecli.store.read_positions import last_event_number
from voicecli.store.sqlite import SqliteStore

ALWAYS_TOO_MANY = "+33199004290"
ONE_BY_ONE = Policy(concurrency=1)
TWO_ATTEMPTS = Policy(retry=frozenset({"BUSY"}), attempts=2, every=0.0, wait=True)


world = pytest.fixture(world_of)


def answer(status: str, **document: object) -> bytes:
    return http(status, json.dumps(document).encode(), "Content-Type: application/json", "Connection: close")


def no(status: int) -> bytes:
    return answer(f"{status} No", statusCode=-status, statusMessage=f"it is {status}")


YES = answer("200 OK", sessionId="s-1", statusCode=1, sessionStatus="CREATED")


def run(world: World, *answers: bytes) -> Engine:
    """Where 8x8 gives these answers one after the other, the last one again and again."""
    with server(answering(*answers)) as (world.url, _):
        return world.run(ONE_BY_ONE)


# -- all of them, or one -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_no_before_anybody_was_called_ends_it_and_everybody_is_still_to_be_called(
    world: World, status: int
) -> None:
    world.plan([number(index) for index in range(5)])
    engine = run(world, no(status))
    assert isinstance(engine.ended_by, Refused)
    assert world.states == {RowState.PLANNED: 5}
    assert {row.attempts for row in world.journal.rows()} == {0}


@pytest.mark.parametrize("status", [403, 404])
def test_a_no_after_a_yes_is_about_one_row(world: World, status: int) -> None:
    world.plan([number(index) for index in range(5)])
    engine = run(world, YES, no(status), YES)
    assert engine.ended_by is None
    assert world.states == {RowState.ACCEPTED: 4, RowState.REFUSED: 1}
    assert f"it is {status}" in (world.row(2).reason or "")


def test_a_key_that_is_revoked_ends_it_at_any_time(world: World) -> None:
    world.plan([number(index) for index in range(5)])
    engine = run(world, YES, YES, no(401))
    assert isinstance(engine.ended_by, Refused)
    assert world.states == {RowState.ACCEPTED: 2, RowState.PLANNED: 3}


# -- a second attempt --------------------------------------------------------------------------------


def run_twice(world: World, second: bytes) -> tuple[Engine, list[BroadcastRow]]:
    """One who is busy is called again, and 8x8 answers that; the row after each step as well."""
    world.plan([number(0)])
    steps: list[BroadcastRow] = []

    def on_row(row: BroadcastRow) -> None:
        steps.append(row)
        if [step.state for step in steps] == [RowState.SENDING, RowState.ACCEPTED]:
            world.report(1, "BUSY")

    with server(answering(YES, second)) as (world.url, _):
        return world.run(TWO_ATTEMPTS, on_row=on_row), steps


def test_a_second_attempt_that_is_refused_leaves_the_first_one_and_says_why(world: World) -> None:
    engine, _ = run_twice(world, no(422))
    row = world.row(1)
    assert (row.state, row.session, row.outcome, row.attempts) == (RowState.ACCEPTED, "s-1", "BUSY", 1)
    assert "it is 422" in (row.reason or "")
    assert (engine.counts.accepted, engine.counts.refused, engine.counts.outcomes) == (1, 0, {"BUSY": 1})
    assert world.journal.state is BroadcastState.DONE


def test_a_second_attempt_that_was_refused_is_not_planned_again(world: World) -> None:
    world.plan([number(0)])
    busy = world.row(1)._replace(state=RowState.ACCEPTED, attempts=1, outcome="BUSY")
    world.journal.write([(world.row(1), busy)])
    world.journal.plan_retries(["BUSY"], 2)
    assert world.row(1).state is RowState.RETRY
    world.journal.write([(world.row(1), busy._replace(reason="8x8 refused"))])
    world.journal.plan_retries(["BUSY"], 2)
    assert world.row(1).state is RowState.ACCEPTED


def test_a_second_attempt_that_meets_a_revoked_key_can_be_made_later(world: World) -> None:
    engine, steps = run_twice(world, no(401))
    row = world.row(1)
    assert (row.state, row.session, row.outcome, row.attempts) == (RowState.RETRY, "s-1", "BUSY", 1)
    assert [step for step in steps if step.state is RowState.RETRY] == [row, row], "also in when it was busy"
    assert isinstance(engine.ended_by, Refused)
    assert ended(world, engine) is ExitCode.SOME_FAILED


def ended(world: World, engine: Engine) -> ExitCode:
    """How the program ends then. Raises what ended it."""
    context = Context(stdin=None, stdout=io.StringIO(), stderr=io.StringIO())
    return BroadcastView(context, world.journal).end(BroadcastEnd(engine.counts, engine.ended_by), waits=True)


def test_a_wrong_key_before_anybody_was_called_is_the_error_of_the_whole_run(world: World) -> None:
    world.plan([number(0)])
    engine = run(world, no(401))
    with pytest.raises(Refused):
        ended(world, engine)


# -- too many requests -------------------------------------------------------------------------------


@pytest.mark.soak
def test_one_that_is_always_too_many_does_not_hold_up_the_others(world: World) -> None:
    world.plan([ALWAYS_TOO_MANY, *(number(index) for index in range(60))])
    start = time.monotonic()

    def on_progress(counts: Counts) -> None:
        if counts.accepted == 60:
            world.journal.set_state(BroadcastState.STOPPED)

    world.run(on_progress=on_progress)
    assert time.monotonic() - start < 20
    assert world.states == {RowState.ACCEPTED: 60, RowState.PLANNED: 1}
    assert world.calls[ALWAYS_TOO_MANY] < answers.MAX_RATE_LIMITED


def test_one_that_is_always_too_many_is_refused_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_RATE_LIMITED", 2)
    world.plan([ALWAYS_TOO_MANY, number(0)])
    engine = world.run()
    assert engine.ended_by is None
    assert world.states == {RowState.ACCEPTED: 1, RowState.REFUSED: 1}
    assert world.calls == {ALWAYS_TOO_MANY: 2, number(0): 1}
    assert world.row(1).reason


def test_after_a_429_only_events_that_came_since_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each 429 would else read all summaries of a store. It is by their numbers: a clock may be set back."""
    asked: list[int] = []

    def session_of_request(store: SqliteStore, request_id: str, *, after: int) -> str | None:
        asked.append(after)
        return None

    monkeypatch.setattr(report_updates.stored_events, "session_of_request", session_of_request)
    monkeypatch.setattr(answers, "MAX_RATE_LIMITED", 2)
    world.plan([ALWAYS_TOO_MANY, number(0)])
    world.report(2, "COMPLETED")
    newest = last_event_number(world.journal.store)
    world.run()
    assert asked
    assert min(asked) == newest > 0


# -- as long as it would be in vain ------------------------------------------------------------------


def test_nobody_is_called_while_there_is_a_reason_to_wait_and_that_is_shown(world: World) -> None:
    world.plan([number(index) for index in range(3)])
    reason = "Nobody receives the keys that people press."
    shown: list[tuple[str, int]] = []

    def on_progress(counts: Counts) -> None:
        shown.append((counts.waiting, sum(world.calls.values())))

    engine = world.run(why_wait=lambda: "" if len(shown) > 2 else reason, on_progress=on_progress)
    assert engine.ended_by is None
    assert shown[:3] == [(reason, 0)] * 3
    assert world.states == {RowState.ACCEPTED: 3}
