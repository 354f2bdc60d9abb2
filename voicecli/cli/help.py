"""``voicecli help``: the manual."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli import manual
from voicecli.cli.context import context_of
from voicecli.cli.help_format import HelpGroup
from voicecli.cli.options import common
from voicecli.errors import InvalidInput, quote
from voicecli.output import Column, TableRow
from voicecli.spelling import nearest

if TYPE_CHECKING:
    from typer._click import Command, Context as ClickContext

EXAMPLES = """\
voicecli help
voicecli help exit-codes
voicecli help call
"""
MOST = 3  # topics that are named
LEAST = 3  # letters of a word that is looked for


def help(  # noqa: A001
    ctx: typer.Context,
    topic: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]", help="A topic of the manual, or a command.")
    ] = None,
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """Show the manual: a topic, or without one the list of topics.

    With a command, show its --help. A longer page opens in your pager (PAGER).
    """
    output, commands = context_of(ctx).output, _commands(ctx.find_root().command)
    match topic or ():
        case ():
            columns = (Column("topic", max(map(len, manual.TOPICS))), Column("what it is about", 0))
            summaries = [(name, manual.summary(name)) for name in manual.TOPICS]
            output.table(
                TableRow(columns, [name, text], {"topic": name, "summary": text}) for name, text in summaries
            )
            output.note("To read one: voicecli help TOPIC.")
            output.note("The options of a command: voicecli help COMMAND.")
        case [name, *_] if name in commands:
            output.page(_help_of(topic or (), ctx.find_root()))
        case [name] if name in manual.TOPICS:
            text = manual.page(name)
            output.document(text, {"topic": name, "text": text}, identifier=name)
        case [name, _, *_] if name in manual.TOPICS:
            hint = f"One topic at a time, such as voicecli help {name}."
            raise InvalidInput("There are more arguments than voicecli help takes.", hint=hint)
        case [name, *_]:
            hint = f"{_advice(name, commands)}All topics: voicecli help."
            raise InvalidInput(f"The manual has no topic {name!r}.", hint=hint)


def _help_of(words: Sequence[str], root: "ClickContext") -> str:
    """The help of the command of these words: those behind a command without commands of its own are left
    out. Raises InvalidInput where a group has no such command."""
    found = root
    for word in words:
        group = found.command
        if not (commands := _commands(group)):
            break
        if word not in commands:
            from voicecli.cli.hints import other_name

            meant = other_name(word, commands) or nearest(word, commands)
            hint = f"Did you mean {meant}? " if meant else ""
            raise InvalidInput(
                f"{found.command_path} has no command {quote(word)}.",
                hint=f"{hint}See {found.command_path} --help.",
            )
        found = typer.Context(commands[word], info_name=word, parent=found)
    return found.command.get_help(found)


def _commands(command: "Command") -> Mapping[str, "Command"]:
    """The commands of a group; none of another command."""
    return command.commands if isinstance(command, HelpGroup) else {}


def _advice(word: str, commands: Iterable[str]) -> str:
    """Where to look for it instead, if there is such a place."""
    if len(word) < LEAST:
        return ""
    from voicecli.cli.hints import other_name

    names = [*manual.TOPICS, *commands]
    begun = next((name for name in names if name.startswith(word)), "")
    if meant := begun or nearest(word, names) or other_name(word, names):
        return f"Did you mean {meant}? "
    same = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
    mentions = {name: len(same.findall(manual.page(name))) for name in manual.TOPICS}
    found = sorted(filter(mentions.get, mentions), key=lambda name: -mentions[name])
    return f"It is spoken of in {', '.join(found[:MOST])}. " if found else ""
