"""Who is next: in the order of the list, when it is time, and only while nothing has settled them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import RunningSandbox
from engine_world import World, number

from voicecli.broadcast.queue import Queue
from voicecli.errors import StoreUnreachable
from voicecli.store.broadcasts import BroadcastRow, RowState

MANY = 3_000
EVERY = 1_000_000  # microseconds
PARIS = ("Europe/Paris",)


@pytest.fixture
def world(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[World]:
    world = World(tmp_path / "home", sandbox)
    yield world
    world.journal.close()
    world.store.close()


def plan_busy_ones(world: World, rows: int) -> list[BroadcastRow]:
    """Rows that are to be called again, and were busy at the moment 0."""
    world.plan([number(index) for index in range(rows)])
    planned = list(world.journal.rows())
    world.journal.write((row, row._replace(state=RowState.RETRY, attempts=1)) for row in planned)
    return list(world.journal.rows())


def settled(row: BroadcastRow) -> BroadcastRow:
    return row._replace(state=RowState.ACCEPTED, outcome="COMPLETED")


@pytest.mark.soak
def test_thousands_that_were_settled_since_they_were_read_are_passed_by(world: World) -> None:
    rows = plan_busy_ones(world, MANY)
    queue = Queue(world.journal, EVERY, lambda line: settled(rows[line - 1]))
    assert queue.next(EVERY) is None
    assert not queue.waiting


@pytest.mark.soak
def test_thousands_that_were_settled_in_their_sleep_are_passed_by(world: World) -> None:
    rows = plan_busy_ones(world, MANY)
    queue = Queue(world.journal, EVERY, lambda line: settled(rows[line - 1]))
    for row in rows:
        queue.hold(row, PARIS)
    queue.release(lambda zones: True)
    assert queue.next(EVERY) is None
    assert not queue.waiting


def test_the_time_between_two_attempts_holds_for_one_that_is_there_twice(world: World) -> None:
    [first] = plan_busy_ones(world, 1)
    queue = Queue(world.journal, EVERY, world.journal.row)
    queue.retry(first)
    queue.retry(first)
    assert queue.next(EVERY - 1) is None
    assert queue.next(EVERY) == first
    second = first._replace(attempts=2, changed=EVERY + 500)  # busy again, half a millisecond later
    world.journal.write([(first, second)])
    queue.retry(second)
    assert queue.next(2 * EVERY) is None
    assert queue.next(2 * EVERY + 500) == second
    world.journal.write([(second, second._replace(state=RowState.SENDING, attempts=3))])
    assert queue.next(9 * EVERY) is None
    assert not queue.waiting


def test_one_that_wakes_too_early_since_the_clock_was_set_back_is_not_forgotten(world: World) -> None:
    [row] = plan_busy_ones(world, 1)
    queue = Queue(world.journal, EVERY, world.journal.row)
    assert queue.next(EVERY) == row
    queue.hold(row, PARIS)
    queue.release(lambda zones: True)
    assert queue.next(EVERY - 1) is None
    assert queue.waiting
    assert queue.next(EVERY) == row


def test_nobody_is_left_out_whose_row_could_not_be_read(world: World) -> None:
    listed, due, held = plan_busy_ones(world, 3)
    fails = False

    def current(line: int) -> BroadcastRow | None:
        nonlocal fails
        if fails := not fails:
            raise StoreUnreachable("The connection broke.")
        return world.journal.row(line)

    queue = Queue(world.journal, 0, current)
    queue.retry(due)
    queue.hold(held, PARIS)
    queue.release(lambda zones: True)
    found = set()
    for _ in range(5):  # each is in the list, too
        with pytest.raises(StoreUnreachable):
            queue.next(EVERY)
        row = queue.next(EVERY)
        assert row is not None
        found.add(row.line)
    assert found == {listed.line, due.line, held.line}
