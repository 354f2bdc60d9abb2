"""The command list, and the one place that turns errors into exit codes."""

import functools
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated

import typer

from voicecli import __version__
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode, exit_code
from voicecli.errors import Interrupted, InvalidInput, OutcomeUnknown, VoicecliError

COMMANDS = {"call": "Place calls", "demo": "Try things out", "sandbox": "Try things out"}
"""Each command is a function in a module of its name; the value is its heading in ``--help``."""


def run(arguments: Sequence[str], context: Context | None = None) -> int:
    """Run one command line and return its exit code; every error ends here."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # no character may stop a message
    context = context or Context()
    try:
        result = _application(arguments)(
            list(arguments), prog_name="voicecli", standalone_mode=False, obj=context
        )
        return result if isinstance(result, int) else ExitCode.DONE
    except typer.TyperException as error:
        if not error.format_message():
            return ExitCode.USAGE  # nothing was asked for, and the help is on the screen
        if "--json" in arguments:  # the parser may have stopped before it came to that
            context.format = "json"
        return _fail(context, _usage_error(error))
    except (KeyboardInterrupt, typer.Abort):
        return _fail(context, Interrupted())
    except VoicecliError as error:
        return _fail(context, error)
    except Exception as error:  # noqa: BLE001 - a fault of ours: one sentence, not a traceback
        if context.debug:
            context.output.traceback(error)
        kind = type(error).__name__
        fault = VoicecliError(f"voicecli met an error of its own ({kind}).", hint="--debug shows where.")
        return _fail(context, fault)


def _fail(context: Context, error: VoicecliError) -> int:
    if context.debug and error.__cause__ is not None:
        context.output.traceback(error)
    context.output.error(error)
    return exit_code(error)


def _usage_error(error: typer.TyperException) -> InvalidInput:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "voicecli"
    return InvalidInput(error.format_message(), hint=f"See {command} --help.")


def _application(arguments: Sequence[str]) -> typer.Typer:
    """The command line's parser. Only the command that is asked for is loaded, else all of them."""
    application = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
        epilog="Exit codes:\n" + "\n".join(f"{code.value:>5}  {code.meaning}" for code in ExitCode),
    )
    application.callback()(_root)
    wanted = arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS
    for name in wanted:
        module = import_module(f"voicecli.cli.{name}")
        application.command(name, rich_help_panel=COMMANDS[name], epilog=module.EXAMPLES or None)(
            _interruptible(getattr(module, name))
        )
    return application


def _interruptible(command: Callable[..., None]) -> Callable[..., None]:
    """Keeps what an interrupt left undecided; the parser would drop it."""

    @functools.wraps(command)
    def guarded(*args: object, **options: object) -> None:
        try:
            command(*args, **options)
        except KeyboardInterrupt as interrupt:
            left = interrupt.__cause__
            raise Interrupted(left if isinstance(left, OutcomeUnknown) else None) from interrupt

    return guarded


def _version(wanted: bool) -> None:
    if wanted:
        print(f"voicecli {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Automated phone calls through 8x8's Voice API.

    New here? voicecli demo shows it all on this machine: no account, no network.
    """
