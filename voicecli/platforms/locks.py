"""Locks on files beside the store, between the processes of this machine: the system frees them however a
process ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from voicecli.errors import StoreFailed
from voicecli.platforms import private_files

PATIENCE = 2.0  # seconds


class Lock:
    """A lock that one process has alone, or that several share. It is free again after ``close``."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file

    @classmethod
    def take(cls, path: Path, *, shared: bool = False) -> Self | None:
        """Take it, or None where others are in the way. Raises StoreFailed and ConfigurationError."""
        while True:
            try:
                private_files.make_folder(path.parent)
                private_files.make(path)
                file = path.open("r+b")
            except OSError as error:
                raise StoreFailed(f"The file {path} can't be made: {error.strerror}.") from error
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except OSError:
                file.close()
                return None
            lock = cls(path, file)
            if lock.is_there():
                return lock
            file.close()  # it was removed in between

    def is_there(self) -> bool:
        """Whether others find it: its file has not been removed or replaced."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def close(self, *, remove: bool = False) -> None:
        if remove:
            with suppress(OSError):  # then somebody else clears up
                self._path.unlink(missing_ok=True)
        self._file.close()


@contextmanager
def folder_locked(folder: Path) -> Iterator[None]:
    """Others who ask for the same wait meanwhile: for what takes no time. Raises OSError, also where somebody
    has it for longer than PATIENCE: he may have been stopped."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    end = time.monotonic() + PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise OSError(error.errno, "another process has it") from error
                time.sleep(0.01)
            else:
                break
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process has that lock alone."""
    with suppress(OSError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
