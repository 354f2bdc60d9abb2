"""Which listeners run on this machine, and which processes rely on them.

Both hold locks on files beside the store, which the system frees however a process ends. A listener's file
contains its local URL, and the key with which it can be asked for its state.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from voicecli.errors import InUse, StoreFailed
from voicecli.json_values import json_object, text
from voicecli.platforms.locks import PATIENCE, Lock, is_held

_NAME = "listener-{}"
_TENANTS = "guests-{}"


def is_running(folder: Path, instance: str) -> bool:
    """Whether that listener runs on this machine, with this store."""
    return re.fullmatch("[0-9a-f]{1,64}", instance) is not None and is_held(folder / _NAME.format(instance))


class RunningInstance(NamedTuple):
    """A listener that runs here. Without ``url`` or ``key`` it just starts."""

    instance: str
    url: str | None
    key: str | None


def running_instances(folder: Path) -> list[RunningInstance]:
    """The listeners that run on this machine with this store."""
    found = []
    for path in sorted(folder.glob(_NAME.format("*"))):
        instance = path.name.removeprefix(_NAME.format(""))
        if is_running(folder, instance):
            document = {}
            with suppress(OSError):
                document = json_object(path.read_bytes()) or {}
            found.append(RunningInstance(instance, text(document.get("url")), text(document.get("key"))))
    return found


class InstanceRecord:
    """The record of a listener: until ``close`` other processes of this machine can find it by its
    ``instance``, and ask it at ``url`` with ``key``. Raises StoreFailed and InUse."""

    def __init__(self, folder: Path, instance: str, *, url: str = "", key: str = "") -> None:
        self._path = folder / _NAME.format(instance)
        self._content = json.dumps({"url": url, "key": key})
        alive = Lock.acquire_within(self._path, PATIENCE)  # another one may look whether this is left over
        if alive is None:
            raise InUse(
                "Another voicecli on this machine has been clearing up for too long.",
                hint="Has it been stopped (Ctrl-Z)? Let it go on, or end it.",
            )
        self._alive = alive
        self._is_closed = False
        self._write()
        self._tenants = folder / _TENANTS.format(instance)
        self._closing: Lock | None = None
        for pattern in (_NAME, _TENANTS):  # left over by processes that were killed
            for path in folder.glob(pattern.format("*")):
                with suppress(StoreFailed):
                    if path != self._tenants and (left := Lock.take(path)) is not None:
                        left.close(remove=True)

    def _write(self) -> None:
        with suppress(OSError):  # then it is found all the same, and not asked
            self._path.write_text(self._content)

    def renew(self) -> None:
        """Be found again where the file was removed, with the whole folder perhaps; who relied on it finds
        it again. Raises StoreFailed and ConfigurationError."""
        if self._is_closed or self._closing is not None or self._alive.is_there():
            return
        if (alive := Lock.take(self._path)) is not None:  # else another one looks at it just now
            self._alive.close()
            self._alive = alive
            self._write()

    def refuse_tenants(self) -> bool:
        """Let nobody rely on it from now on; False where somebody does."""
        if self._closing is None:
            self._closing = Lock.take(self._tenants)
        return self._closing is not None

    def admit_tenants(self) -> None:
        """Let others rely on it again."""
        if self._closing is not None:
            self._closing.close()
            self._closing = None

    def close(self) -> None:
        self._is_closed = True
        self._alive.close(remove=True)
        if self._closing is not None:
            self._closing.close(remove=True)


class Tenant:
    """A process that relies on another one's listener, until ``close``."""

    def __init__(self, listener: Path, lock: Lock) -> None:
        self._listener = listener
        self._lock = lock

    @classmethod
    def register(cls, folder: Path, instance: str) -> Self | None:
        """Rely on that listener; None where it is of another store, or is about to end."""
        if not is_running(folder, instance):
            return None
        lock = Lock.take(folder / _TENANTS.format(instance), shared=True)
        return None if lock is None else cls(folder / _NAME.format(instance), lock)

    def is_there(self) -> bool:
        """Whether the listener still runs."""
        return is_held(self._listener)

    def close(self) -> None:
        self._lock.close()
