"""The process that writes: SQLite beside the receiver instead of inside it, measured to be twice as fast.

Threads would take turns with the receiver; a process does not. On standard input it reads the database's URL
and key, where there is one, and then batches of events; it keeps all that have arrived in one commit, and
answers on standard output: a list has answers, a tuple is a ``SpoolState``. Frames are four bytes of length
and then ``marshal``, which is safe between two ends of the same program.
"""

import marshal
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from voicecli.listener.event_keeper import EventKeeper, FileKeeper, NumberedNote, SpooledNote
from voicecli.platforms import system
from voicecli.store.event_recording import KeptEvent
from voicecli.store.location import StorePlace

HEADER = 4  # bytes
CHUNK = 1 << 16  # bytes


def frame(content: Any) -> bytes:
    packed = marshal.dumps(content)
    return len(packed).to_bytes(HEADER, "big") + packed


def serve(place: StorePlace, reading: int, writing: int) -> None:
    """Serve a listener, which has seen that the store fits, until the file descriptor that is read ends."""
    writing_lock = threading.Lock()

    def write(content: Any) -> None:
        answer = frame(content)
        with writing_lock:
            while answer:
                answer = answer[os.write(writing, answer) :]

    def report(state: tuple[object, ...]) -> None:
        with suppress(OSError):  # the listener has gone
            write((*state,))

    keeper = _keeper(place, report)
    try:
        left = b""
        while chunk := os.read(reading, CHUNK):
            left += chunk
            events: list[KeptEvent] = []  # as mere tuples
            numbered: list[NumberedNote] = []
            spooled: list[SpooledNote] = []
            while len(left) >= HEADER and len(left) >= (end := HEADER + int.from_bytes(left[:HEADER], "big")):
                batch = marshal.loads(left[HEADER:end])  # noqa: S302 - from our own other half
                for known, new in zip((events, numbered, spooled), batch, strict=True):
                    known += new
                left = left[end:]
            if events:
                write(keeper.keep(events))
            if numbered or spooled:
                keeper.note(numbered, spooled)
    finally:
        keeper.close()


def _read(reading: int, size: int) -> bytes:
    """So many bytes, or fewer where what is read ends."""
    content = b""
    while len(content) < size and (chunk := os.read(reading, size - len(content))):
        content += chunk
    return content


def _keeper(place: StorePlace, report: Callable[[tuple[object, ...]], None]) -> EventKeeper:
    if not place.is_shared:
        return FileKeeper(place)
    from voicecli.listener.spooling import SpoolingKeeper

    return SpoolingKeeper(place, report)


if __name__ == "__main__":
    # Signals are for the receiver, even those that are sent to all of a service's processes. When it is gone,
    # however it ended, so is standard input.
    import signal

    for number in system.end_signals():
        signal.signal(number, signal.SIG_IGN)
    if secrets := _read(0, int.from_bytes(_read(0, HEADER), "big")):
        serve(StorePlace(Path(sys.argv[1]), *marshal.loads(secrets)), 0, 1)  # noqa: S302 - as above
