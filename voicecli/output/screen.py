"""The size of a terminal."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

COLUMNS, LINES = 80, 24  # where nobody knows it


def terminal_size(environment: Mapping[str, str], *streams: TextIO | None) -> os.terminal_size:
    """From COLUMNS and LINES, else from the first stream that is a terminal."""
    columns, lines = _given(environment, "COLUMNS"), _given(environment, "LINES")
    for stream in streams:
        if stream is not None and not (columns and lines):
            with suppress(OSError, ValueError):  # it is no terminal
                own = os.get_terminal_size(stream.fileno())
                columns, lines = columns or own.columns, lines or own.lines  # some do not know, and say 0
    return os.terminal_size((columns or COLUMNS, lines or LINES))


def _given(environment: Mapping[str, str], name: str) -> int:
    with suppress(ValueError):
        return max(0, int(environment.get(name, "")))
    return 0
