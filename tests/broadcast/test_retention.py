"""What is deleted when it is old, and what is taken in before."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from conftest import DEADLINE, RunningSandbox
from engine_world import World, number

from voicecli.broadcast import retention
from voicecli.listener import retention as listener_retention
from voicecli.store import broadcasts as journals
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastState, RowState
from voicecli.store.location import StorePlace
from voicecli.store.read_positions import last_event_number

TWO_DAYS = 2 * 86_400_000_000  # microseconds
EVER = 1 << 60  # a moment that all is older than


@pytest.fixture
def world(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[World]:
    """With a broadcast of one call, that 8x8 has accepted and nobody works on."""
    world = World(tmp_path / "home", sandbox)
    world.plan([number(0)])
    planned = world.row(1)
    world.journal.write([(planned, planned._replace(state=RowState.ACCEPTED, attempts=1))])
    world.journal.close()
    yield world
    world.store.close()


def make_older(world: World, table: str, moment: str) -> None:
    with world.store.transaction() as transaction:
        transaction(f"UPDATE {table} SET {moment} = {moment} - {TWO_DAYS}")


def listener_forgets(world: World) -> str:
    """As ``voicecli listen --keep 1d`` does when it starts; what it tells."""

    async def forget() -> str:
        told: asyncio.Queue[str] = asyncio.Queue()
        one_day = partial(retention.prune_in_background, StorePlace(world.home), timedelta(days=1))
        task = asyncio.create_task(listener_retention.repeat_hourly(one_day, told.put_nowait))
        try:
            async with asyncio.timeout(DEADLINE):
                return await told.get()
        finally:
            task.cancel()
            await asyncio.wait({task})

    return asyncio.run(forget())


def test_a_listener_takes_in_what_was_reported_before_it_deletes_that(world: World) -> None:
    world.report(1, "BUSY")
    make_older(world, "events", "received")
    assert listener_forgets(world).endswith(": 1 event and 0 calls.")
    assert last_event_number(world.store) == 0
    assert world.row(1).outcome == "BUSY"


def test_a_listener_deletes_old_broadcasts(world: World) -> None:
    make_older(world, "broadcasts", "created")
    assert listener_forgets(world).endswith(": 1 broadcast, 0 events and 0 calls.")
    assert list(journals.newest_first(world.store)) == []


def test_one_that_is_worked_on_is_left_alone(world: World) -> None:
    working = Journal.open(world.store, world.journal.broadcast)
    assert retention.delete_old_broadcasts(world.store, EVER) == 0
    working.close()
    assert retention.delete_old_broadcasts(world.store, EVER, dry_run=True) == 1
    assert retention.delete_old_broadcasts(world.store, EVER) == 1


def test_what_is_left_of_one_that_was_never_begun_is_deleted(world: World) -> None:
    world.journal.set_state(BroadcastState.PLANNING)  # as one leaves it that is killed meanwhile
    retention.delete_old_broadcasts(world.store, 0, dry_run=True)
    assert len(list(world.journal.rows())) == 1
    retention.delete_old_broadcasts(world.store, 0)
    assert list(world.journal.rows()) == []


def test_the_rows_of_a_broadcast_that_is_deleted_are_overwritten(world: World) -> None:
    list(world.store.rows("PRAGMA secure_delete = OFF"))  # some builds of SQLite begin with ON
    retention.delete_old_broadcasts(world.store, EVER)
    world.store.empty_log()
    assert number(0).encode() not in world.store.path.read_bytes()
