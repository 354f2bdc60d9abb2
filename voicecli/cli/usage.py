"""Wrong usage: what is wrong with a command line, in a sentence, and the next step, in another."""

import difflib
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from voicecli import phone
from voicecli.cli import other_names
from voicecli.errors import InvalidInput

NEAR = 0.75  # similarity from which a name is suggested for another
TO_CALL = 'To place a call: voicecli call NUMBER "message".'
_VALUE = re.compile(r"\d+[smhd]?|true|false|yes|no|on|off")  # what people give to a switch


def usage_error(
    error: typer.TyperException, arguments: Sequence[str], commands: Collection[str], folder: Path
) -> InvalidInput:
    """The parser's error as one of ours. ``commands`` are all there are, ``folder`` is the current one."""
    context = getattr(error, "ctx", None)
    if context is None:
        named = arguments[0] if arguments and arguments[0] in commands else ""
        message, hint = f"{error.format_message().rstrip('.')}.", f"See {f'voicecli {named}'.strip()} --help."
    else:
        words = [word for word in arguments if word not in context.command_path.split()]
        message, hint = _Explanation(error, context, words, folder).parts()
    return InvalidInput(message, hint=hint)


class _Explanation:
    """A sentence and a hint. ``words`` are the arguments without the command's name. What stands in the
    wrong place may be the message of a call: then it is not shown."""

    def __init__(
        self, error: typer.TyperException, context: typer.Context, words: Sequence[str], folder: Path
    ) -> None:
        self.error, self.context, self.words, self.folder = error, context, words, folder
        self.path = context.command_path
        self.command = context.command
        self.see = f"See {self.path} --help."

    def parts(self) -> tuple[str, str]:
        message = self.error.format_message()
        parameter = getattr(self.error, "param", None)
        if found := re.match("No such command '(.*?)'", message, re.DOTALL):
            return self._no_such_command(found[1])
        if message.startswith("No such option"):
            return self._no_such_option(str(getattr(self.error, "option_name", "")))
        if message.startswith("Got unexpected extra"):
            return f"There are more arguments than {self.path} takes.", self._too_many()
        if message.startswith("Missing ") and parameter is not None:
            return f"{_name(parameter)} is missing{_what(parameter)}.", self.see
        if found := re.fullmatch(r"Option '(\S+)' requires an argument.", message):
            return self._missing_value(found[1])
        if parameter is not None and isinstance(self.error, typer.BadParameter):
            message = f"{_name(parameter)}: {self.error.message}"
        return f"{message.rstrip('.')}.", self._one_dash() or self.see

    def _no_such_command(self, name: str) -> tuple[str, str]:
        message = f"No such command '{'…' if ' ' in name else name}'."
        group = self.command
        if not isinstance(group, TyperGroup):
            return message, self.see
        names = group.list_commands(self.context)
        first = name.split(" ")[0]
        is_root = self.path == "voicecli"
        if first != "send" and self.path.startswith("voicecli broadcast") and (self.folder / name).exists():
            return message, f"To send the list of that name: voicecli broadcast send {name}."
        number = next((word for word in (name, *self.words) if phone.looks_like_number(word)), "")
        if number and is_root and name in (number, "send"):
            return message, f'To place a call: voicecli call {quoted(number)} "message".'
        if number == name and "check" in names:
            return message, f"To check a number: {self.path} check {quoted(number)}."
        if is_root and (advice := other_names.ADVICE.get(name)):
            return message, advice
        if found := [*self._commands_like(name, group, names)]:
            more = "" if len(found) > 1 else f" See voicecli {found[0]} --help."
            own = self.path.removeprefix("voicecli").lstrip()
            return (
                message,
                f"Did you mean {' or '.join(one.removeprefix(own).lstrip() for one in found)}?{more}",
            )
        if is_root and (self.folder / name).is_file():
            return message, f'To call a list: voicecli broadcast {name} "message".'
        return message, f"{TO_CALL} {self.see}" if is_root else self.see

    def _commands_like(self, name: str, group: TyperGroup, names: Sequence[str]) -> Iterator[str]:
        """The commands that are meant, without ``voicecli``: by another name, of a group in here, or by a
        similar one."""
        path = self.path.removeprefix("voicecli").lstrip()
        if other := other_name(name, names):
            yield f"{path} {other}".lstrip()
            return
        found = False
        for one in names:
            inner = group.get_command(self.context, one)
            if isinstance(inner, TyperGroup) and name in inner.list_commands(self.context):
                found = True
                yield f"{one} {name}"
        if not found and (near := nearest(name, names)):
            yield f"{path} {near}".lstrip()

    def _no_such_option(self, option: str) -> tuple[str, str]:
        message = "There is no such option." if " " in option else f"No such option: {option}."
        if one_dash := self._one_dash():
            return "An option of several letters has two dashes.", one_dash
        names = self._options(self.command)
        others = (option, *other_names.OPTIONS.get(option, ()))
        of_root = self.path == "voicecli"
        if of_root and (
            later := [word for word in self.words if word in self.command.list_commands(self.context)]
        ):
            return message, f"Options go after the command: voicecli {later[0]} … {others[-1]}."
        for other in others:
            if other in names:
                return message, f"Did you mean {other}? {self.see}"
            if argument := self._argument(other):
                return message, f"{argument} needs no option: {self._usage()}."
        if near := nearest(option, names):
            return message, f"Did you mean {near}? {self.see}"
        if isinstance(self.command, TyperGroup):
            for name in self.command.list_commands(self.context):
                command = self.command.get_command(self.context, name)
                if command is not None and option in self._options(command):
                    return message, f"It belongs to {self.path} {name}. See {self.path} {name} --help."
        if self.path == "voicecli call" and not re.match("--[a-z]", option):
            return message, f"A message that begins with a dash goes after --. {self.see}"
        return message, self.see

    def _too_many(self) -> str:
        """What to do about too many arguments."""
        if switch := self._switch_with_value():
            instead = other_names.WITH_VALUE.get(switch)
            return f"{switch} takes no value." + (f" Did you mean {instead}?" if instead else f" {self.see}")
        if self.path == "voicecli broadcast send" and (number := self._first_argument_as_number()):
            return f'To call numbers without a list: voicecli call {quoted(number)} "message".'
        if option := other_names.FOR_ARGUMENTS.get(self.path):
            return f"Did you mean {option}? {self.see}"
        types = [word for word in self.words if word.lower() in other_names.EVENT_TYPES]
        if len(types) > 1:
            return f"Several types go together, with commas: {','.join(types)}."
        if any(isinstance(parameter, TyperArgument) for parameter in self.command.params):
            return f"A text with blanks goes in quotes. {self.see}"
        return self.see

    def _missing_value(self, option: str) -> tuple[str, str]:
        parameter = next(one for one in self.command.params if option in one.opts)
        example = re.search(r"such as ([^\s,;]+)", getattr(parameter, "help", "") or "")
        what = f": {parameter.metavar}" if parameter.metavar else ""
        return f"{option} needs a value{what}{f', such as {example[1]}' if example else ''}.", self.see

    def _switch_with_value(self) -> str:
        """The switch that a value was given to; empty where none was."""
        switches = {
            name
            for parameter in self.command.params
            if isinstance(parameter, TyperOption) and parameter.is_flag
            for name in parameter.opts
        }
        pairs = zip(self.words, self.words[1:], strict=False)
        return next((word for word, after in pairs if word in switches and _VALUE.fullmatch(after)), "")

    def _one_dash(self) -> str:
        """Advice where an option was written with one dash: then the parser took it for several."""
        names = self._options(self.command)
        found = next(
            (f"-{word}" for word in self.words if not word.startswith("--") and f"-{word}" in names), ""
        )
        return f"Did you mean {found}? {self.see}" if found else ""

    def _first_argument_as_number(self) -> str:
        first = next((word for word in self.words if not word.startswith("-")), "")
        return first if phone.looks_like_number(first) else ""

    def _options(self, command: TyperCommand | TyperGroup) -> set[str]:
        return {name for one in command.params if isinstance(one, TyperOption) for name in one.opts}

    def _argument(self, option: str) -> str:
        """The argument that is called as an option that there is not; empty where there is none."""
        arguments = [_name(one) for one in self.command.params if isinstance(one, TyperArgument)]
        return option[2:].upper() if option[2:].upper() in arguments else ""

    def _usage(self) -> str:
        pieces = (one.metavar for one in self.command.params if isinstance(one, TyperArgument))
        return " ".join([self.path, *(piece for piece in pieces if piece)])


def _name(parameter: TyperArgument | TyperOption) -> str:
    """An option as it is written, an argument as it is called."""
    if isinstance(parameter, TyperOption):
        return parameter.opts[-1]
    return re.findall(r"[A-Z]+|$", parameter.metavar or "")[0]


def _what(parameter: TyperArgument | TyperOption) -> str:
    """The beginning of its help, as the end of a sentence."""
    clause = re.split(r"[.:;] |[.]$", parameter.help or "")[0]
    mark = ", " if clause.startswith("Such as") else ": "
    return f"{mark}{clause[:1].lower()}{clause[1:]}" if clause else ""


def other_name(name: str, names: Collection[str]) -> str:
    """The command that is meant by a name of another program's; empty where none is known."""
    others = other_names.COMMANDS.get(name, ())
    return next((other for other in others if other.split()[0] in names), "")


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that is most like it; empty where none is much like it."""
    return next(iter(difflib.get_close_matches(name, [*names], n=1, cutoff=NEAR)), "")


def quoted(number: str) -> str:
    """A number as an argument."""
    return f'"{number}"' if " " in number else number


def file_hint(path: Path) -> str:
    """What to do where there is no such file."""
    try:
        near = nearest(path.name, (one.name for one in path.parent.iterdir()))
    except OSError:
        return f"There is no folder {path.parent}."
    return f"Did you mean {path.parent / near}?" if near else "Check its name, and the current folder."


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
