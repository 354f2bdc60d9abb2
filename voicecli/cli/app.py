"""The command list, and the one place that turns errors into exit codes."""

import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from voicecli import interrupts
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode, exit_code, fail
from voicecli.cli.options.common import with_output_options
from voicecli.cli.version import show_version
from voicecli.errors import InvalidInput, OutputFailed, VoicecliError, as_voicecli_error

COMMANDS = {
    "call": "Place calls",
    "broadcast": "Place calls",
    "listen": "See what happens",
    "webhooks": "See what happens",
    "doctor": "See what happens",
    "sessions": "Look back",
    "events": "Look back",
    "stats": "Look back",
    "replay": "Look back",
    "prune": "Look back",
    "voices": "The account",
    "numbers": "The account",
    "recordings": "The account",
    "logs": "The account",
    "api": "The account",
    "demo": "Try things out",
    "sandbox": "Try things out",
    "trigger": "Try things out",
}
"""Each command is a function, or a Typer with commands of its own, in a module of its name, with _ for -;
the value is its heading in ``--help``. A command of FOLDERS is in the module ``command`` of its folder."""
FOLDERS = {"broadcast", "call", "listen"}


def run(arguments: Sequence[str], context: Context | None = None) -> int:
    """Run one command line and return its exit code; every error ends here."""
    context = context or Context()
    is_help = not arguments or not {"--help", "-h"}.isdisjoint(arguments)
    try:
        if is_help and context.stdout is None:  # else it would be printed nowhere, without a word
            raise OutputFailed("Standard output can't be written (it is closed).")
        application = _application(arguments)
        interrupts.check()
        # Typer prints help by itself, which a group of commands shows without arguments, too.
        with redirect_stdout(context.stdout) if is_help or len(arguments) == 1 else nullcontext():
            result = application(list(arguments), prog_name="voicecli", standalone_mode=False, obj=context)
        if result == ExitCode.INTERRUPTED and not isinstance(result, ExitCode):
            # So the parser answers a KeyboardInterrupt.
            return _fail(context, context.interrupted())
        return result if isinstance(result, int) else ExitCode.DONE
    except typer.TyperException as error:
        if not error.format_message():
            return ExitCode.USAGE  # nothing was asked for, and the help is on the screen
        if "--json" in arguments:  # the parser may have stopped before it came to that
            context.format = "json"
        return _fail(context, _explained(_usage_error(error), arguments))
    except SystemExit as ended:
        if not is_help or ended.code != 1:
            raise
        # So rich ends where the help is not read to its end (| head).
        return ExitCode.DONE if arguments else ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        return _fail(context, context.interrupted())
    except VoicecliError as error:
        return _fail(context, _explained(error, arguments))
    except OSError as error:  # the help on a full disk, say
        context.output.give_up()
        return _fail(context, OutputFailed(f"Output can't be written ({error.strerror})."), error)
    except Exception as error:  # noqa: BLE001 - a fault of ours: one sentence, not a traceback
        return _fail(context, as_voicecli_error(error), error)


def _fail(context: Context, error: VoicecliError, cause: BaseException | None = None) -> ExitCode:
    """Tell how it ended. A signal that comes meanwhile cuts the message off; the exit code stays."""
    try:
        return fail(context, error, cause)
    except KeyboardInterrupt:
        return exit_code(error)


def _explained(error: VoicecliError, arguments: Sequence[str]) -> VoicecliError:
    """The error; where it is about what was asked for, with a word on arguments that are no text under this
    locale. Python carries their bytes as surrogates, so that a file of such a name can be found (PEP 383)."""
    unreadable = [number for number, text in enumerate(arguments, 1) if re.search("[\ud800-\udfff]", text)]
    if unreadable and isinstance(error, InvalidInput):
        encoding = sys.getfilesystemencoding()
        advice = (
            "write it in UTF-8, as your terminal may not do"
            if encoding == "utf-8"
            else "set LC_ALL to a UTF-8 locale, such as C.UTF-8"
        )
        why = f"Argument {unreadable[0]} is no text in {encoding}, the encoding of this locale: {advice}."
        error.hint = f"{why} {error.hint}".rstrip()
    return error


def _usage_error(error: typer.TyperException) -> InvalidInput:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "voicecli"
    message = error.format_message().rstrip(".")
    message += "" if message.endswith("?") else "."
    # What stands in the wrong place may be the message, and that is not to be shown.
    if message.startswith("Got unexpected extra"):
        message = f"There are more arguments than {command} takes."
    elif message.startswith("No such option: ") and " " in message.split(": ")[1].partition(" (")[0]:
        message = "There is no such option."
    else:
        message = "'".join(
            "…" if inside % 2 and " " in part else part for inside, part in enumerate(message.split("'"))
        )
    advice = {"No such command '+": 'A call is placed with: voicecli call NUMBER "message". '}
    if command.endswith(" numbers"):
        advice = {"No such command '": "A number is checked with: voicecli numbers check NUMBER. "}
    if command.endswith(" call"):
        advice |= {
            "There are more": "A number or message with blanks goes in quotes. ",
            "No such option": "A message that begins with a dash goes after --. ",
            "There is no such option": "A message that begins with a dash goes after --. ",
        }
    *_, name = command.split()
    if command.startswith("voicecli broadcast ") and name != "send" and Path(name).exists():
        advice[""] = f"The list that is called so: voicecli broadcast send {name}. "
    hint = next((text for start, text in advice.items() if message.startswith(start)), "")
    return InvalidInput(message, hint=f"{hint}See {command} --help.")


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
    return application


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

    New here? voicecli demo shows it all on this machine: no account, no network.
    """
