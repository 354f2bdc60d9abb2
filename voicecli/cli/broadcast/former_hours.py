"""``--quiet 21:00-08:00`` in command lines of earlier versions: --quiet took the hours in which nobody is
called, and would now leave them over, to be said to everybody at night."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from voicecli.cli.context import context_of
from voicecli.cli.help_format import HelpCommand

if TYPE_CHECKING:
    from typer._click import Context as ClickContext

WARNING = "--quiet takes no hours any more: give them to --not-between. Here they were taken so."


class SendCommand(HelpCommand):
    """A command that takes hours by their former option, too, and warns of it."""

    def parse_args(self, ctx: "ClickContext", args: list[str]) -> list[str]:
        present = with_present_name(args)
        is_former = present != args
        rest = super().parse_args(ctx, present)  # it empties the list
        if is_former and not ctx.resilient_parsing:
            context_of(ctx).output.warning(WARNING)
        return rest


def with_present_name(arguments: Sequence[str]) -> list[str]:
    """With --not-between in place of each --quiet that something like hours follows, right or wrong. Behind
    -- there are no options."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    following = [*arguments[1:end], ""][:end]
    return [
        argument.replace("--quiet", "--not-between", 1) if _has_hours(argument, after) else argument
        for argument, after in zip(arguments[:end], following, strict=True)
    ] + [*arguments[end:]]


def _has_hours(argument: str, after: str) -> bool:
    from voicecli.quiet_hours import looks_like_hours

    name, is_joined, value = argument.partition("=")
    return name == "--quiet" and looks_like_hours(value if is_joined else after)
