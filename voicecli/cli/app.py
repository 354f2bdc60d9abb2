"""The command list, and the one place that turns errors into exit codes."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

import typer
from typer.main import get_command

from voicecli import interrupts
from voicecli.cli.commands import as_command, as_group
from voicecli.cli.context import COMPLETION, Context, context_of
from voicecli.cli.exit_codes import ExitCode, exit_code, fail
from voicecli.cli.help_format import LazyGroup, filled, two_columns
from voicecli.cli.options.common import STORE_URL, EnvFile
from voicecli.errors import InvalidInput, OutputFailed, VoicecliError, as_voicecli_error
from voicecli.version import __version__

if TYPE_CHECKING:
    from typer._click import Command, Context as ClickContext


class Entry(NamedTuple):
    """What the list of commands says of one: the heading that it is under, and a few words."""

    heading: str
    summary: str


COMMANDS = {
    "call": Entry("Place calls", "call one person or more"),
    "broadcast": Entry("Place calls", "call everybody on a list"),
    "listen": Entry("Receive events", "receive 8x8's webhooks"),
    "webhooks": Entry("Receive events", "list and set the URLs"),
    "doctor": Entry("Receive events", "find what is missing"),
    "sessions": Entry("History", "list calls and outcomes"),
    "events": Entry("History", "list stored events"),
    "stats": Entry("History", "count outcomes"),
    "replay": Entry("History", "send stored events again"),
    "prune": Entry("History", "delete old data"),
    "config": Entry("Account", "show the settings"),
    "store": Entry("Account", "share data with a team"),
    "voices": Entry("Account", "list the voices"),
    "numbers": Entry("Account", "list your phone numbers"),
    "recordings": Entry("Account", "list a call's recordings"),
    "logs": Entry("Account", "export 8x8's log of calls"),
    "api": Entry("Account", "send any API request"),
    "demo": Entry("Try it out", "see it at work, offline"),
    "sandbox": Entry("Try it out", "run a local 8x8"),
    "trigger": Entry("Try it out", "send a made-up event"),
    "help": Entry("Try it out", "read the manual"),
}
"""Each command is a function, or a Typer with commands of its own, in a module of its name, with _ for -.
A command of FOLDERS is in the module ``command`` of its folder. That module has EXAMPLES, and HELP for a
Typer."""
FOLDERS = {"broadcast", "call", "listen", "store"}
READ_NO_SETTINGS = {"demo", "help", "sandbox"}
USE_NO_STORE = {"logs", "numbers", "recordings", "trigger", "voices"}
HELP = {"--help", "-h"}
EXAMPLE = 'voicecli call +33199001234 "Lunch is ready" --wait'
MORE_HELP = "voicecli COMMAND --help (or -h); exit codes: voicecli help exit-codes"


def run(arguments: Sequence[str], context: Context | None = None) -> int:
    """Run one command line and return its exit code; every error ends here."""
    context = context or Context()
    try:
        command_line = parser()
        if context.environment.get(COMPLETION):
            from voicecli.cli.completion import complete

            return complete(context, command_line)
        interrupts.check()
        result = command_line(list(arguments), prog_name="voicecli", standalone_mode=False, obj=context)
        if result == ExitCode.INTERRUPTED and not isinstance(result, ExitCode):
            # So the parser answers a KeyboardInterrupt.
            return _fail(context, context.interrupted())
        return result if isinstance(result, int) else ExitCode.DONE
    except typer.TyperException as error:
        if "--json" in arguments:  # the parser may have stopped before it came to that
            context.format = "json"
        from voicecli.cli.usage import usage_error

        return _fail(context, usage_error(error, arguments, COMMANDS, context.folder), arguments=arguments)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(context, context.interrupted())
    except VoicecliError as error:
        return _fail(context, error, arguments=arguments)
    except OSError as error:  # a completion script that can't be installed, say
        context.output.streams.give_up()
        return _fail(context, OutputFailed(f"Output can't be written ({error.strerror})."), error)
    except Exception as error:  # noqa: BLE001 - a fault of ours: one sentence, not a traceback
        return _fail(context, as_voicecli_error(error), error)


def _fail(
    context: Context,
    error: VoicecliError,
    cause: BaseException | None = None,
    *,
    arguments: Sequence[str] = (),
) -> ExitCode:
    """Print the error, and return its exit code, even if a signal cuts the message off."""
    try:
        if isinstance(error, InvalidInput) and not "".join(arguments).isascii():
            from voicecli.cli.hints import with_unreadable_arguments

            with_unreadable_arguments(error, arguments)
        return fail(context, error, cause)
    except KeyboardInterrupt:
        return exit_code(error)


@cache
def load(name: str) -> "Command":
    """The command of this name, which is in COMMANDS."""
    name_in_python = name.replace("-", "_")
    place = f"{name_in_python}.command" if name in FOLDERS else name_in_python
    module = import_module(f"voicecli.cli.{place}")
    command = getattr(module, name_in_python)
    if not isinstance(command, typer.Typer):
        reads, uses = name not in READ_NO_SETTINGS, name not in USE_NO_STORE
        return as_command(name, command, module.EXAMPLES, reads_settings=reads, uses_store=uses)
    return as_group(name, command, module.HELP, module.EXAMPLES, uses_store=name not in USE_NO_STORE)


class _Commands(LazyGroup):
    """All commands."""

    SUMMARIES: ClassVar = {name: entry.summary for name, entry in COMMANDS.items()}
    load = staticmethod(load)

    def parse_args(self, ctx: "ClickContext", args: list[str]) -> list[str]:
        if len(args) > 1 and args[0] in HELP and args[1] in COMMANDS:  # --help webhooks set
            args = ["help", *args[1:]]
        return super().parse_args(ctx, args)

    def help_parts(self, ctx: "ClickContext", width: int) -> Iterator[str]:
        """One screen of 80 columns."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            groups.setdefault(entry.heading, []).append((name, entry.summary))
        shown = [one for one in self.get_params(ctx) if not getattr(one, "hidden", False)]
        options = ", ".join(max(parameter.opts, key=len) for parameter in shown)
        yield "Usage: voicecli COMMAND [ARGUMENTS] [OPTIONS]"
        yield filled(self.help or "", width)
        yield two_columns(groups, width)
        below = {"Help:     ": MORE_HELP, "Options:  ": options}
        lines = [filled(text, width, first=first, indent=10) for first, text in below.items()]
        yield "\n".join((f"Example:  {EXAMPLE}", *lines))


@cache
def parser() -> "Command":
    """The command line's parser."""
    application = typer.Typer(
        cls=_Commands,
        no_args_is_help=True,
        context_settings={"help_option_names": sorted(HELP)},
        rich_markup_mode=None,
        add_completion=False,
    )
    application.callback()(_root)
    return get_command(application)


def _version(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        context_of(ctx).output.page(f"voicecli {__version__}\n")
        raise typer.Exit


def _completion(ctx: typer.Context, parameter: typer.CallbackParam, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from voicecli.cli import completion_scripts as scripts

        shell = scripts.current_shell()
        if parameter.name == "install_completion":
            scripts.install(context_of(ctx), shell)
        else:
            context_of(ctx).output.page(f"{scripts.script(shell)}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
    env_file: EnvFile = None,
    store: Annotated[str | None, STORE_URL(hidden=True)] = None,
    install_completion: Annotated[
        bool, typer.Option("--install-completion", help="Set up completion.", callback=_completion)
    ] = False,
    show_completion: Annotated[
        bool, typer.Option("--show-completion", help="Print its script.", callback=_completion)
    ] = False,
) -> None:
    """Automated phone calls through 8x8's Voice API. New here? Run voicecli demo."""
