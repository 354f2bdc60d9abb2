"""Windows; the names are those of ``posix``. Nothing of this has run there yet: tests run it on Linux, with
stand-ins for what Windows has."""

import errno
import msvcrt
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO, TypedDict

assert sys.platform == "win32" or not TYPE_CHECKING  # noqa: S101 - so mypy reads it for its system only

# -- files ---------------------------------------------------------------------------------------------

BINARY = os.O_BINARY
REMOVES_OPEN_FILES = False
# A lock keeps others from reading what it is on, so it is far behind all content. Who shares one has a byte
# of these, who has it alone has all.
_LOCK_BEGIN, _LOCK_SIZE = 1 << 30, 4096  # bytes
_TRIES = 8  # bytes that others may have by chance
_HELD = (errno.EACCES, errno.EDEADLK)


def try_lock(file: int | IO[bytes], *, shared: bool = False) -> bool:
    if not shared:
        return _lock(file, 0, _LOCK_SIZE)
    chosen = memoryview(os.urandom(2 * _TRIES)).cast("H")
    return any(_lock(file, number % _LOCK_SIZE, 1) for number in chosen)


def _lock(file: int | IO[bytes], first: int, size: int) -> bool:
    descriptor = _seek(file, first)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, size)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def unlock(file: int | IO[bytes]) -> None:
    with suppress(PermissionError):  # it was not locked
        msvcrt.locking(_seek(file, 0), msvcrt.LK_UNLCK, _LOCK_SIZE)


def _seek(file: int | IO[bytes], first: int) -> int:
    descriptor = file if isinstance(file, int) else file.fileno()
    os.lseek(descriptor, _LOCK_BEGIN + first, os.SEEK_SET)
    return descriptor


def open_to_lock(folder: Path) -> int:
    return os.open(folder / "folder.lock", os.O_RDWR | os.O_CREAT | BINARY, 0o600)


def read_start(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, size)


def write_start(descriptor: int, data: bytes) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, data)


def sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def publish(file: Path, path: Path) -> None:
    file.rename(path)


def user_id() -> int | None:
    return None  # folders in a user's profile are that user's alone


def program_files(name: str) -> list[str]:
    ends = (".exe", ".cmd", ".bat")
    return [name] if name.lower().endswith(ends) else [f"{name}{end}" for end in ends]


# -- pipes and terminals -------------------------------------------------------------------------------


def writer(stream: TextIO) -> Callable[[bytes | memoryview], int]:
    raw: IO[bytes] = getattr(stream.buffer, "raw", stream.buffer)

    def write(data: bytes | memoryview) -> int:
        try:
            return raw.write(data)  # os.write shows no UTF-8 in a console
        except ValueError as error:
            raise OSError(errno.EBADF, "it is closed") from error

    return write


def write_error(error: OSError) -> OSError:
    gone = error.errno == errno.EINVAL
    return BrokenPipeError(errno.EPIPE, "nobody reads it") if gone else error


def takes_at_once(descriptor: int, size: int) -> bool:  # noqa: ARG001
    return False


def are_same(descriptor: int, other: int) -> bool:
    # A process has one console. Of pipes, Windows tells nothing by which they differ.
    return _console_mode(descriptor) is not None and _console_mode(other) is not None


def _console_mode(descriptor: int) -> int | None:
    """The mode of what is a console."""
    import ctypes

    mode = ctypes.c_ulong()
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
    return mode.value if ctypes.windll.kernel32.GetConsoleMode(handle, ctypes.byref(mode)) else None


def has_reader(descriptor: int) -> bool:  # noqa: ARG001
    return True  # that nobody reads is known when something is written


def is_readable(descriptor: int) -> bool:
    import select

    return descriptor < 0 or bool(select.select([descriptor], [], [], 0)[0])


def prepare_console() -> None:
    """For the program, at its start: UTF-8 in its streams, escape sequences in its window, and SIGBREAK where
    the window is closed or the user logs off. Windows ends the process as soon as its handler returns, or in
    about 5 s; Python's would return at once."""
    import _thread
    import ctypes
    import signal
    import time

    kernel = ctypes.windll.kernel32
    for stream in (sys.stdout, sys.stderr):
        if stream is None or not isinstance(stream, TextIOWrapper):
            continue
        stream.reconfigure(encoding="utf-8")
        if (mode := _console_mode(stream.fileno())) is not None:
            handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
            kernel.SetConsoleMode(handle, mode | 4)  # ENABLE_VIRTUAL_TERMINAL_PROCESSING

    def on_event(event: int) -> int:
        if event not in (2, 5, 6):  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT
            return 0  # Ctrl-C and Ctrl-Break are Python's
        _thread.interrupt_main(signal.SIGBREAK)
        time.sleep(60)  # in a thread of Windows'; the process ends before
        return 1

    handler = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)(on_event)
    _kept.append(handler)
    kernel.SetConsoleCtrlHandler(handler, 1)


_kept: list[object] = []  # what Windows calls; it must not be forgotten


# -- signals and processes -----------------------------------------------------------------------------


class InBackground(TypedDict):
    creationflags: int


IN_BACKGROUND: InBackground = {"creationflags": 0x08000000}  # CREATE_NO_WINDOW: a console of its own


def end_signals() -> list[int]:
    import signal

    return [signal.SIGINT, signal.SIGTERM, signal.SIGBREAK]


def is_hangup(number: object) -> bool:  # noqa: ARG001
    return False


def leaves_no_time(number: int) -> bool:
    import signal

    return number == signal.SIGBREAK  # the window was closed, for one


def kill_tree(pid: int) -> None:
    import subprocess

    subprocess.run(  # noqa: S603
        [_system_file("taskkill.exe"), "/F", "/T", "/PID", str(pid)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **IN_BACKGROUND,
    )


def launcher(program: Path) -> tuple[str, str]:
    path = str(program).replace("%", "%%")
    return ".cmd", f'@"{_system_file("chcp.com")}" 65001 >nul\n@"{path}" %* 2>&1\n'


def _system_file(name: str) -> str:
    """By its whole path: Windows looks for programs in the current folder, too."""
    import ctypes

    folder = ctypes.create_unicode_buffer(260)
    ctypes.windll.kernel32.GetSystemDirectoryW(folder, len(folder))
    return os.path.join(folder.value, name)  # noqa: PTH118


# -- sockets and shells --------------------------------------------------------------------------------

REUSES_ADDRESSES = False
SHELL = "powershell"


def describe(number: int) -> str:
    import ctypes

    return ctypes.FormatError(number).rstrip(". ")
