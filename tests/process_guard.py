"""A test that starts the program as a process of its own says so by the marker ``process``: it costs much."""

import os
import re
import subprocess
from collections.abc import Sequence
from typing import Any

PROGRAM = re.compile(r"(?:^|[\s/])voicecli(?:$|\s)")
is_marked = True
"""Whether the test that runs has the marker; what runs between tests may do all."""


def check(command: str | bytes | os.PathLike[str] | Sequence[Any]) -> None:
    """Fail where this starts the program, in a test that is not marked."""
    parts = [command] if isinstance(command, str | bytes | os.PathLike) else command
    if not is_marked and any(PROGRAM.search(os.fsdecode(part)) for part in parts):
        raise AssertionError(f"A test that starts the program needs the marker process: {command!r}")


def install() -> None:
    """See that each process that Python starts from now on is checked."""
    execute = subprocess.Popen._execute_child  # type: ignore[attr-defined]

    def checked(self: Any, args: Any, *rest: Any) -> None:
        check(args)
        execute(self, args, *rest)

    subprocess.Popen._execute_child = checked  # type: ignore[attr-defined]
