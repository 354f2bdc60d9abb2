"""The command list, and the one place that turns errors into exit codes."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stdout
from functools import cache
from importlib import import_module
from itertools import takewhile
from typing import Annotated

import typer
from typer.main import get_command

from voicecli import interrupts
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode, exit_code, fail
from voicecli.cli.options.common import with_output_options
from voicecli.cli.version import show_version
from voicecli.errors import InvalidInput, OutputFailed, VoicecliError, as_voicecli_error

COMMANDS = {
    "call": "Place calls",
    "broadcast": "Place calls",
    "listen": "Receive events",
    "webhooks": "Receive events",
    "doctor": "Receive events",
    "sessions": "History",
    "events": "History",
    "stats": "History",
    "replay": "History",
    "prune": "History",
    "voices": "Account",
    "numbers": "Account",
    "recordings": "Account",
    "logs": "Account",
    "api": "Account",
    "demo": "Try it out",
    "sandbox": "Try it out",
    "trigger": "Try it out",
    "help": "Try it out",
}
"""Each command is a function, or a Typer with commands of its own, in a module of its name, with _ for -;
the value is its heading in ``--help``. A command of FOLDERS is in the module ``command`` of its folder."""
FOLDERS = {"broadcast", "call", "listen"}
HELP = {"--help", "-h"}


def run(arguments: Sequence[str], context: Context | None = None) -> int:
    """Run one command line and return its exit code; every error ends here."""
    context = context or Context()
    if len(arguments) > 1 and arguments[0] in {*HELP, "help"} and arguments[1] in COMMANDS:
        words = [*takewhile(lambda word: not word.startswith("-"), arguments[1:])]
        arguments = [*words, "--help", *arguments[1 + len(words) :]]  # --help webhooks set, help call
    is_help = not arguments or not HELP.isdisjoint(arguments)
    try:
        if is_help and context.stdout is None:  # else it would be printed nowhere, without a word
            raise OutputFailed("Standard output can't be written (it is closed).")
        wanted = arguments[0] if arguments and arguments[0] in COMMANDS else ""
        command = _command(wanted)
        interrupts.check()
        # Typer prints help by itself, which a group of commands shows without arguments, too.
        with redirect_stdout(context.stdout) if is_help or len(arguments) == 1 else nullcontext():
            result = command(list(arguments), prog_name="voicecli", standalone_mode=False, obj=context)
        if result == ExitCode.INTERRUPTED and not isinstance(result, ExitCode):
            # So the parser answers a KeyboardInterrupt.
            return _fail(context, context.interrupted())
        return result if isinstance(result, int) else ExitCode.DONE
    except typer.TyperException as error:
        if not error.format_message():
            return ExitCode.USAGE  # nothing was asked for, and the help is on the screen
        if "--json" in arguments:  # the parser may have stopped before it came to that
            context.format = "json"
        from voicecli.cli.usage import usage_error

        return _fail(context, usage_error(error, arguments, COMMANDS, context.folder), arguments=arguments)
    except SystemExit as ended:
        if not is_help or ended.code != 1:
            raise
        # So rich ends where the help is not read to its end (| head).
        return ExitCode.DONE if arguments else ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        return _fail(context, context.interrupted())
    except VoicecliError as error:
        return _fail(context, error, arguments=arguments)
    except OSError as error:  # the help on a full disk, say
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
            from voicecli.cli.usage import with_unreadable_arguments

            with_unreadable_arguments(error, arguments)
        return fail(context, error, cause)
    except KeyboardInterrupt:
        return exit_code(error)


@cache
def _command(wanted: str) -> Callable[..., object]:
    """The command line's parser: with this command only, or with all of them."""
    application = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": sorted(HELP)},
        epilog="Exit codes:\n" + "\n".join(f"{code.value:>5}  {code.meaning}" for code in ExitCode),
    )
    application.callback()(_root)
    for name in [wanted] if wanted else COMMANDS:
        name_in_python = name.replace("-", "_")
        place = f"{name_in_python}.command" if name in FOLDERS else name_in_python
        module = import_module(f"voicecli.cli.{place}")
        command = getattr(module, name_in_python)
        heading, examples = COMMANDS[name], module.EXAMPLES or None
        if isinstance(command, typer.Typer):  # a command with commands of its own
            for info in command.registered_commands:
                info.help = _flowing(getattr(info.callback, "__doc__", "") or "")
                info.callback = info.callback and with_output_options(info.callback)
            application.add_typer(
                command, name=name, help=module.HELP, rich_help_panel=heading, epilog=examples
            )
        else:
            help_text = _flowing(command.__doc__)
            register = application.command(name, help=help_text, rich_help_panel=heading, epilog=examples)
            register(with_output_options(command))
    return get_command(application)


def _flowing(text: str) -> str:
    """A docstring with each paragraph on one line, to be broken where the terminal ends."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _version(wanted: bool) -> None:
    if wanted:
        show_version()
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Automated phone calls through 8x8's Voice API.

    New here? Run voicecli demo: it needs no account and no network.
    """
