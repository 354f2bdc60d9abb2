"""What is old is deleted while the listener runs; trouble with that is told, and never ends it."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import DEADLINE
from past import keep_a_call

from voicecli import store
from voicecli.listener import forgetting


async def told(home: Path, times: int) -> list[str]:
    """What it tells, until it has told so often."""
    notes: list[str] = []
    enough = asyncio.Event()

    def tell(text: str) -> None:
        notes.append(text)
        if len(notes) == times:
            enough.set()

    task = asyncio.create_task(forgetting.forget_old(home, timedelta(days=1), tell))
    async with asyncio.timeout(DEADLINE):
        await enough.wait()
    task.cancel()
    await asyncio.wait({task})
    return notes


async def test_it_is_done_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "EVERY", 0.01)
    keep_a_call(tmp_path, ago=100_000)
    again = asyncio.create_task(told(tmp_path, 2))
    await asyncio.to_thread(keep_a_call, tmp_path, "another", ago=100_000)
    notes = await again
    assert sum(int(note.split(": ")[1].split()[0]) for note in notes) >= 5


async def test_trouble_is_told_and_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "EVERY", 0.01)
    monkeypatch.setattr(store, "LOCK_PATIENCE", 0.05)
    keep_a_call(tmp_path, ago=100_000)
    other = sqlite3.connect(tmp_path / "voicecli.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    notes = await told(tmp_path, 2)
    other.execute("ROLLBACK")
    other.close()
    assert all(note.startswith("What is old can't be deleted. The store") for note in notes)
    assert "database is locked" in notes[0]
    assert (await told(tmp_path, 1))[0].endswith(": 4 events and 0 calls.")
