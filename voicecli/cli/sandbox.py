"""``voicecli sandbox``: a local 8x8."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from voicecli.cli import interrupts
from voicecli.cli.context import Context, context_of
from voicecli.cli.options import common
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import real, whole
from voicecli.cli.shells import USUAL, Shell, set_variables, use_sandbox
from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.output import Column, TableRow
from voicecli.sandbox.account import PORT
from voicecli.sandbox.reading import Reading, ReplyPlace, VcaMoments

if TYPE_CHECKING:
    from voicecli.sandbox.server import Sandbox

EXAMPLES = """\
voicecli sandbox
voicecli sandbox --time-scale 60
voicecli sandbox --numbers
voicecli sandbox --chaos --seed 1
eval "$(voicecli sandbox --print-env)"
"""


class SettingWebhooks(StrEnum):
    """What happens when a webhook is set that is set already."""

    REPLACE = "replace"
    DELETE_FIRST = "delete-first"


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How the local 8x8 behaves."""

    PANEL: ClassVar[str] = "Behaviour"

    time_scale: Annotated[
        float,
        option(
            "FACTOR",
            "How fast time passes; 60 makes a minute a second.",
            parser=real(0.01, 10_000),
            panel="Options",
        ),
    ] = 1.0
    vca: Annotated[
        VcaMoments | None,
        typer.Option(
            help="When a VCA is sent: after a sayAndCapture and when no action is left (capture); also "
            "after every action (say); also when the call is answered (connect). Default: capture."
        ),
    ] = None
    reply: Annotated[
        ReplyPlace | None,
        typer.Option(
            help="Whether the actions of a reply come before the rest of the callflow, or replace it. "
            "Default: before."
        ),
    ] = None
    no_request_ids: Annotated[bool, flag("Leave clientRequestId out of summaries.")] = False
    one_say: Annotated[bool, flag("Refuse callflows with more than one say or playFile (-1010).")] = False
    webhooks: Annotated[
        SettingWebhooks,
        typer.Option(help="When a webhook is set that is set already: replace it, or refuse (422)."),
    ] = SettingWebhooks.REPLACE
    chaos: Annotated[
        bool,
        flag(
            "Deliver webhooks twice, late, out of order and in all spellings; --vca and --reply are random "
            "then, too, unless given."
        ),
    ] = False
    seed: Annotated[int | None, option("N", "The seed of all that is random, to repeat a run.")] = None
    rate: Annotated[
        float | None,
        option("N", "Answer 429 to more than N requests a second.", parser=real(0.001, 1_000_000)),
    ] = None

    def sandbox(self, log: Callable[[str], None]) -> "Sandbox":
        """A sandbox with these options. Without ``vca`` and ``reply`` it chooses a reading itself."""
        from voicecli.sandbox.server import Sandbox

        reading = None
        if self.vca is not None or self.reply is not None:
            reading = Reading(self.vca or VcaMoments.CAPTURE, self.reply or ReplyPlace.BEFORE)
        return Sandbox(
            time_scale=self.time_scale,
            chaos=self.chaos,
            reading=reading,
            request_ids=False if self.no_request_ids else None,
            one_say=self.one_say,
            delete_first=self.webhooks is SettingWebhooks.DELETE_FIRST,
            seed=self.seed,
            rate=self.rate,
            log=log,
        )


def sandbox(
    ctx: typer.Context,
    *,
    port: Annotated[
        int, option("PORT", "The port to listen on; 0 for any free one.", parser=whole(0, 65535))
    ] = PORT,
    print_env: Annotated[
        bool, flag("Print the environment variables to use it, for eval, without starting it.", "--print-env")
    ] = False,
    shell: Annotated[Shell, typer.Option(help="For which shell the variables are printed.")] = USUAL,
    numbers: Annotated[bool, flag("Print what the last digits of a number mean.", "--numbers")] = False,
    behaviour: SandboxOptions,
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """Run a local 8x8, with the Voice API and webhooks, to try things without an account.

    Listens on this machine only, prints the environment variables that point voicecli at it, and runs until
    Ctrl-C. The last digits of the called number decide how a call goes; see --numbers.
    """
    context = context_of(ctx)
    if numbers and print_env:
        hint = "Leave one of them out."
        raise InvalidInput("--numbers and --print-env can't be given together.", hint=hint)
    if numbers:
        _print_numbers(context)
    elif print_env:
        if port == 0:
            raise InvalidInput("--print-env needs the port of a running sandbox, not 0.")
        _print_environment(context, f"http://127.0.0.1:{port}", shell)
    else:
        try:
            with context.output.streams.in_background():
                interrupts.run(_serve(context, behaviour.sandbox(context.output.note), port, shell))
        except KeyboardInterrupt as interrupt:  # this is how it ends
            interrupts.refuse_hangup(interrupt)


def _print_numbers(context: Context) -> None:
    from voicecli.sandbox.numbers import NUMBERS

    columns = (Column("digits", 6), Column("what", 0))
    for row in NUMBERS:
        data = {"digits": row.digits, "what": row.what}
        context.output.row(TableRow(columns, (row.digits, row.what), data))


def _print_environment(context: Context, url: str, shell: Shell) -> None:
    from voicecli.sandbox.account import environment

    context.output.disable_masking()
    variables = environment(url)
    document = {"url": url, "environment": variables}
    context.output.result(set_variables(shell, variables), document, identifier=url)


async def _serve(context: Context, local: "Sandbox", port: int, shell: Shell) -> None:
    try:
        url = await local.start(port=port)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} can't be used: {error.strerror}.",
            hint="Another sandbox may be running: use it, or choose another port with --port.",
        ) from error
    try:
        _print_environment(context, url, shell)
        own_port = None if port == PORT else int(url.rpartition(":")[2])
        context.output.note("The sandbox is ready. In another terminal:")
        context.output.note(f"  {use_sandbox(shell, port=own_port)}")
        await asyncio.Event().wait()  # until it is interrupted
    finally:
        await local.stop()
