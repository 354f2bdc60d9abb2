"""Writing that holds nobody up: to a pipe or a terminal whose reader may have stopped."""

import os
import select
import stat
import threading
from collections import deque

PATIENCE = 0.05  # seconds that who writes waits for a reader that is only slow
AT_ONCE = select.PIPE_BUF  # bytes that a pipe takes as a whole once it takes any


def may_block(descriptor: int) -> bool:
    """Whether writing there may wait for somebody. Raises OSError."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


class BackgroundWriter:
    """Writes to a descriptor in a thread of its own, in order, what it can't write at once. ``error`` is why
    nothing can be written any more."""

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
        """Write it; where nobody reads, when somebody does. ``happened`` is what it says, where that must not
        get lost."""
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
        """What happened that nobody has been told of."""
        with self._changed:
            return self._lost or "; ".join(happened for _, happened in self._waiting if happened)

    def _is_written_at_once(self, data: bytes) -> bool:
        """Whether the pipe had room. Only who writes beside us could take it in between."""
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
