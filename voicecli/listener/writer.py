"""The process that writes: SQLite beside the receiver instead of inside it, measured to be twice as fast.

Threads would take turns with the receiver; a process does not. It reads batches of events on standard
input, keeps all that have arrived in one commit, and answers on standard output. Frames are four bytes of
length and then ``marshal``, which is safe between two ends of the same program.
"""

import marshal
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from voicecli.errors import StoreFailed
from voicecli.store.sqlite import KeptEvent, Store

HEADER = 4  # bytes
CHUNK = 1 << 16  # bytes
TIDY_EVERY = 0.5  # seconds


def frame(content: Any) -> bytes:
    packed = marshal.dumps(content)
    return len(packed).to_bytes(HEADER, "big") + packed


def main(home: str) -> None:
    """Serve until standard input ends: the receiver is gone, however it ended. Signals are for the receiver,
    even those that are sent to all of a service's processes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    over = threading.Event()
    tidying = threading.Thread(target=_tidy, args=(Path(home), over), daemon=True)
    with Store(Path(home)) as store:
        tidying.start()
        left = b""
        while chunk := os.read(0, CHUNK):
            left += chunk
            events: list[KeptEvent] = []  # as mere tuples
            replies: list[tuple[str, str | None, int]] = []
            while len(left) >= HEADER and len(left) >= (end := HEADER + int.from_bytes(left[:HEADER], "big")):
                received, noted = marshal.loads(left[HEADER:end])  # noqa: S302 - from our own other half
                events += received
                replies += noted
                left = left[end:]
            if events:
                _write(frame(_kept(store, events)))
            if replies:
                with suppress(StoreFailed):  # an event without a note of its reply is whole all the same
                    store.replied(replies)
        over.set()
        tidying.join()  # the last to close the store leaves it as one file


def _tidy(home: Path, over: threading.Event) -> None:
    """Carry the log into the file beside the commits, so that none of them has to wait for it."""
    with Store(home) as store:
        while not over.wait(TIDY_EVERY):
            store.tidy()
            if not store.is_there():
                sys.stderr.write("the store was removed\n")
                sys.stderr.flush()
                os._exit(1)  # another one makes a new store


def _kept(store: Store, events: list[KeptEvent]) -> list[tuple[int, int] | str]:
    """For each, in order: the event's number and how often it came, or why it is not on disk."""
    try:
        return [(*recorded,) for recorded in store.record(events)]
    except StoreFailed as error:
        return [error.message] * len(events)


def _write(answer: bytes) -> None:
    while answer:
        answer = answer[os.write(1, answer) :]


if __name__ == "__main__":
    main(sys.argv[1])
