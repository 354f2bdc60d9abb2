"""Deletes what has been kept for long enough, while the listener runs: personal data does not pile up."""

import asyncio
import threading
from collections.abc import Callable

from voicecli.errors import VoicecliError

EVERY = 3600.0  # seconds

Forget = Callable[[threading.Event], str]
"""Deletes what is old, gives what it did in words, and ends early when the event is set."""


async def repeat(forget: Forget, tell: Callable[[str], None]) -> None:
    """Forget now and every hour, until cancelled. What is deleted, and why it can't be, is told."""
    over = threading.Event()
    try:
        while True:
            try:
                words = await asyncio.to_thread(forget, over)
            except VoicecliError as error:
                words = f"What is old can't be deleted. {error.message} Trying again in an hour."
            if words:
                tell(words)
            await asyncio.sleep(EVERY)
    finally:
        over.set()  # a thread can't be cancelled
