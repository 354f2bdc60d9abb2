"""The small file in which all broadcasts of this machine share the state of their pace.

Nothing here blocks: it is called by event loops. A process that is stopped (Ctrl-Z) while it has the file's
lock keeps that, so the others go on with a copy of the file.
"""

import os
import time
from pathlib import Path
from types import TracebackType

from voicecli.broadcast.pace_rules import WHOLE, PaceState, pack, unpack
from voicecli.errors import StoreFailed
from voicecli.platforms import private_files, system
from voicecli.platforms.locks import Lock

TRIES = (0.00002, 0.0001, 0.0003)  # seconds between tries to get it at once; one has it for less than 0.0001
STOPPED_AFTER = 0.05  # seconds after which who has it is taken to have been stopped
_MARK = b"replaced"  # behind what a file holds that has been replaced by a copy


class PaceFile:
    """The file, locked in a ``with``, which gives None where another process has the lock. Raises StoreFailed
    and ConfigurationError.

    It is never synced, since it need not outlive a restart of the machine, and one call writes all of it, so
    that a process that is killed leaves it whole. Where the lock stays with a stopped process, a copy takes
    its place, and the old file gets a mark for the processes that have it open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = b""
        self._busy = (0.0, 0.0)  # since when others had it at each try, and the last of these (monotonic)
        self._since = 0.0  # when the lock was got (monotonic)
        try:
            private_files.make_folder(path.parent)
            private_files.create(path)
            self._file = self._open()
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> "PaceFile | None":
        try:
            if not self._lock():
                return None
            self._since = time.monotonic()
            self._data = system.read_at(self._file, WHOLE.size + len(_MARK), 0)
            if self._data.endswith(_MARK) and not self._is_current():
                self._reopen()  # which lets go of the lock
                return None
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        system.unlock(self._file)
        if isinstance(error, OSError):
            raise self._failed(error) from error

    def read(self, now: float) -> PaceState:
        """What it held when the ``with`` began."""
        return unpack(self._data, now)

    def glance(self, now: float) -> PaceState:
        """What it holds, also while another process has the lock."""
        try:
            data = system.read_at(self._file, WHOLE.size, 0)
        except OSError as error:
            raise self._failed(error) from error
        return unpack(data, now)

    def write(self, state: PaceState, now: float) -> None:
        system.write_at(self._file, pack(state._replace(written=now)), 0)

    def was_left_behind(self) -> bool:
        """Whether the others use a copy by now."""
        return time.monotonic() - self._since > STOPPED_AFTER / 2 and not self._is_current()

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | system.BINARY, 0o600)

    def _reopen(self) -> None:
        os.close(self._file)
        self._file = self._open()

    def _is_current(self) -> bool:
        """Whether it is the file at that path."""
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False

    def _lock(self) -> bool:
        """Wait no longer for the lock than a running process has it."""
        for pause in (*TRIES, 0.0):
            if system.try_lock(self._file):
                self._busy = (0.0, 0.0)
                return True
            time.sleep(pause)
        now, (since, last) = time.monotonic(), self._busy
        self._busy = (since if now - last < 10 * STOPPED_AFTER else now, now)
        if now - self._busy[0] > STOPPED_AFTER and system.REMOVES_OPEN_FILES:
            self._replace_by_copy()
        return False

    def _replace_by_copy(self) -> None:
        """Put a copy in its place, unless another process does so or has done so."""
        lock = Lock.take(self._path.with_name(f"{self._path.name}.lock"))
        if lock is None:
            return
        try:
            if self._is_current():
                copy = self._path.with_name(f"{self._path.name}.copy")
                copy.write_bytes(system.read_at(self._file, WHOLE.size, 0))
                copy.chmod(0o600)
                copy.replace(self._path)
                system.write_at(self._file, _MARK, WHOLE.size)
            self._reopen()
            self._busy = (0.0, 0.0)
        finally:
            lock.close()

    def _failed(self, error: OSError) -> StoreFailed:
        return StoreFailed(f"The file {self._path} can't be used: {error.strerror}.", hint="Check its disk.")
