"""The small file in which all broadcasts of this machine share the state of their pace.

Nothing here blocks: it is called by event loops. A process that is stopped (Ctrl-Z) while it has the file's
lock keeps that, so the others go on with a copy of the file.
"""

import os
import time
from pathlib import Path
from types import TracebackType

from voicecli.broadcast.pace_state import WHOLE, PaceState, pack, unpack
from voicecli.errors import StoreFailed
from voicecli.platforms import private_files
from voicecli.platforms.locks import Lock, try_lock, unlock

TRIES = (0.00002, 0.0001, 0.0003)  # seconds between tries to get it at once; one has it for less than 0.0001
STOPPED_AFTER = 0.05  # seconds after which who has it is taken to have been stopped
_MARK = b"replaced"  # behind what a file holds that has been replaced by a copy


class PaceFile:
    """The file, to be read and written in a ``with``, which gives None where somebody else has it. Raises
    StoreFailed and ConfigurationError.

    It is never synced, since it need not outlive the machine's run, and it is written at one stroke, so that
    whoever is killed leaves it whole. Where the lock stays with a process that was stopped, a copy takes its
    place, and the old file gets a mark for those who have it open.
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
            self._data = os.pread(self._file, WHOLE.size + len(_MARK), 0)
            if self._data.endswith(_MARK) and not self._is_current():
                self._reopen()  # which lets go of the lock
                return None
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unlock(self._file)
        if isinstance(error, OSError):
            raise self._failed(error) from error

    def read(self, now: float) -> PaceState:
        """What it holds since the ``with`` began."""
        return unpack(self._data, now)

    def glance(self, now: float) -> PaceState:
        """What it holds, also while somebody else has it."""
        try:
            data = os.pread(self._file, WHOLE.size, 0)
        except OSError as error:
            raise self._failed(error) from error
        return unpack(data, now)

    def write(self, state: PaceState, now: float) -> None:
        os.pwrite(self._file, pack(state._replace(written=now)), 0)

    def was_left_behind(self) -> bool:
        """Whether the others have meanwhile gone on with a copy."""
        return time.monotonic() - self._since > STOPPED_AFTER / 2 and not self._is_current()

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _reopen(self) -> None:
        os.close(self._file)
        self._file = self._open()

    def _is_current(self) -> bool:
        """Whether it is the file that others find."""
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False

    def _lock(self) -> bool:
        """Without waiting for longer than a process takes that runs."""
        for pause in (*TRIES, 0.0):
            if try_lock(self._file):
                self._busy = (0.0, 0.0)
                return True
            time.sleep(pause)
        now, (since, last) = time.monotonic(), self._busy
        self._busy = (since if now - last < 10 * STOPPED_AFTER else now, now)
        if now - self._busy[0] > STOPPED_AFTER:
            self._go_on_with_a_copy()
        return False

    def _go_on_with_a_copy(self) -> None:
        """Unless another process does so now, or has done so."""
        lock = Lock.take(self._path.with_name(f"{self._path.name}.lock"))
        if lock is None:
            return
        try:
            if self._is_current():
                copy = self._path.with_name(f"{self._path.name}.copy")
                copy.write_bytes(os.pread(self._file, WHOLE.size, 0))
                copy.chmod(0o600)
                copy.replace(self._path)
                os.pwrite(self._file, _MARK, WHOLE.size)
            self._reopen()
            self._busy = (0.0, 0.0)
        finally:
            lock.close()

    def _failed(self, error: OSError) -> StoreFailed:
        return StoreFailed(f"The file {self._path} can't be used: {error.strerror}.", hint="Check its disk.")
