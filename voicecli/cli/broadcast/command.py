"""``voicecli broadcast``: call everybody on a list, once. Each of its commands is in a file of its name."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

import typer

from voicecli.cli.broadcast.former_hours import SendCommand
from voicecli.cli.commands import as_command
from voicecli.cli.help_format import HelpCommand, LazyGroup

if TYPE_CHECKING:
    from typer._click import Command, Context as ClickContext

    from voicecli.cli.context import Context

COMMANDS = {
    "send": "Call everybody on a list, once each.",
    "resume": "Go on with a broadcast that was interrupted or stopped, with the options of its start.",
    "join": "Work on a broadcast together with other machines, on as many as you like.",
    "stop": "Stop a broadcast, also one that runs in another process.",
    "list": "List the broadcasts, newest first.",
    "show": "Show the state and the figures of a broadcast.",
    "allow": "Allow calls again to people who had unsubscribed and now agree to be called.",
    "report": "Write a report on a broadcast: a page to read, to hand on and to print.",
    "results": "Show the result of each row of a broadcast, or write the results to a file.",
}
"""Each is a function in the module of its name, whose help begins so."""
HELP = """Call everybody on a list, once each.

voicecli broadcast FILE MESSAGE is short for voicecli broadcast send FILE MESSAGE. Its options:
voicecli broadcast send --help.
"""
EXAMPLES = """\
voicecli broadcast people.csv "Hello {name}, see you at {time}." --dry-run
voicecli broadcast people.csv "Hello {name}, see you at {time}." --rate 5/s
voicecli broadcast show b3f9a1c2d4
voicecli broadcast resume b3f9a1c2d4
voicecli broadcast results b3f9a1c2d4 -o results.csv
"""


@cache
def _load(name: str) -> "Command":
    """The command of this name, which is in COMMANDS."""
    module = import_module(f"voicecli.cli.broadcast.{name}")
    function = getattr(module, "list_" if name == "list" else name)
    return as_command(name, function, module.EXAMPLES, cls=SendCommand if name == "send" else HelpCommand)


class _SendByDefault(LazyGroup):
    """A group whose first argument may be left out: then it is send."""

    SUMMARIES = COMMANDS
    load = staticmethod(_load)

    def parse_args(self, ctx: "ClickContext", args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["send", *args]
        if len(args) > 1 and args[0] == "send" and not {*args} & {*ctx.help_option_names}:
            self._check_list(ctx, args[1])
        return super().parse_args(ctx, args)

    def _check_list(self, ctx: "ClickContext", name: str) -> None:
        """Raises InvalidInput where there is no such file, before settings are looked at."""
        if ctx.resilient_parsing or name.startswith("-"):
            return
        path = cast("Context", ctx.obj).folder / name
        try:
            is_there = bool(name and path.stat())
        except PermissionError:
            return  # whoever reads it will say so
        except (OSError, ValueError):  # it is too long to be the name of a file, say
            is_there = False
        if not is_there:
            from voicecli.cli.hints import no_such_list

            raise no_such_list(path, name, self.commands)


broadcast = typer.Typer(no_args_is_help=True, subcommand_metavar="COMMAND", cls=_SendByDefault)
