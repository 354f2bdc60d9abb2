"""Takes from Python, as it starts on Linux, what Windows does not have, and gives it stand-ins for what
Windows has: for processes with this folder in PYTHONPATH. The standard library keeps what it needs here.

Not simulated: locks that keep others from reading, the console, other processes' open files, Windows' paths.
"""

import _signal
import ctypes
import errno
import os
import select
import signal
import subprocess  # which asks whether there is an msvcrt
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import platformdirs.unix  # noqa: F401 - needs getuid, as long as sys.platform is linux
import stand_in_msvcrt  # needs fcntl

MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")
OS = (
    "O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK chown fchmod fchown fork forkpty getegid geteuid "
    "getgid getpgid getsid getuid killpg lchown mkfifo mknod nice posix_spawn posix_spawnp pread preadv "
    "pwrite pwritev setpgid setsid statvfs"
)
SIGNALS = "SIGALRM SIGHUP SIGPIPE SIGQUIT SIGTSTP SIGUSR2 SIGWINCH alarm pause pthread_kill setitimer sigwait"
RENAME = os.rename
BREAK = signal.SIGUSR1
handlers: list[Any] = []
"""What asked to be told of the console's end."""


def _without_open_files(change: Any) -> Any:
    """Windows neither removes nor replaces a file that is open, and ``rename`` replaces none."""

    def changed(*arguments: Any, **options: Any) -> None:
        # The last path is what is removed or replaced.
        path = [Path(one) for one in arguments if isinstance(one, str | os.PathLike)][-1]
        if path.absolute() in _open_files():
            raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
        if change is RENAME and path.exists():
            raise FileExistsError(errno.EEXIST, "The file exists", str(path))
        change(*arguments, **options)

    return changed


def _open_files() -> Iterator[Path]:
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the folder itself
            yield file.readlink()


def _install() -> None:
    sys.modules |= dict.fromkeys(MODULES)  # type: ignore[arg-type]
    sys.modules["msvcrt"] = stand_in_msvcrt
    for name in OS.split():
        delattr(os, name)
    for module in (signal, _signal):
        for name in SIGNALS.split():
            delattr(module, name)
        del module.SIGUSR1
        module.SIGBREAK = BREAK
    for name in ("poll", "PIPE_BUF"):
        delattr(select, name)
    os.O_BINARY = 0
    for name in ("remove", "replace", "rename", "unlink"):
        setattr(os, name, _without_open_files(getattr(os, name)))
    kernel = SimpleNamespace(
        GetConsoleMode=lambda *_: 0,
        SetConsoleCtrlHandler=lambda handler, _: handlers.append(handler),
        GetSystemDirectoryW=lambda *_: 0,
    )
    ctypes.windll = SimpleNamespace(kernel32=kernel)
    ctypes.WINFUNCTYPE = ctypes.CFUNCTYPE
    ctypes.FormatError = os.strerror
    begin = subprocess.Popen.__init__

    def popen(self: Any, *arguments: Any, creationflags: int = 0, **options: Any) -> None:
        begin(self, *arguments, start_new_session=creationflags != 0, **options)

    subprocess.Popen.__init__ = popen


_install()
