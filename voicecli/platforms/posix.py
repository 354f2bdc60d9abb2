"""Linux, macOS and the BSDs. ``windows`` has the same names."""

import fcntl
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO, TypedDict

assert sys.platform != "win32" or not TYPE_CHECKING  # noqa: S101 - so mypy reads it for its systems only

# -- files ---------------------------------------------------------------------------------------------

BINARY = 0  # flag of os.open
REMOVES_OPEN_FILES = True
_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: its fsync leaves data in the disk's own memory


def try_lock(file: int | IO[bytes], *, shared: bool = False) -> bool:
    """Lock an open file, alone or ``shared``, until it is closed or unlocked; False where others have it.
    Raises OSError."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(file: int | IO[bytes]) -> None:
    """End a lock that was not shared, if there is one."""
    fcntl.flock(file, fcntl.LOCK_UN)


def open_to_lock(folder: Path) -> int:
    """A descriptor whose lock stands for the folder."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def read_start(descriptor: int, size: int) -> bytes:
    """So many bytes from where a file begins."""
    return os.pread(descriptor, size, 0)


def write_start(descriptor: int, data: bytes) -> None:
    """Write over that with which a file begins."""
    os.pwrite(descriptor, data, 0)


def sync(file: IO[bytes]) -> None:
    """Come back when what was written to the file is on the disk."""
    file.flush()
    if _FULL_SYNC is not None:
        with suppress(OSError):  # network drives lack it
            fcntl.fcntl(file, _FULL_SYNC)
            return
    os.fsync(file.fileno())


def publish(file: Path, path: Path) -> None:
    """Let a file be found at that path, too. Raises FileExistsError where there is one already."""
    path.hardlink_to(file)


def user_id() -> int | None:
    """Who owns the files that this process makes; None where files have no owner's id and no mode."""
    return os.geteuid()


def program_files(name: str) -> list[str]:
    """The names that a program's file may have."""
    return [name]


# -- pipes and terminals -------------------------------------------------------------------------------


def writer(stream: TextIO) -> Callable[[bytes | memoryview], int]:
    """Writes to what is beneath a stream, and tells how many bytes were written. Raises OSError."""
    return partial(os.write, stream.fileno())


def write_error(error: OSError) -> OSError:
    """A BrokenPipeError where the reader has gone, else the error itself."""
    return error


def takes_at_once(descriptor: int, size: int) -> bool:
    """Whether a pipe has room for so many bytes, as far as that can be told."""
    return size <= select.PIPE_BUF and _poll(descriptor, select.POLLOUT) != 0


def are_same(descriptor: int, other: int) -> bool:
    """Whether both are the same pipe or terminal, so that what is written is to keep its order."""
    return os.path.sameopenfile(descriptor, other)


def has_reader(descriptor: int) -> bool:
    """False once the other end of a pipe has gone. macOS tells that only to who asks for room to write."""
    return not _poll(descriptor, select.POLLOUT) & (select.POLLERR | select.POLLHUP)


def is_readable(descriptor: int) -> bool:
    """Whether a socket has something to read, or its end."""
    return _poll(descriptor, select.POLLIN) != 0


def _poll(descriptor: int, asked: int) -> int:
    poll = select.poll()
    poll.register(descriptor, asked)
    return sum(found for _, found in poll.poll(0))


def prepare_console() -> None:
    """Nothing: a terminal is ready."""


# -- signals and processes -----------------------------------------------------------------------------


class InBackground(TypedDict):
    start_new_session: bool


IN_BACKGROUND: InBackground = {"start_new_session": True}
"""Options for a process that Ctrl-C on the terminal is not for."""


def end_signals() -> list[int]:
    """The signals that ask a program to end."""
    import signal

    return [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def is_hangup(number: object) -> bool:
    """Whether that signal says that the terminal was closed."""
    import signal

    return number == signal.SIGHUP


def leaves_no_time(number: int) -> bool:  # noqa: ARG001
    """Whether the system ends the process a few seconds after that signal."""
    return False


def kill_tree(pid: int) -> None:
    """Kill a process that was begun in a session of its own, and all that it has begun. Raises OSError."""
    import signal

    os.killpg(pid, signal.SIGKILL)


def launcher(program: Path) -> tuple[str, str]:
    """A script that runs a program with the script's arguments, its errors on standard output: the end of the
    script's name, and its text."""
    import shlex

    return "", f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@" 2>&1\n'


# -- sockets and shells --------------------------------------------------------------------------------

REUSES_ADDRESSES = True
"""Whether a listener sets SO_REUSEADDR, as asyncio does it: on Windows that takes others' ports."""
SHELL = "sh"
"""What people type commands into."""


def describe(number: int) -> str:
    """The system's words for an error's number."""
    return os.strerror(number)
