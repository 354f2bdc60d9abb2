"""Locks on files beside the store, between the processes of this machine: the system frees them however a
process ends.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self, TypeVar

from voicecli.errors import ConfigurationError
from voicecli.platforms import private_files, system

T = TypeVar("T")
PATIENCE = 2.0  # seconds
RETRY_EVERY = 0.01  # seconds


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
                private_files.create(path)
                # Another process may have removed it by now.
                file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | system.BINARY, 0o600), "r+b")
            except OSError as error:
                raise private_files.unusable(f"The file {path} can't be made", error) from error
            try:
                is_ours = system.try_lock(file, shared=shared)
            except OSError as error:
                file.close()
                raise useless_locks(path.parent, error) from error
            if not is_ours:
                file.close()
                return None
            lock = cls(path, file)
            if lock.is_there():
                return lock
            file.close()  # it was removed in between

    @classmethod
    def acquire_within(cls, path: Path, seconds: float) -> Self | None:
        """``take``, again and again for so long."""
        return retry_within(seconds, lambda: cls.take(path))

    @classmethod
    async def acquire_within_async(cls, path: Path, seconds: float) -> Self | None:
        """The same for event loops."""
        import asyncio

        end = time.monotonic() + seconds
        while (lock := cls.take(path)) is None and time.monotonic() <= end:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(RETRY_EVERY)
        return lock

    def is_there(self) -> bool:
        """Whether others find it: its file has not been removed or replaced."""
        if not system.REMOVES_OPEN_FILES:
            return True
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def close(self, *, remove: bool = False) -> None:
        if not system.REMOVES_OPEN_FILES:  # nor one that somebody else has taken by then
            self._file.close()
        if remove:
            with suppress(OSError):  # then somebody else clears up
                self._path.unlink(missing_ok=True)
        self._file.close()


def work_at(path: Path) -> bool:
    """Whether a lock there keeps others out. Raises what ``Lock.take`` raises."""
    lock = Lock.take(path)
    if lock is None:
        return True
    try:
        return is_held(path)
    finally:
        lock.close()


def useless_locks(folder: Path, error: OSError | None = None) -> ConfigurationError:
    reason = "they keep nobody out" if error is None else error.strerror
    return ConfigurationError(
        f"Locks of files do not work in {folder} ({reason}): the same call could be placed twice.",
        hint="Set VOICECLI_HOME to a folder on a local disk.",
    )


@contextmanager
def folder_locked(folder: Path) -> Iterator[None]:
    """Others who ask for the same wait meanwhile: for what takes no time. Raises OSError, also where somebody
    has it for longer than PATIENCE: he may have been stopped."""
    descriptor = system.open_to_lock(folder)
    try:
        if retry_within(PATIENCE, lambda: system.try_lock(descriptor) or None) is None:
            raise OSError(errno.EWOULDBLOCK, "another process has it")
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process has that lock alone."""
    with suppress(OSError), path.open("rb") as file:
        try:
            return not system.try_lock(file, shared=True)
        except OSError:
            return True
    return False


def retry_within(seconds: float, attempt: Callable[[], T | None]) -> T | None:
    """What ``attempt`` gives, which is called again and again for so long; None where it gives nothing."""
    end = time.monotonic() + seconds
    while (result := attempt()) is None and time.monotonic() <= end:
        time.sleep(RETRY_EVERY)
    return result
