"""Wrong usage: what the parser says of a command line, in a sentence and a hint."""

import difflib
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import typer

from voicecli.errors import InvalidInput

NEAR = 0.75  # similarity from which a name is suggested for another


def usage_error(
    error: typer.TyperException, arguments: Sequence[str], commands: Collection[str], folder: Path
) -> InvalidInput:
    """The parser's error as one of ours. ``commands`` are all there are, ``folder`` is the current one."""
    context = getattr(error, "ctx", None)
    command = "voicecli" if context is None else str(context.command_path)
    if context is None and arguments and arguments[0] in commands:
        command += f" {arguments[0]}"
    message, hint = _explained(error, command, [name for name in arguments[1:] if name in commands])
    *_, name = command.split()
    if command.startswith("voicecli broadcast ") and name != "send" and (folder / name).exists():
        hint = f"To send the list of that name: voicecli broadcast send {name}."
    return InvalidInput(message, hint=f"{hint} See {command} --help.".lstrip())


def _explained(error: typer.TyperException, command: str, later: Sequence[str]) -> tuple[str, str]:
    """A sentence and a hint; ``later`` are commands that stand behind the first argument. What stands in the
    wrong place may be the message of a call: then it is not shown."""
    message = error.format_message().rstrip(".")
    if message.startswith("No such option"):
        option = str(getattr(error, "option_name", ""))
        hint = _suggestion(option, getattr(error, "possibilities", None) or ())
        if command == "voicecli" and later:
            hint = f"Options go after the command: voicecli {later[0]} … {option}."
        elif command.endswith(" call"):
            hint = f"{hint} A message that begins with a dash goes after --.".lstrip()
        return "There is no such option." if " " in option else f"No such option: {option}.", hint
    if message.startswith("Got unexpected extra"):
        hint = "A number or message with blanks goes in quotes." if command.endswith(" call") else ""
        return f"There are more arguments than {command} takes.", hint
    hint = ""
    if found := re.match("No such command '(.*?)'", message, re.DOTALL):
        message = found[0]
        hint = _suggestion(found[1], getattr(getattr(error, "cmd", None), "commands", ()))
        if command.endswith(" numbers"):
            hint = "To check a number: voicecli numbers check NUMBER."
        elif not hint and command == "voicecli":
            hint = 'To place a call: voicecli call NUMBER "message".'
    parts = message.split("'")
    return "'".join("…" if at % 2 and " " in part else part for at, part in enumerate(parts)) + ".", hint


def _suggestion(name: str, names: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, [*names], n=1, cutoff=NEAR)
    return f"Did you mean {nearest[0]}?" if nearest else ""


def with_unreadable_arguments(error: InvalidInput, arguments: Sequence[str]) -> None:
    """Add to the hint which argument is no text under this locale. Python carries its bytes as surrogates,
    so that a file of such a name can be found (PEP 383)."""
    unreadable = [number for number, text in enumerate(arguments, 1) if re.search("[\ud800-\udfff]", text)]
    if unreadable:
        encoding = sys.getfilesystemencoding()
        advice = (
            "write it in UTF-8, as your terminal may not do"
            if encoding == "utf-8"
            else "set LC_ALL to a UTF-8 locale, such as C.UTF-8"
        )
        why = f"Argument {unreadable[0]} is not text in {encoding}, the encoding of this locale: {advice}."
        error.hint = f"{why} {error.hint}".rstrip()
