"""Where a listener's writing process keeps events: the store's file, or (``spooling``) a shared store."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from voicecli.errors import ConfigurationError, StoreFailed, VoicecliError
from voicecli.store.engine import Store
from voicecli.store.event_recording import KeptEvent, record_events, record_replies
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

TIDY_EVERY = 0.5  # seconds

Answer = tuple[int, int] | str
"""An event's number and how often it came, or why it could not be kept. The number of one that has none yet,
since it waits in the spool, is 0."""
NumberedNote = tuple[str, str | None, int]
"""What an event was answered in words, a remark on that, and the event's number."""
SpooledNote = tuple[str, str | None, str, bytes]
"""The same for an event without a number: ``store.spool.Note``."""


class SpoolState(NamedTuple):
    """How many events wait on this machine for the store that a team shares, why that can't be used (None: it
    can), and how many were brought in since the writing process began. ``refused`` is why it does not take
    one of them, which is set aside."""

    waiting: int
    reason: str | None
    brought_in: int
    refused: str | None = None


class EventKeeper(Protocol):
    def keep(self, events: Sequence[KeptEvent]) -> list[Answer]:
        """Keep events; when this returns they are on disk, but for those whose answer is why they are not."""
        ...

    def note(self, numbered: Sequence[NumberedNote], spooled: Sequence[SpooledNote]) -> None:
        """Note what events were answered. It raises nothing: an event without that is whole all the same."""
        ...

    def close(self) -> None: ...


class FileKeeper:
    """Keeps events in the file that is the store. If that was removed or replaced, they are kept in the one
    that is there now."""

    def __init__(self, place: StorePlace) -> None:
        self._place = place
        self._store = open_store(place, accept_newer=True)
        self._over = threading.Event()
        self._tidying = threading.Thread(target=_tidy, args=(place, self._over), daemon=True)
        self._tidying.start()

    def keep(self, events: Sequence[KeptEvent]) -> list[Answer]:
        try:
            try:
                return self._record(events)
            except StoreFailed:
                if self._store.is_there():
                    raise
                now = open_store(self._place, accept_newer=True)
                self._store.close()
                self._store = now
                return self._record(events)
        except VoicecliError as error:
            return [error.message] * len(events)

    def _record(self, events: Sequence[KeptEvent]) -> list[Answer]:
        return [(*recorded,) for recorded in record_events(self._store, events)]

    def note(self, numbered: Sequence[NumberedNote], spooled: Sequence[SpooledNote] = ()) -> None:
        with suppress(StoreFailed):
            record_replies(self._store, numbered)

    @property
    def store(self) -> Store:
        """The one that is open now."""
        return self._store

    def close(self) -> None:
        self._over.set()
        self._tidying.join()  # the last to close the store leaves it as one file
        self._store.close()


def _tidy(place: StorePlace, over: threading.Event) -> None:
    """Carry the log into the file beside the commits, so that none of them has to wait for it; and make a new
    one soon after it was removed."""
    while not over.is_set():
        with suppress(ConfigurationError), open_store(place, accept_newer=True) as store:
            while store.is_there() and not over.wait(TIDY_EVERY):
                store.checkpoint()
            continue
        over.wait(TIDY_EVERY)
