"""``--at-most`` in broadcasts: lists that share people at the same moment, retries, and who is left out."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import RunningSandbox
from engine_world import World, number
from past import event, kept
from team_world import TeamWorld

from voicecli.account import AccountId
from voicecli.at_most import AtMost
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.policy import Policy
from voicecli.sandbox.account import SOURCE
from voicecli.store.attempts import Attempts
from voicecli.store.broadcasts import LeftOut, RowState
from voicecli.store.event_recording import record_events
from voicecli.store.journals import open_journal
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.store.unsubscribed import add
from voicecli.voice_api.messages import voice_message

SHARED = 15
LOST = "+33199005051"  # the connection breaks once the request is there
REFUSED = "+33199001014"
LIMITED = "+33199004291"  # the sandbox answers the first request with 429


def once_a_day(**options: object) -> Policy:
    return Policy(at_most=AtMost(1, timedelta(days=1)), **options)  # type: ignore[arg-type]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def worlds(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[World]]:
    """Two broadcasts in one store, each with a connection of its own."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(RunningSandbox(time_scale=1000, seed=1, count=True))
        made: list[World] = []
        if request.param == "sqlite":
            made += [World(tmp_path, sandbox, SqliteStore(tmp_path)) for _ in range(2)]
        else:
            place: StorePlace = request.getfixturevalue("team")
            made += [TeamWorld(place, sandbox) for _ in range(2)]
        yield made
        for world in made:
            world.journal.close()
            world.store.close()


def run_together(worlds: list[World], policy: Policy) -> list[Engine]:
    async def work() -> list[Engine]:
        return await asyncio.gather(*(world.work(world.journal, policy) for world in worlds))

    return asyncio.run(work())


def call_from_elsewhere(world: World, whom: str) -> None:
    """By a command that knows nothing of --at-most."""
    request = voice_message(whom, "Hello", source=SOURCE)
    Attempts(world.store, AccountId("https://voice.8x8.com", "other")).begin(request)


def report(world: World, line: int, outcome: str) -> None:
    """8x8 tells how the call of that row has ended."""
    row = world.row(line)
    document = event("VSS", outcome, row.session or "", number=row.destination)
    record_events(world.store, [kept(document)])


def open_again(world: World) -> None:
    """As who resumes the broadcast does."""
    world.journal.close()
    world.journal = open_journal(world.store, world.journal.broadcast)
    world.journal.plan_left_out_again()


def make_older(world: World) -> None:
    """All calls were placed more than a day before."""
    with world.store.transaction() as transaction:
        transaction("UPDATE calls SET placed = placed - ?", (25 * 3_600_000_000,))


@pytest.mark.parametrize("concurrency", [32, 1], ids=["in one go", "one by one"])
def test_of_two_lists_at_once_one_calls_whom_they_share(worlds: list[World], concurrency: int) -> None:
    """One by one, both have looked at all rows before either has called most of them."""
    people = [number(index) for index in range(SHARED)]
    for world in worlds:
        world.plan(people)
    engines = run_together(worlds, once_a_day(concurrency=concurrency))
    assert [engine.ended_by for engine in engines] == [None, None]
    assert worlds[0].calls == Counter(people)
    assert worlds[0].states + worlds[1].states == {RowState.ACCEPTED: SHARED, RowState.SKIPPED: SHARED}
    assert sum(engine.counts.too_often for engine in engines) == SHARED
    for row in (row for world in worlds for row in world.journal.rows(RowState.SKIPPED)):
        assert re.fullmatch(
            r"(perhaps )?called on \d{4}-\d\d-\d\d at \d\d:\d\d; at most once in 24h", row.reason or ""
        )


def test_who_was_left_out_is_called_later(worlds: list[World]) -> None:
    first, _ = worlds
    first.plan([number(0), number(1)])
    call_from_elsewhere(first, number(1))
    assert first.run(once_a_day()).counts.too_often == 1
    assert not first.journal.is_finished
    make_older(first)
    open_again(first)
    again = first.run(once_a_day()).counts
    assert (again.accepted, again.skipped, again.too_often) == (2, 0, 0)
    assert first.journal.is_finished
    assert first.calls == Counter([number(0), number(1)])


def test_who_was_left_out_by_an_earlier_version_is_called_later(worlds: list[World]) -> None:
    """It knows such rows by their reason, and the same machines may still have it."""
    first, _ = worlds
    first.plan([number(0), number(1)])
    reason = "perhaps called on 2026-11-28 at 09:30; at most once in 24h"
    with first.store.transaction() as transaction:
        skip = "UPDATE broadcast_rows SET state = 'skipped', reason = ?, left_out = NULL WHERE line = ?"
        transaction(skip, (reason, 1))
        transaction(skip, (f"invalid: {reason}", 2))
    assert [row.left_out for row in first.journal.rows()] == [LeftOut.AT_MOST, None]
    assert not first.journal.is_finished
    open_again(first)
    assert first.run(once_a_day()).counts.accepted == 1
    assert first.journal.is_finished


@pytest.mark.parametrize("unsubscribed", [True, False], ids=["unsubscribed", "called too often"])
def test_whoever_may_have_been_called_stays_unknown(worlds: list[World], unsubscribed: bool) -> None:
    """Also where that one is to be called again, and may not be; a refused call certainly was none."""
    first, _ = worlds
    first.plan([LOST, REFUSED])
    first.run()
    assert first.states == {RowState.UNKNOWN: 1, RowState.REFUSED: 1}
    for whom in (LOST, REFUSED):
        if unsubscribed:
            add(first.store, whom, since=0, session="s-1")
        else:
            call_from_elsewhere(first, whom)
    open_again(first)
    first.journal.plan_rows_again(RowState.UNKNOWN)
    first.journal.plan_rows_again(RowState.REFUSED)
    counts = first.run(once_a_day()).counts
    assert (counts.unknown, counts.skipped) == (1, 1)
    kind = LeftOut.UNSUBSCRIBED if unsubscribed else LeftOut.AT_MOST
    assert [row.left_out for row in first.journal.rows()] == [kind, kind]
    open_again(first)  # nobody calls it again by resuming the broadcast
    assert first.row(1).state is RowState.UNKNOWN


def test_whoever_may_have_been_called_stays_unknown_where_8x8_refuses_another_call(
    worlds: list[World],
) -> None:
    first, _ = worlds
    first.plan([LOST])
    first.run()
    open_again(first)
    first.journal.plan_rows_again(RowState.UNKNOWN)
    first.run(request=lambda row, _: voice_message(REFUSED, "Hello", source=SOURCE))
    row = first.row(1)
    assert (row.state, row.attempts) == (RowState.UNKNOWN, 1)
    assert "-1014" in (row.reason or "")


def test_a_row_s_own_attempts_that_reached_nobody_do_not_count(worlds: list[World]) -> None:
    first, _ = worlds
    first.plan([number(0), number(1)])
    policy = once_a_day(retry=frozenset({"NO_ANSWER"}), attempts=2, every=0.0, wait=True, timeout=0.5)
    first.run(once_a_day())
    report(first, 1, "NO_ANSWER")
    report(first, 2, "COMPLETED")
    first.run(policy)
    assert first.calls == Counter([number(0), number(0), number(1)])


def test_a_retry_is_left_out_where_somebody_else_has_called_meanwhile(worlds: list[World]) -> None:
    first, _ = worlds
    first.plan([number(0)])
    first.run(once_a_day())
    report(first, 1, "NO_ANSWER")
    call_from_elsewhere(first, number(0))
    first.run(once_a_day(retry=frozenset({"NO_ANSWER"}), attempts=2, every=0.0, wait=True, timeout=0.1))
    row = first.row(1)
    assert (row.state, row.outcome, row.attempts) == (RowState.ACCEPTED, "NO_ANSWER", 1)
    assert "at most once in 24h" in (row.reason or "")
    open_again(first)
    assert first.row(1).reason is None


def test_a_request_that_was_answered_429_leaves_no_trace(worlds: list[World]) -> None:
    first, _ = worlds
    first.plan([LIMITED])
    assert first.run(once_a_day()).counts.accepted == 1


def test_a_limit_of_two_lets_two_lists_call(worlds: list[World]) -> None:
    for world in worlds:
        world.plan([number(0)])
    call_from_elsewhere(worlds[0], number(1))
    run_together(worlds, Policy(at_most=AtMost(2, timedelta(days=7))))
    assert worlds[0].calls == Counter({number(0): 2})
