"""The chunks of a broadcast's rows that one worker has, and the rows in them that are to be called."""

import time
from collections import deque
from collections.abc import Callable

from voicecli.store.broadcast_rows import select_rows
from voicecli.store.broadcasts import Broadcast, BroadcastRow, RowState
from voicecli.store.engine import Store
from voicecli.store.workers import CHUNK, chunk_of

ASK_EVERY = 1.0  # seconds until a chunk is asked for again, where none was free


class OwnChunks:
    """``take`` takes the first free chunk from one on, and gives its number; None where there is none. All
    methods raise StoreFailed."""

    def __init__(self, store: Store, broadcast: Broadcast, take: Callable[[int], int | None]) -> None:
        self._store, self._broadcast, self._take = store, broadcast, take
        self._chunks: set[int] = set()
        self._unread: deque[int] = deque()  # those of them whose rows were not read
        self._ahead: deque[BroadcastRow] = deque()  # rows of them that are to be called
        self._first_free = 0  # no chunk before this one is free
        self._ask_at = 0.0  # monotonic

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def owns(self, line: int) -> bool:
        return chunk_of(line) in self._chunks

    def add(self, chunk: int) -> None:
        """This one is ours."""
        if chunk not in self._chunks:
            self._chunks.add(chunk)
            self._unread.append(chunk)

    def ask_again(self) -> None:
        """There is a free one by now."""
        self._ask_at = 0.0

    def next_row(self) -> BroadcastRow | None:
        """The next that is to be called, of our own or of a free chunk; None while there is none."""
        while not self._ahead:
            if not self._unread and not self._take_one():
                return None
            self._ahead.extend(self._rows_of(self._unread[0]))
            self._unread.popleft()
        return self._ahead.popleft()

    def _rows_of(self, chunk: int) -> list[BroadcastRow]:
        which = "line > ? AND line <= ? AND state IN (?, ?) ORDER BY line"
        values = (chunk * CHUNK, (chunk + 1) * CHUNK, RowState.PLANNED, RowState.RETRY)
        return list(select_rows(self._store, self._broadcast, which, values))

    def _take_one(self) -> bool:
        while time.monotonic() >= self._ask_at:
            if (chunk := self._take(self._first_free)) is not None:
                self.add(chunk)
                self._first_free = chunk
                return True
            if not self._first_free:
                self._ask_at = time.monotonic() + ASK_EVERY
            self._first_free = 0
        return False
