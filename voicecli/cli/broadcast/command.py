"""``voicecli broadcast``: call everybody on a list, once. Each of its commands is in a file of its name."""

from typing import TYPE_CHECKING

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

__all__ = ["EXAMPLES", "HELP", "broadcast"]

HELP = (
    "Call everybody on a list, once: voicecli broadcast FILE MESSAGE, which is short for voicecli broadcast "
    "send FILE MESSAGE."
)


class _SendByDefault(HelpGroup):
    """A group whose first argument may be left out: then it is send."""

    def parse_args(self, ctx: "ClickContext", args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = ["send", *args]
        return super().parse_args(ctx, args)


broadcast = typer.Typer(no_args_is_help=True, subcommand_metavar="COMMAND", cls=_SendByDefault)
broadcast.command("send", epilog=EXAMPLES)(send)
broadcast.command("resume")(resume)
broadcast.command("stop")(stop)
broadcast.command("list")(list_)
broadcast.command("show")(show)
broadcast.command("allow")(allow)
broadcast.command("results")(results)
