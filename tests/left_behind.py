"""What tests start ends with the process that runs them, however that ends. Without pytest: bench/ uses it,
too."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PR_SET_PDEATHSIG = 1
_CLEAR_UP = """
read line  # until the process that started this tells it to, or has ended
cd "$1" || exit
for pid in $(cat *.pid); do
  kill -QUIT "$pid"; kill -TERM "$pid"  # one of which each server obeys
  for try in $(seq 100); do kill -0 "$pid" && sleep 0.05; done
done
cd / && rm -rf "$1"
"""


@contextmanager
def cleared_up(folder: Path) -> Iterator[Path]:
    """In the end the folder is gone, and so is whoever has a file there with its number, ``….pid``."""
    clearing_up = subprocess.Popen(
        ["sh", "-c", _CLEAR_UP, "sh", folder],
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield folder
    finally:
        clearing_up.communicate(b"\n")


def end_forks_with_us() -> None:
    """Processes that are forked from the main thread are killed when this one has ended (on Linux)."""
    if sys.platform == "linux":
        os.register_at_fork(before=_before_fork, after_in_child=_in_fork)


_libc = ctypes.CDLL(None)
_is_main_thread = True


def _before_fork() -> None:
    global _is_main_thread
    _is_main_thread = threading.current_thread() is threading.main_thread()


def _in_fork() -> None:
    if _is_main_thread:  # else the end of the thread would be enough
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
