"""Non-blocking writes to a pipe or terminal whose reader may have stopped reading."""

import os
import select
import stat
import threading
from collections import deque

PATIENCE = 0.05  # seconds that a write waits for a slow reader
AT_ONCE = select.PIPE_BUF  # bytes: a pipe with any room takes this many at once


def may_block(descriptor: int) -> bool:
    """Whether a write to this descriptor may block until somebody reads. Raises OSError."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


class BackgroundWriter:
    """Writes to a descriptor, in order; a thread writes what would block. ``error`` is set once writing has
    failed."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.error: OSError | None = None
        self._is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        self._waiting: deque[tuple[bytes, str]] = deque()
        self._size = 0
        self._lost = ""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def size(self) -> int:
        """Bytes that are not written yet."""
        return self._size

    def put(self, data: bytes, happened: str = "") -> None:
        """Write the data now, or as soon as somebody reads. ``happened`` is its text if that must not get
        lost."""
        with self._changed:
            if self.error is not None or self._is_written_at_once(data):
                return
            is_first = not self._waiting
            self._waiting.append((data, happened))
            self._size += len(data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="output", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            if is_first:
                self._changed.wait_for(lambda: not self._waiting, PATIENCE)

    def unwritten(self) -> str:
        """The ``happened`` texts of the data that is not written yet."""
        with self._changed:
            return self._lost or "; ".join(happened for _, happened in self._waiting if happened)

    def _is_written_at_once(self, data: bytes) -> bool:
        """Write the data if the pipe has room for it, and return whether it had. (Only another writer could
        take the room between check and write.)"""
        if self._waiting or not self._is_pipe or len(data) > AT_ONCE:
            return False
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        if not poll.poll(0):
            return False
        try:
            os.write(self.descriptor, data)
        except OSError as error:
            self.error = error
        return True

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                data, _ = self._waiting[0]
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(self.descriptor, left) :]
            except OSError as error:
                self.error = error
            with self._changed:
                if self.error is not None:
                    self._lost = self.unwritten()
                    self._waiting.clear()
                    self._size = 0
                else:
                    self._waiting.popleft()
                    self._size -= len(data)
                self._changed.notify_all()
