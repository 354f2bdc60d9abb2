"""``voicecli broadcast``: call everybody on a list, once. Each of its commands is in a file of its name."""

import os
from typing import TYPE_CHECKING, cast

import typer

from voicecli.cli.broadcast import allow, list as list_, results, resume, send, show, stop
from voicecli.cli.help_format import HelpGroup

if TYPE_CHECKING:
    from typer._click import Context as ClickContext

    from voicecli.cli.context import Context

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


class _SendByDefault(HelpGroup):
    """A group whose first argument may be left out: then it is send."""

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
        if not os.path.exists(path):  # noqa: PTH110 - false for what can be no file's name, too
            from voicecli.cli.usage import no_such_list

            raise no_such_list(path, name, self.commands)


broadcast = typer.Typer(no_args_is_help=True, subcommand_metavar="COMMAND", cls=_SendByDefault)
broadcast.command("send", epilog=send.EXAMPLES)(send.send)
broadcast.command("resume", epilog=resume.EXAMPLES)(resume.resume)
broadcast.command("stop", epilog=stop.EXAMPLES)(stop.stop)
broadcast.command("list", epilog=list_.EXAMPLES)(list_.list_)
broadcast.command("show", epilog=show.EXAMPLES)(show.show)
broadcast.command("allow", epilog=allow.EXAMPLES)(allow.allow)
broadcast.command("results", epilog=results.EXAMPLES)(results.results)
