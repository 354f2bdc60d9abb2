"""``voicecli`` in the test's own process: a command line with streams, variables and a folder of its own."""

import io
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from unittest.mock import patch

from voicecli.cli import app


def run(
    arguments: Sequence[str], timeout: float, *, stdin: bytes = b"", env: Mapping[str, str], cwd: Path
) -> tuple[int, bytes, bytes]:
    """The exit code and what was written to standard output and standard error. Raises TimeoutError where
    it takes longer than so many seconds."""
    out, err = io.BytesIO(), io.BytesIO()
    streams = {
        "stdin": io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"),
        "stdout": io.TextIOWrapper(out, encoding="utf-8", write_through=True),
        "stderr": io.TextIOWrapper(err, encoding="utf-8", write_through=True),
    }
    before = Path.cwd()
    os.chdir(cwd)
    try:
        with _at_most(timeout), patch.dict(os.environ, env, clear=True), patch.multiple(sys, **streams):
            try:
                code = app.run(arguments)
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
    finally:
        os.chdir(before)
    return code, out.getvalue(), err.getvalue()


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
