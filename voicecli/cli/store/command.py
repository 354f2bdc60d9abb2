"""``voicecli store``: a store that the machines of a team share. Each of its commands is in a file of its
name."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import typer

from voicecli.cli.commands import as_command
from voicecli.cli.help_format import LazyGroup

if TYPE_CHECKING:
    from typer._click import Command

COMMANDS = {
    "key": "Make the key that all machines of a team need beside their database.",
    "migrate": "Make the tables of a team's store in its database, or bring them up to date.",
    "copy": "Copy what this machine has stored in its file into the team's database.",
}
"""Each is a function in the module of its name, whose help begins so."""
READ_NO_SETTINGS = {"key"}
HELP = "Set up a store that the machines of a team share, in a PostgreSQL database."
EXAMPLES = """\
voicecli store key
(umask 077 && voicecli store key > team.key)
voicecli store migrate
voicecli store copy
"""


@cache
def _load(name: str) -> "Command":
    """The command of this name, which is in COMMANDS."""
    module = import_module(f"voicecli.cli.store.{name}")
    reads_settings = name not in READ_NO_SETTINGS
    return as_command(name, getattr(module, name), module.EXAMPLES, reads_settings=reads_settings)


class _Commands(LazyGroup):
    SUMMARIES = COMMANDS
    load = staticmethod(_load)


store = typer.Typer(no_args_is_help=True, subcommand_metavar="COMMAND", cls=_Commands)
