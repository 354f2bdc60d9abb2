"""The lock under which a listener of this machine starts or ends: who looks for one waits meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from voicecli import interrupts
from voicecli.errors import InUse, VoicecliError
from voicecli.platforms.locks import Lock, is_held

PATIENCE = 60.0  # seconds for another process of this machine to start or end its listener
LISTENER_PATIENCE = 5.0  # the same for a listener, and for who only asks for one


async def lock_start(folder: Path) -> tuple[Lock, bool]:
    """The lock; and whether it was free at once. Raises InUse, StoreFailed and ConfigurationError."""
    path = _path(folder)
    if (lock := Lock.take(path)) is not None:
        return lock, True
    if (lock := await Lock.acquire_within_async(path, PATIENCE)) is not None:
        return lock, False
    raise InUse(
        f"Another voicecli has been starting or ending a listener for over {PATIENCE:.0f} s.",
        hint="Look whether it hangs, and stop it.",
    )


@asynccontextmanager
async def start_locked(folder: Path) -> AsyncIterator[None]:
    """Inside, a listener starts or ends, with the lock if it can be had."""
    lock = None
    with suppress(VoicecliError):  # what is wrong with the folder is told as the store is opened
        lock = await Lock.acquire_within_async(_path(folder), LISTENER_PATIENCE)
    try:
        yield
    finally:
        if lock is not None:
            lock.close()


def wait_while_starting(folder: Path) -> None:
    """Wait while a listener of this machine starts or ends, as long as a listener does for another one."""
    if is_held(path := _path(folder)):
        lock = interrupts.in_thread(partial(Lock.acquire_within, path, LISTENER_PATIENCE))
        if lock is not None:
            lock.close()


def _path(folder: Path) -> Path:
    return folder / "waiting.lock"
