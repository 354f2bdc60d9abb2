"""Wrong usage: what the parser says of a command line, in a sentence and a hint."""

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from voicecli.errors import InvalidInput

NEAR = 0.75  # how alike two names must be for one to be suggested in place of the other
_DASH = "A message that begins with a dash goes after --."


def usage_error(
    error: typer.TyperException, arguments: Sequence[str], commands: Iterable[str], folder: Path
) -> InvalidInput:
    """The parser's error as one of ours. ``commands`` are all there are, ``folder`` is the current one."""
    command = _command(error, arguments, commands)
    message, hints = _explained(error, command, arguments, commands)
    *_, name = command.split()
    if command.startswith("voicecli broadcast ") and name != "send" and (folder / name).exists():
        hints = [f"To send the list of that name: voicecli broadcast send {name}."]
    return InvalidInput(message, hint=" ".join([*filter(None, hints), f"See {command} --help."]))


def _command(error: typer.TyperException, arguments: Sequence[str], commands: Iterable[str]) -> str:
    """The command whose help explains it, as the parser says, else as far as it is known."""
    if (context := getattr(error, "ctx", None)) is not None:
        return str(context.command_path)
    return f"voicecli {arguments[0]}" if arguments and arguments[0] in commands else "voicecli"


def _explained(
    error: typer.TyperException, command: str, arguments: Sequence[str], commands: Iterable[str]
) -> tuple[str, list[str]]:
    """A sentence and hints. What stands in the wrong place may be the message of a call: then it is not
    shown."""
    message = error.format_message().rstrip(".")
    if (option := getattr(error, "option_name", None)) is not None and message.startswith("No such option"):
        return _no_such_option(error, str(option), command, arguments, commands)
    if message.startswith("Got unexpected extra"):
        hint = "A number or message with blanks goes in quotes." if command.endswith(" call") else ""
        return f"There are more arguments than {command} takes.", [hint]
    if (found := re.match("No such command '(.*?)'", message, re.DOTALL)) is not None:
        name = found[1]
        if command.endswith(" numbers"):
            meant = "To check a number: voicecli numbers check NUMBER."
        else:
            meant = _meant(name, getattr(getattr(error, "cmd", None), "commands", ()))
        if not meant and command == "voicecli":
            meant = 'To place a call: voicecli call NUMBER "message".'
        return f"No such command {_unless_private(name)}.", [meant]
    parts = message.split("'")
    return "'".join("…" if at % 2 and " " in part else part for at, part in enumerate(parts)) + ".", []


def _no_such_option(
    error: typer.TyperException,
    option: str,
    command: str,
    arguments: Sequence[str],
    commands: Iterable[str],
) -> tuple[str, list[str]]:
    message = "There is no such option." if " " in option else f"No such option: {option}."
    if command == "voicecli" and (later := [name for name in arguments[1:] if name in commands]):
        return message, [f"Options go after the command: voicecli {later[0]} … {option}."]
    meant = _meant(option, getattr(error, "possibilities", None) or ())
    return message, [meant, _DASH if command.endswith(" call") else ""]


def _meant(name: str, names: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, [*names], n=1, cutoff=NEAR)
    return f"Did you mean {nearest[0]}?" if nearest else ""


def _unless_private(name: str) -> str:
    return "'…'" if " " in name else f"'{name}'"


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
