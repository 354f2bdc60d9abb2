"""The process that writes: SQLite beside the receiver instead of inside it, measured to be twice as fast.

Threads would take turns with the receiver; a process does not. On standard input it reads the database's URL
and key, where there is one, and then batches of events; it keeps all that have arrived in one commit, and
answers on standard output. Frames are four bytes of length and then ``marshal``, which is safe between two
ends of the same program.
"""

import marshal
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from voicecli.errors import ConfigurationError, StoreFailed, VoicecliError
from voicecli.platforms import system
from voicecli.store.engine import Store
from voicecli.store.event_recording import KeptEvent, record_events, record_replies
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store

HEADER = 4  # bytes
CHUNK = 1 << 16  # bytes
TIDY_EVERY = 0.5  # seconds


def frame(content: Any) -> bytes:
    packed = marshal.dumps(content)
    return len(packed).to_bytes(HEADER, "big") + packed


def serve(place: StorePlace, reading: int, writing: int) -> None:
    """Serve a listener, which has seen that the store fits, until the file descriptor that is read ends."""
    over = threading.Event()
    tidying = threading.Thread(target=_tidy, args=(place, over), daemon=True)
    store = open_store(place, accept_newer=True)
    try:
        tidying.start()
        left = b""
        while chunk := os.read(reading, CHUNK):
            left += chunk
            events: list[KeptEvent] = []  # as mere tuples
            replies: list[tuple[str, str | None, int]] = []
            while len(left) >= HEADER and len(left) >= (end := HEADER + int.from_bytes(left[:HEADER], "big")):
                received, noted = marshal.loads(left[HEADER:end])  # noqa: S302 - from our own other half
                events += received
                replies += noted
                left = left[end:]
            if events:
                store, answers = _kept(place, store, events)
                _write(writing, frame(answers))
            if replies:
                with suppress(StoreFailed):  # an event without a note of its reply is whole all the same
                    record_replies(store, replies)
        over.set()
        tidying.join()  # the last to close the store leaves it as one file
    finally:
        store.close()


def _tidy(place: StorePlace, over: threading.Event) -> None:
    """Carry the log into the file beside the commits, so that none of them has to wait for it; and make a new
    one soon after it was removed."""
    while not over.is_set():
        with suppress(ConfigurationError), open_store(place, accept_newer=True) as store:
            while store.is_there() and not over.wait(TIDY_EVERY):
                store.checkpoint()
            continue
        over.wait(TIDY_EVERY)


def _kept(
    place: StorePlace, store: Store, events: list[KeptEvent]
) -> tuple[Store, list[tuple[int, int] | str]]:
    """For each, in order: the event's number and how often it came, or why it is not on disk. If the store
    was removed or replaced by then, they are kept in the one that is there now; which one, is given, too."""
    try:
        try:
            return store, [(*recorded,) for recorded in record_events(store, events)]
        except StoreFailed:
            if store.is_there():
                raise
            now = open_store(place, accept_newer=True)
            store.close()
            store = now
            return store, [(*recorded,) for recorded in record_events(store, events)]
    except VoicecliError as error:
        return store, [error.message] * len(events)


def _read(reading: int, size: int) -> bytes:
    """So many bytes, or fewer where what is read ends."""
    content = b""
    while len(content) < size and (chunk := os.read(reading, size - len(content))):
        content += chunk
    return content


def _write(writing: int, answer: bytes) -> None:
    while answer:
        answer = answer[os.write(writing, answer) :]


if __name__ == "__main__":
    # Signals are for the receiver, even those that are sent to all of a service's processes. When it is gone,
    # however it ended, so is standard input.
    import signal

    for number in system.end_signals():
        signal.signal(number, signal.SIG_IGN)
    if secrets := _read(0, int.from_bytes(_read(0, HEADER), "big")):
        serve(StorePlace(Path(sys.argv[1]), *marshal.loads(secrets)), 0, 1)  # noqa: S302 - as above
