"""Who listens on this machine, and who relies on that.

Both are known by locks on files beside the store, which the system frees however a process ends.
"""

import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from voicecli.errors import StoreFailed

_NAME = "listener-{}"
_GUESTS = "guests-{}"


class Lock:
    """A lock that one process has alone, or that several share. It is free again after ``close``."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file

    @classmethod
    def take(cls, path: Path, *, shared: bool = False) -> Self | None:
        """Take it, or None where others are in the way. Raises StoreFailed."""
        while True:
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
                file = path.open("r+b")
            except OSError as error:
                raise StoreFailed(f"The file {path} can't be made: {error.strerror}.") from error
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except OSError:
                file.close()
                return None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return cls(path, file)
            file.close()  # it was removed in between

    def close(self, *, remove: bool = False) -> None:
        if remove:
            with suppress(OSError):  # then somebody else clears up
                self._path.unlink(missing_ok=True)
        self._file.close()


class Presence:
    """A listener's own: from now until ``close`` others of this machine can find it by its ``instance``."""

    def __init__(self, home: Path, instance: str) -> None:
        while (alive := Lock.take(home / _NAME.format(instance))) is None:
            time.sleep(0.01)  # another one clears up, and looks whether this is left over
        self._alive = alive
        self._guests = home / _GUESTS.format(instance)
        self._closing: Lock | None = None
        for pattern in (_NAME, _GUESTS):  # what those that ended in a hurry have left
            for path in home.glob(pattern.format("*")):
                with suppress(StoreFailed):
                    if path != self._guests and (left := Lock.take(path)) is not None:
                        left.close(remove=True)

    def alone(self) -> bool:
        """Whether nobody relies on it any more; from then on nobody can begin to."""
        if self._closing is None:
            self._closing = Lock.take(self._guests)
        return self._closing is not None

    def close(self) -> None:
        self._alive.close(remove=True)
        if self._closing is not None:
            self._closing.close(remove=True)


class Guest:
    """Who relies on another process's listener, until ``close``."""

    def __init__(self, listener: Path, lock: Lock) -> None:
        self._listener = listener
        self._lock = lock

    @classmethod
    def of(cls, home: Path, instance: str) -> Self | None:
        """Rely on that listener; None where it is not of this store, or ends just now."""
        listener = home / _NAME.format(instance)
        if not re.fullmatch("[0-9a-f]{1,64}", instance) or not _is_held(listener):
            return None
        lock = Lock.take(home / _GUESTS.format(instance), shared=True)
        return None if lock is None else cls(listener, lock)

    def is_there(self) -> bool:
        """Whether the listener still is."""
        return _is_held(self._listener)

    def close(self) -> None:
        self._lock.close()


def _is_held(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
