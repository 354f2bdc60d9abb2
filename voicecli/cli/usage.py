"""Wrong usage: what is wrong with a command line, in a sentence, and the next step, in another."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from voicecli import phone
from voicecli.cli import other_names
from voicecli.cli.help_format import HelpGroup
from voicecli.cli.hints import TYPING_ERROR, other_name, quoted, quoting_hint
from voicecli.errors import InvalidInput
from voicecli.setting_table import SETTINGS
from voicecli.spelling import nearest

if TYPE_CHECKING:
    from typer._click import Command, Context as ClickContext

ROOT = "voicecli"
MOST = 3  # names that a hint offers
AFTER_DASHES = 'A message that begins with a dash goes after --, as in -- "-5 degrees".'
LONG = len("--wait")  # characters of an option that hardly begins another one by chance
_VALUE = re.compile(r"\d+[smhd]?|true|false|yes|no|on|off|(v[a-z]{2},?)+")  # what people give to a switch


def usage_error(
    error: typer.TyperException, arguments: Sequence[str], commands: Collection[str], folder: Path
) -> InvalidInput:
    """The parser's error as one of ours. ``commands`` are all there are, ``folder`` is the current one."""
    context: ClickContext | None = getattr(error, "ctx", None)
    if context is None:
        command = f"{ROOT} {arguments[0]}" if arguments and arguments[0] in commands else ROOT
        return InvalidInput(f"{error.format_message().rstrip('.')}.", hint=f"See {command} --help.")
    words = [word for word in arguments if word not in context.command_path.split()]
    message, hint = _Explanation(error, context, words, folder).parts()
    return InvalidInput(message, hint=hint)


class _Explanation:
    """A sentence and a hint. ``words`` are the arguments without the command's name. What stands in the
    wrong place may be the message of a call: then it is not shown."""

    def __init__(
        self, error: typer.TyperException, context: "ClickContext", words: Sequence[str], folder: Path
    ) -> None:
        self.error, self.context, self.words, self.folder = error, context, words, folder
        self.command, self.path = context.command, context.command_path
        self.see = f"See {self.path} --help."

    def parts(self) -> tuple[str, str]:
        message = self.error.format_message().rstrip(".")
        parameter = getattr(self.error, "param", None)
        if found := re.match("No such command '(.*?)'", message, re.DOTALL):
            shown = "…" if " " in found[1] else found[1]
            return f"No such command '{shown}'.", self._command_hint(found[1])
        if message.startswith("No such option"):
            return self._no_such_option(str(getattr(self.error, "option_name", "")))
        if message.startswith("Got unexpected extra"):
            return f"There are more arguments than {self.path} takes.", self._arguments_hint() or self.see
        if found := re.fullmatch(r"Option '(\S+)' requires an argument", message):
            return self._missing_value(found[1]), self.see
        if message.startswith("Missing ") and parameter is not None:
            message = f"{_name(parameter)} is missing{_beginning_of_help(parameter)}."
            return message, self._missing_hint(parameter)
        if isinstance(self.error, typer.BadParameter) and parameter is not None:
            message = f"{_name(parameter)}: {self.error.message}".rstrip(".")
        hint = getattr(self.error.__cause__, "hint", "")
        return f"{_without_texts(message)}.", self._dashes_hint() or hint or self.see

    def _command_hint(self, name: str) -> str:
        """What to do where there is no command of that name."""
        if not isinstance(self.command, TyperGroup):
            return self.see
        names, is_root = self.command.list_commands(self.context), self.path == ROOT
        numbers = [name, *filter(phone.is_international, self.words)]  # one without a + may be a code
        number = next(filter(phone.looks_like_number, numbers), None)
        if is_root and number and name in (number, "send"):
            return f'To place a call: voicecli call {quoted(number)} "message".'
        if number == name and "check" in names:
            return f"To check a number: {self.path} check {quoted(number)}."
        if is_root and name in other_names.ADVICE:
            return other_names.ADVICE[name]
        if found := [*self._commands_like(name, self.command, names)]:
            see = f" See {self.path} {found[0]} --help." if len(found) == 1 else ""
            return f"Did you mean {' or '.join(found)}?{see}"
        if is_root and self._is_file(name):
            return f'To call a list: voicecli broadcast {name} "message".'
        return f'To place a call: voicecli call NUMBER "message". {self.see}' if is_root else self.see

    def _commands_like(self, name: str, group: TyperGroup, names: Sequence[str]) -> Iterator[str]:
        """The commands that are meant: by a name that they have elsewhere, those of a group in here, or the
        one with a similar name."""
        if meant := other_name(name, names) or nearest(name, names, TYPING_ERROR):
            yield meant
            return
        inner = ((one, group.get_command(self.context, one)) for one in names)
        found = [
            f"{one} {name}"
            for one, command in inner
            if isinstance(command, TyperGroup) and name in command.list_commands(self.context)
        ]
        yield from found or filter(None, [nearest(name, names)])

    def _no_such_option(self, option: str) -> tuple[str, str]:
        if hint := self._dashes_hint():
            return "An option of several letters has two dashes.", hint
        message = "There is no such option." if " " in option else f"No such option: {option}."
        return message, self._option_hint(option) or self.see

    def _option_hint(self, option: str) -> str:
        """What to do where there is no option of that name."""
        names, others = self._options(), (option, *other_names.OPTIONS.get(option, ()))
        if self.path == ROOT and " " not in option:
            commands = cast("HelpGroup", self.command).commands
            if later := next((word for word in self.words if word in commands), None):
                return f"Options go after the command: {ROOT} {later} … {others[-1]}."
        for other in others:
            if other in names:
                return f"Did you mean {other}? {self.see}"
            if (argument := other[2:].upper()) in self._arguments():
                return f"{argument} needs no option: {self._usage()}."
        if advice := other_names.ADVICE_FOR_OPTIONS.get((self.path, option)):
            return advice
        speaks = self.path in (f"{ROOT} call", f"{ROOT} broadcast send")
        if speaks and any(" " in word and word.startswith(option) for word in self.words):
            return AFTER_DASHES
        if begun := self._begun(option, names):
            return f"Did you mean {_listed(begun)}?{f' {self.see}' if len(begun) == 1 else ''}"
        if owners := self._owners(option):
            return _belongs_to(owners)
        if near := nearest(option, names):
            return f"Did you mean {near}? {self.see}"
        return AFTER_DASHES if speaks and option[:2] != "--" else ""

    def _begun(self, option: str, names: Collection[str]) -> Sequence[str]:
        """The options that begin so, where there are few, or the one that is the beginning."""
        start = f"--{option.lstrip('-')}"
        found = sorted(name for name in names if name.startswith(start))
        beginnings = (name for name in names if len(name) >= LONG and start.startswith(name))
        return found if 0 < len(found) <= MOST else [*sorted(beginnings, key=len)][-1:]

    def _owners(self, option: str) -> Sequence[str]:
        """The commands that have it: the related ones, else all."""
        root = self.context.find_root().command
        paths = {path: command for path, command in _commands(root, ROOT) if option in _options(command)}
        return [path for path in self._related_commands() if path in paths] or [*paths]

    def _related_commands(self) -> Iterable[str]:
        """Those of a group; and beside call that for a list, and the other way round."""
        if isinstance(self.command, HelpGroup) and self.path != ROOT:
            return [f"{self.path} {name}" for name in self.command.commands]
        return other_names.RELATED.get(self.path, ())

    def _arguments_hint(self) -> str:
        """What to do about too many arguments."""
        if switch := self._switch_with_value():
            instead = other_names.WITH_VALUE.get(switch)
            return f"{switch} takes no value. {f'Did you mean {instead}?' if instead else self.see}"
        name = self.path.split()[-1]
        if self.path.startswith(f"{ROOT} broadcast ") and name != "send" and self._is_file(name):
            return f"To send the list of that name: voicecli broadcast send {name}."
        types = [word for word in self.words if word.lower() in other_names.EVENT_TYPES]
        if len(types) > 1:
            return f"Several types go together, with commas: {','.join(types)}."
        if self.path == f"{ROOT} config":
            names = {setting.variable for setting in SETTINGS}
            name = next((word for word in self.words if word in names), "NAME")
            return f"It shows settings; to set one, put {name}=… into .env."
        if option := other_names.FOR_ARGUMENTS.get(self.path):
            return f"Did you mean {option}? {self.see}"
        if self.path == f"{ROOT} broadcast send":
            return quoting_hint(self.words)
        return ""

    def _missing_hint(self, parameter: object) -> str:
        """The command that shows what can be given, where there is one."""
        lister = other_names.LISTERS.get(getattr(parameter, "metavar", None) or "")
        return self.see if lister is None else f"{lister} shows the ids."

    def _missing_value(self, option: str) -> str:
        parameter = next(one for one in self.command.params if option in one.opts)
        example = re.search(r"such as ([^\s,;]*[^\s,;.])", getattr(parameter, "help", None) or "")
        what = f": {parameter.metavar}" if parameter.metavar else ""
        return f"{option} needs a value{what}{f', such as {example[1]}' if example else ''}."

    def _switch_with_value(self) -> str:
        """The switch that a value was given to; empty where none was."""
        options = (one for one in self.command.params if isinstance(one, TyperOption) and one.is_flag)
        switches = {name for one in options for name in one.opts}
        has_arguments = bool(self._arguments())
        for word, after in zip(self.words, self.words[1:], strict=False):
            is_value = _VALUE.fullmatch(after) if has_arguments else not after.startswith("-")
            if word in switches and is_value:
                return word
        return ""

    def _dashes_hint(self) -> str:
        """What to do where an option was written with one dash: then the parser took it for several."""
        names = self._options()
        found = next((word for word in self.words if word[:2] != "--" and f"-{word}" in names), None)
        return f"Did you mean -{found}? {self.see}" if found else ""

    def _is_file(self, name: str) -> bool:
        return os.path.isfile(self.folder / name)  # noqa: PTH113 - false for what can be no file's name, too

    def _options(self) -> set[str]:
        return _options(self.command) | {*self.context.help_option_names}

    def _arguments(self) -> list[str]:
        return [_name(one) for one in self.command.params if isinstance(one, TyperArgument)]

    def _usage(self) -> str:
        arguments = (one for one in self.command.params if isinstance(one, TyperArgument))
        return " ".join([self.path, *(one.metavar or "" for one in arguments)])


def _belongs_to(owners: Sequence[str]) -> str:
    """Which commands have an option, all of them where they are few."""
    if len(owners) == 1:
        return f"It belongs to {owners[0]}: see its --help."
    few = len(owners) < MOST
    return f"It belongs to {' and '.join(owners) if few else f'other commands, such as {owners[0]}'}."


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _without_texts(message: str) -> str:
    """Quoted words that have blanks may be the message of a call."""
    parts = message.split("'")
    return "'".join("…" if at % 2 and " " in part else part for at, part in enumerate(parts))


def _commands(command: "Command", path: str) -> Iterator[tuple[str, "Command"]]:
    """All commands in here, and how they are called; to go through them loads their modules."""
    if not isinstance(command, HelpGroup):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from _commands(inner, f"{path} {name}")


def _options(command: "Command") -> set[str]:
    return {name for one in command.params if isinstance(one, TyperOption) for name in one.opts}


def _name(parameter: TyperArgument | TyperOption) -> str:
    """An option as it is written, an argument as it is called."""
    if isinstance(parameter, TyperOption):
        return parameter.opts[-1]
    return next(iter(re.findall("[A-Z]+", parameter.metavar or "")), "")


def _beginning_of_help(parameter: TyperArgument | TyperOption) -> str:
    """As the end of a sentence."""
    clause = re.split(r"[.:;] |[.]$", parameter.help or "")[0]
    mark = ", " if clause.startswith("Such as") else ": "
    return f"{mark}{clause[:1].lower()}{clause[1:]}" if clause else ""
