"""What is old is deleted while the listener runs; trouble with that is told, and never ends it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from conftest import DEADLINE, wait_until
from past import event, keep, keep_a_call
from placed_calls import placed
from receiver_world import receiving, vss

from voicecli.broadcast.retention import prune_in_background
from voicecli.listener import retention, service
from voicecli.store import sqlite as store
from voicecli.store.location import StorePlace


@asynccontextmanager
async def forgetting_in(home: Path) -> AsyncIterator["asyncio.Queue[str]"]:
    """What it tells, as it goes on."""
    notes: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(
        retention.repeat_hourly(
            partial(prune_in_background, StorePlace(home), timedelta(days=1)), notes.put_nowait
        )
    )
    try:
        async with asyncio.timeout(DEADLINE):
            yield notes
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_it_is_done_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVERY", 0.01)
    keep_a_call(tmp_path, ago=100_000)
    async with forgetting_in(tmp_path) as notes:
        assert (await notes.get()).endswith(": 4 events and 0 calls.")
        keep(tmp_path, event("VSS", "BUSY", "another"), ago=100_000)
        assert (await notes.get()).endswith(": 1 event and 0 calls.")


async def test_trouble_is_told_and_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVERY", 0.01)
    monkeypatch.setattr(store, "LOCK_PATIENCE", 0.05)
    keep_a_call(tmp_path, ago=100_000)
    other = sqlite3.connect(tmp_path / "voicecli.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with forgetting_in(tmp_path) as notes:
        trouble = await notes.get()
        assert trouble.startswith("What is old can't be deleted. The store")
        assert "database is locked" in trouble
        other.execute("ROLLBACK")
        other.close()
        while (told := await notes.get()).startswith("What is old"):
            pass  # it was under way
        assert told.endswith(": 4 events and 0 calls.")


@pytest.mark.parametrize("while_it_runs", [True, False])
async def test_a_callflow_goes_with_the_summary_though_nobody_waits_for_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, while_it_runs: bool
) -> None:
    """A listener deletes it some seconds after the summary has come, or at its own end."""
    monkeypatch.setattr(service, "DELETE_CALLFLOWS_EVERY", 0.01 if while_it_runs else DEADLINE)
    for name in ("1", "2"):
        placed(tmp_path, session=f"s-{name}", name=f"r-{name}")

    def sealed() -> list[str]:
        with store.SqliteStore(tmp_path) as kept:
            return [session for (session,) in kept.rows("SELECT session FROM calls WHERE sealed IS NOT NULL")]

    async with receiving(tmp_path) as world:
        assert (await world.event(vss("s-1")))[0] == 200
        if while_it_runs:
            await asyncio.to_thread(wait_until, lambda: sealed() == ["s-2"])
        else:
            assert sealed() == ["s-1", "s-2"]
    assert sealed() == ["s-2"]
