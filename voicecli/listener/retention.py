"""Deletes what has been kept for long enough, while the listener runs: personal data does not pile up."""

import asyncio
import threading
from collections.abc import Callable

from voicecli.errors import VoicecliError
from voicecli.store.attempt_outcomes import update_outcomes
from voicecli.store.attempts import has_sealed_flows
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.vca_replies import delete_old_replies

EVERY = 3600.0  # seconds

DeleteOld = Callable[[threading.Event], str]
"""Deletes what is old, gives what it did in words, and ends early when the event is set."""


def delete_ended_callflows(place: StorePlace) -> None:
    """Delete the sealed callflows of calls whose summaries have come. Who waits for a call does so himself;
    for others, the listener that got the summary does. Raises StoreFailed and ConfigurationError."""
    with open_store(place, accept_newer=True) as store:
        if has_sealed_flows(store):
            update_outcomes(store)
        if store.is_shared:
            delete_old_replies(store)


async def repeat_hourly(delete_old: DeleteOld, notify: Callable[[str], None]) -> None:
    """Do it now and every hour, until cancelled. What is deleted, and why it can't be, is told."""
    over = threading.Event()
    try:
        while True:
            try:
                words = await asyncio.to_thread(delete_old, over)
            except VoicecliError as error:
                words = f"What is old can't be deleted. {error.message} Trying again in an hour."
            if words:
                notify(words)
            await asyncio.sleep(EVERY)
    finally:
        over.set()  # a thread can't be cancelled
