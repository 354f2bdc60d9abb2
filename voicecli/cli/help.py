"""``voicecli help``: the manual."""

import difflib
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
        output.note("To read one: voicecli help TOPIC. The options of a command: voicecli help COMMAND.")
    elif topic in manual.TOPICS:
        text = manual.page(topic)
        output.document(text, {"topic": topic, "text": text}, identifier=topic)
    else:
        near = difflib.get_close_matches(topic, manual.TOPICS, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise InvalidInput(f"The manual has no topic {topic!r}.", hint=f"{hint}All topics: voicecli help.")
