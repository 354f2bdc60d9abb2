"""``voicecli`` in the test's own process: a command line with streams and variables of its own."""

import io
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from unittest.mock import patch

from voicecli.cli import app
from voicecli.cli.context import Context


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
    # Libraries read the process's own variables: proxies, PATH, HOME.
    with _at_most(timeout), patch.dict(os.environ, env, clear=True):
        code = app.run(arguments, context)
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
