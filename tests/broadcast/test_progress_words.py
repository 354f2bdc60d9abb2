"""What a broadcast says it waits for while it goes on."""

import pytest
from engine_world import World, number, world_of

from voicecli.broadcast.policy import Policy
from voicecli.sessions.counts import Counts
from voicecli.store.broadcasts import BroadcastRow, RowState

world = pytest.fixture(world_of)


def test_outcomes_are_waited_for_once_all_calls_have_left(world: World) -> None:
    world.plan([number(index) for index in range(3)])
    shown: list[tuple[int, str]] = []

    def show(counts: Counts) -> None:
        shown.append((counts.left, counts.waiting))

    def report(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and row.outcome is None:
            world.report(row.line, "BUSY")

    world.run(Policy(wait=True), on_row=report, on_progress=show)
    assert {words for left, words in shown if left} == {""}
    assert shown[-1] == (0, "")
