"""Non-blocking writes to a pipe or terminal whose reader may have stopped reading."""

import os
import stat
import threading
from collections import deque
from typing import TextIO

from voicecli.platforms import system

PATIENCE = 0.05  # seconds that a write waits for a slow reader


def may_block(descriptor: int) -> bool:
    """Whether a write to this descriptor may block until somebody reads. Raises OSError."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


class BackgroundWriter:
    """Writes to what is beneath a stream, in order; a thread writes what would block. ``error`` is set once
    writing has failed, a BrokenPipeError where the reader has gone."""

    def __init__(self, stream: TextIO) -> None:
        self.descriptor = stream.fileno()
        self.error: OSError | None = None
        self._write_some = system.writer(stream)
        self._is_pipe = stat.S_ISFIFO(os.fstat(self.descriptor).st_mode)
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
        if self._waiting or not self._is_pipe or not system.takes_at_once(self.descriptor, len(data)):
            return False
        try:
            self._write_some(data)
        except OSError as error:
            self.error = system.write_error(error)
        return True

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                data, _ = self._waiting[0]
            try:
                left = memoryview(data)
                while left:
                    left = left[self._write_some(left) :]
            except OSError as error:
                self.error = system.write_error(error)
            with self._changed:
                if self.error is not None:
                    self._lost = self.unwritten()
                    self._waiting.clear()
                    self._size = 0
                else:
                    self._waiting.popleft()
                    self._size -= len(data)
                self._changed.notify_all()
