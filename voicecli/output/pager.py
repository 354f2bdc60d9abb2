"""The user's pager, for an answer that is longer than the screen."""

import shlex
import signal
import subprocess
from collections.abc import Mapping
from typing import TextIO

from voicecli import interrupts
from voicecli.platforms import programs

PAGER = "less"
OPTIONS_OF_LESS = "FRX"  # as git and gh have it: colours, and no more than the screen needs


def page(text: str, out: TextIO, environment: Mapping[str, str]) -> bool:
    """Show a text on this terminal in the pager that PAGER names, and wait until it is left. False where
    there is none. Raises KeyboardInterrupt for a signal that came meanwhile, but for Ctrl-C, which was for
    the pager."""
    pager = environment.get("PAGER", PAGER)
    try:
        command = [pager] if programs.find(pager) else shlex.split(pager)  # blanks may be in its path, too
    except ValueError:  # a quote is left open
        return False
    program = programs.find(command[0]) if command else None
    if program is None:
        return False
    try:
        subprocess.run(  # noqa: S603 - the user's own program
            [program, *command[1:]],
            input=text,
            stdout=out,
            text=True,
            encoding="utf-8",
            env={"LESS": OPTIONS_OF_LESS, **environment},
            check=False,
        )
    except OSError:  # it can't be run: a script without #!, say
        return False
    if (number := interrupts.take_noted()) not in (None, signal.SIGINT):
        raise KeyboardInterrupt(number)
    return True
