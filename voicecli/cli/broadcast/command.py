"""``voicecli broadcast``: call everybody on a list, once. Each of its commands is in a file of its name."""

import os
from typing import TYPE_CHECKING, cast

import typer

from voicecli.cli.broadcast.allow import allow
from voicecli.cli.broadcast.list import list_
from voicecli.cli.broadcast.results import results
from voicecli.cli.broadcast.resume import resume
from voicecli.cli.broadcast.send import EXAMPLES, send
from voicecli.cli.broadcast.show import show
from voicecli.cli.broadcast.stop import stop
from voicecli.cli.help_format import HelpGroup

if TYPE_CHECKING:
    from typer._click import Context as ClickContext

    from voicecli.cli.context import Context

__all__ = ["EXAMPLES", "HELP", "broadcast"]

HELP = (
    "Call everybody on a list, once: voicecli broadcast FILE MESSAGE, which is short for voicecli broadcast "
    "send FILE MESSAGE."
)
HELP_OPTIONS = {"--help", "-h"}


class _SendByDefault(HelpGroup):
    """A group whose first argument may be left out: then it is send."""

    def parse_args(self, ctx: "ClickContext", args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *HELP_OPTIONS}:
            args = ["send", *args]
        if len(args) > 1 and args[0] == "send" and HELP_OPTIONS.isdisjoint(args):
            self._check_list(ctx, args[1])
        return super().parse_args(ctx, args)

    def _check_list(self, ctx: "ClickContext", name: str) -> None:
        """Raises InvalidInput where there is no such file, before settings are looked at."""
        if ctx.resilient_parsing or name.startswith("-"):
            return
        path = cast("Context", ctx.obj).folder / name
        if not os.path.exists(path):  # noqa: PTH110 - false for what can be no file's name, too
            from voicecli.cli.usage import no_such_list

            raise no_such_list(path, name, self.commands)


broadcast = typer.Typer(no_args_is_help=True, subcommand_metavar="COMMAND", cls=_SendByDefault)
broadcast.command("send", epilog=EXAMPLES)(send)
broadcast.command("resume")(resume)
broadcast.command("stop")(stop)
broadcast.command("list")(list_)
broadcast.command("show")(show)
broadcast.command("allow")(allow)
broadcast.command("results")(results)
