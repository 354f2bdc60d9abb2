"""A disk that is full from the n-th write of this process on, or at that one only."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ready_stores

from voicecli.store import sqlite

WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT", "CREATE", "ALTER", "PRAGMA USER_VERSION =")


class Disk:
    """``writes`` counts them."""

    def __init__(self, at: int, *, once: bool) -> None:
        self.writes = 0
        self._at = at
        self._once = once

    def fill(self, at: int) -> None:
        """The n-th write from now on fails."""
        self._at = self.writes + at

    def is_full(self) -> bool:
        """Whether this write, which is one more, fails."""
        self.writes += 1
        return self.writes == self._at or (self.writes > self._at and not self._once)


def _full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@contextmanager
def full_disk(at: int, *, once: bool = False) -> Iterator[Disk]:
    disk = Disk(at, once=once)

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *rest: Any) -> sqlite3.Cursor:
            if statement.lstrip().upper().startswith(WRITES) and disk.is_full():
                raise _full()
            return super().execute(statement, *rest)

        def executemany(self, statement: str, *rest: Any) -> sqlite3.Cursor:
            if disk.is_full():
                raise _full()
            return super().executemany(statement, *rest)

    def guarded(call: Any) -> Any:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            is_there = call is mkdir and Path(arguments[0]).exists()
            if not is_there and disk.is_full():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*arguments, **options)

        return wrapped

    connect = sqlite3.connect
    opened = os.open
    mkdir = os.mkdir

    def open_(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT and not Path(path).exists() and disk.is_full():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, flags, *rest, **options)

    with ready_stores.real_ones(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite.sqlite3, "connect", lambda *a, **k: connect(*a, factory=Connection, **k))
        for name in ("pwrite", "fsync", "mkdir", "link"):
            patch.setattr(os, name, guarded(getattr(os, name)))
        patch.setattr(os, "open", open_)
        yield disk
