"""``--at-most`` in broadcasts: two lists that share people at the same moment, retries, and who is left out."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import RunningSandbox
from engine_world import World, number
from team_world import TeamWorld

from voicecli.at_most import AtMost
from voicecli.broadcast.engine import Engine
from voicecli.broadcast.policy import Policy
from voicecli.store.broadcasts import RowState
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore

ONCE_A_DAY = AtMost(1, timedelta(days=1))
SHARED = 15


@pytest.fixture(params=["sqlite", "postgresql"])
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


def test_of_two_lists_at_once_one_calls_whom_they_share(worlds: list[World]) -> None:
    people = [number(index) for index in range(SHARED)]
    for world in worlds:
        world.plan(people)
    run_together(worlds, Policy(at_most=ONCE_A_DAY))
    assert worlds[0].calls == Counter(people)
    states = worlds[0].states + worlds[1].states
    assert states == {RowState.ACCEPTED: SHARED, RowState.SKIPPED: SHARED}
    [reason] = {row.reason for world in worlds for row in world.journal.rows(RowState.SKIPPED)}
    assert reason is not None
    assert re.match("(perhaps )?called on 20", reason)
    assert reason.endswith("; at most 1 in 24h")
