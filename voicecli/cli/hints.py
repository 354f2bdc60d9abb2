"""Hints: the next step where a name, a file or a text on the command line is not what was meant."""

import re
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from voicecli import phone
from voicecli.cli import other_names
from voicecli.errors import InvalidInput, quote
from voicecli.spelling import nearest

TYPING_ERROR = 0.85  # similarity from which it can hardly be another name
HOW_TO_SEND = 'The list comes first, then the message: voicecli broadcast FILE "message".'


def other_name(name: str, names: Collection[str]) -> str:
    """The command that is meant by a name that it has elsewhere; empty where none is known."""
    others = other_names.COMMANDS.get(name, ())
    return next((other for other in others if other.split()[0] in names), "")


def quoted(number: str) -> str:
    """A number as an argument."""
    return f'"{number}"' if " " in number else number


def no_such_list(path: Path, name: str, commands: Collection[str]) -> InvalidInput:
    """The error where the list of a broadcast is no file; ``commands`` are those of voicecli broadcast."""
    if not name:
        return InvalidInput("The name of the list's file is empty.", hint=HOW_TO_SEND)
    if phone.looks_like_number(name):
        return InvalidInput(
            f"{name} is a number, not the file of a list.",
            hint=f'To call it: voicecli call {quoted(name)} "message".',
        )
    if command := other_name(name, commands) or nearest(name, commands):
        return InvalidInput(
            f"No such command {quote(name)}.",
            hint=f"Did you mean {command}? See voicecli broadcast {command} --help.",
        )
    if " " in name:  # it may be the message
        return InvalidInput("The first argument is not the file of a list.", hint=HOW_TO_SEND)
    return InvalidInput(f"There is no file {name}.", hint=file_hint(path))


def quoting_hint(words: Iterable[str]) -> str:
    """What to do where a text fell into words. Word processors write other quotes and dashes."""
    text = "".join(words)
    if re.search("[“”„«»]", text):
        return 'Quotes are straight on a command line: "message".'
    if re.search("(^|[^ ])[—–][a-z]", text):
        return "An option begins with two hyphens, as in --wait, and not with a dash."
    return "A number or message with blanks goes in quotes."


def file_hint(path: Path) -> str:
    """What to do where a file can't be opened."""
    try:
        if path.is_dir():
            return "That is a folder: name a file in it."
        near = nearest(path.name, (one.name for one in path.parent.iterdir()))
    except (OSError, ValueError):
        return "Check the name of its folder."
    return f"Did you mean {near}?" if near else "Check its name, and the current folder."


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
