"""``voicecli`` in the test's own process: a command line with streams and variables of its own."""

import fcntl
import io
import os
import pty
import signal
import struct
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from unittest.mock import patch

from voicecli.cli import app
from voicecli.cli.context import Context

OURS = ("EIGHT_X_EIGHT_", "OUTBOUND_", "VOICE", "WEBHOOK_", "PORT", "PYTEST_")


def run(
    arguments: Sequence[str], timeout: float, *, stdin: bytes = b"", env: Mapping[str, str]
) -> tuple[int, bytes, bytes]:
    """The exit code and what was written to standard output and standard error. Raises TimeoutError where
    it takes longer than so many seconds."""
    out, err = io.BytesIO(), io.BytesIO()
    context = Context(
        stdin=io.TextIOWrapper(io.BytesIO(stdin), "utf-8"),
        stdout=io.TextIOWrapper(out, "utf-8", "backslashreplace", write_through=True),
        stderr=io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True),
        environment=env,
    )
    return _run(arguments, context, timeout), out.getvalue(), err.getvalue()


def run_on_terminal(
    arguments: Sequence[str], timeout: float, *, columns: int, env: Mapping[str, str]
) -> bytes:
    """What is written on a terminal of so many columns, from which it reads, too."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    written: list[bytes] = []
    reader = threading.Thread(target=lambda: written.extend(iter(partial(_read, ours), b"")))
    reader.start()
    with os.fdopen(theirs, encoding="utf-8") as stdin, os.fdopen(os.dup(theirs), "w", 1, "utf-8") as out:
        _run(arguments, Context(stdin=stdin, stdout=out, stderr=out, environment=env), timeout)
    reader.join()
    os.close(ours)
    return b"".join(written)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how a terminal ends on Linux
        return b""


def _run(arguments: Sequence[str], context: Context, timeout: float) -> int:
    with _at_most(timeout), _variables_of_libraries(context.environment):
        return app.run(arguments, context)


@contextmanager
def _variables_of_libraries(environment: Mapping[str, str]) -> Iterator[None]:
    """Libraries read those of the process: proxies, PATH, HOME."""
    if _others(environment) == _others(os.environ):
        yield
    else:
        with patch.dict(os.environ, environment, clear=True):
            yield


def _others(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if not name.startswith(OURS)}


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"the command runs for more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
