"""The small file in which all broadcasts of this machine share the state of their pace.

Nothing here blocks: it is called by event loops. A process that is stopped (Ctrl-Z) while it has the file's
lock keeps that, so the others go on without it. The worst of that is a call that leaves too early.
"""

import os
import time
from pathlib import Path
from types import TracebackType

from voicecli.broadcast.pace_rules import WHOLE, PaceState, pack, unpack
from voicecli.errors import StoreFailed
from voicecli.platforms import private_files, system

TRIES = (0.00002, 0.0001, 0.0003)  # seconds between tries to get it at once; one has it for less than 0.0001
STOPPED_AFTER = 0.05  # seconds after which who has it is taken to have been stopped
WRITTEN_WITHIN = STOPPED_AFTER / 2  # seconds from getting it; later than that, others may have gone on


class PaceFile:
    """The file, locked in a ``with``, which gives None where another process has the lock. Raises StoreFailed
    and ConfigurationError.

    It is never synced, since it need not outlive a restart of the machine, and one call writes all of it, so
    that a process that is killed leaves it whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._busy = (0.0, 0.0)  # since when others had it at each try, and the last of these (monotonic)
        self._since = 0.0  # when the lock was got (monotonic)
        try:
            private_files.make_folder(path.parent)
            private_files.create(path)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | system.BINARY, 0o600)
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> "PaceFile | None":
        try:
            has_lock = self._lock()
        except OSError as error:
            raise self._failed(error) from error
        self._since = time.monotonic()
        return self if has_lock else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        system.unlock(self._file)
        if isinstance(error, OSError):
            raise self._failed(error) from error

    def read(self, now: float) -> PaceState:
        """What it holds, also while another process has the lock."""
        try:
            return unpack(system.read_at(self._file, WHOLE.size, 0), now)
        except OSError as error:
            raise self._failed(error) from error

    def write(self, state: PaceState, now: float) -> bool:
        """False, and nothing is written, if this process was stopped since it has the lock: others have gone
        on."""
        is_late = time.monotonic() - self._since > WRITTEN_WITHIN
        if not is_late:
            system.write_at(self._file, pack(state._replace(written=now)), 0)
        return not is_late

    def close(self) -> None:
        os.close(self._file)

    def _lock(self) -> bool:
        """Wait no longer for the lock than a running process has it; where a stopped one has it, do
        without."""
        since, last = self._busy
        for pause in (0.0,) if last - since > STOPPED_AFTER else (*TRIES, 0.0):
            if system.try_lock(self._file):
                self._busy = (0.0, 0.0)
                return True
            time.sleep(pause)
        now = time.monotonic()
        self._busy = (since if now - last < 10 * STOPPED_AFTER else now, now)
        return now - self._busy[0] > STOPPED_AFTER

    def _failed(self, error: OSError) -> StoreFailed:
        return private_files.unusable(f"The file {self._path} can't be used", error, hint="Check its disk.")
