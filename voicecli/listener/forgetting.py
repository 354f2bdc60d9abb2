"""Deletes what has been kept for long enough, while the listener runs: personal data does not pile up."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from voicecli import history
from voicecli.errors import VoicecliError
from voicecli.store import Store

EVERY = 3600.0  # seconds
REST = 20  # times as long as it works: events that come in have precedence


async def forget_old(home: Path, keep: timedelta, tell: Callable[[str], None]) -> None:
    """Now and every hour delete what is older than that, until cancelled. What is deleted, and why it can't
    be, is told."""
    over = threading.Event()
    try:
        while True:
            try:
                words = await asyncio.to_thread(_forget, home, keep, over)
            except VoicecliError as error:
                words = f"What is old can't be deleted. {error.message} Trying again in an hour."
            if words:
                tell(words)
            await asyncio.sleep(EVERY)
    finally:
        over.set()  # a thread can't be cancelled


def _forget(home: Path, keep: timedelta, over: threading.Event) -> str:
    """Delete it, by a connection of our own. Gives what was done, in words."""
    from voicecli.broadcast import keeping

    before = datetime.now(UTC).astimezone() - keep
    events = calls = 0
    with Store(home) as store:
        broadcasts = keeping.forget_old(store, int(before.timestamp() * 1e6))
        steps = history.prune(
            store, int(before.timestamp() * 1e6), rest=lambda worked: over.wait(worked * REST)
        )
        for more_events, more_calls in steps:
            events, calls = events + more_events, calls + more_calls
            if over.is_set():
                break
    if not events and not calls and not broadcasts:
        return ""
    what = history.counted(events, calls)
    if broadcasts:
        what = f"{keeping.counted(broadcasts)}, {what}"
    return f"Deleted what came before {before:%Y-%m-%d %H:%M}: {what}."
