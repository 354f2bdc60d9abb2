"""``voicecli help``: the manual."""

import re
from collections.abc import Iterable
from typing import Annotated

import typer

from voicecli import manual
from voicecli.cli.context import context_of
from voicecli.cli.options import common
from voicecli.errors import InvalidInput
from voicecli.output import Column, TableRow

EXAMPLES = """\
voicecli help
voicecli help exit-codes
voicecli help call
"""
MOST = 3  # topics that are named


def help(  # noqa: A001
    ctx: typer.Context,
    topic: Annotated[
        str | None, typer.Argument(metavar="[TOPIC]", help="A topic of the manual, or a command.")
    ] = None,
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """Show the manual: a topic, or without one the list of topics.

    With a command, show its --help. A longer page opens in your pager (PAGER).
    """
    output = context_of(ctx).output
    if topic is None:
        columns = (Column("topic", max(map(len, manual.TOPICS))), Column("what it is about", 0))
        summaries = [(name, manual.summary(name)) for name in manual.TOPICS]
        output.table(
            TableRow(columns, [name, text], {"topic": name, "summary": text}) for name, text in summaries
        )
        output.note("To read one: voicecli help TOPIC.")
        output.note("The options of a command: voicecli help COMMAND.")
    elif topic in manual.TOPICS:
        text = manual.page(topic)
        output.document(text, {"topic": topic, "text": text}, identifier=topic)
    else:
        hint = f"{_advice(topic, getattr(ctx.find_root().command, 'commands', ()))}All topics: voicecli help."
        raise InvalidInput(f"The manual has no topic {topic!r}.", hint=hint)


def _advice(word: str, commands: Iterable[str]) -> str:
    """Where to look for it instead, if there is such a place."""
    from voicecli.cli.hints import nearest, other_name

    names = [*manual.TOPICS, *commands]
    begun = next((name for name in names if name.startswith(word)), "")
    if meant := begun or nearest(word, names) or other_name(word, names):
        return f"Did you mean {meant}? "
    same = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
    mentions = {name: len(same.findall(manual.page(name))) for name in manual.TOPICS}
    found = sorted(filter(mentions.get, mentions), key=lambda name: -mentions[name])
    return f"It is spoken of in {', '.join(found[:MOST])}. " if found else ""
