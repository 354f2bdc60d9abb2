"""``voicecli store copy``: brings what this machine has stored into the store of its team."""

from collections.abc import Iterator, Sequence

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.errors import ConfigurationError
from voicecli.output.rows import Line
from voicecli.plurals import counted
from voicecli.store.copying.kinds import Copied

EXAMPLES = """\
voicecli store copy
voicecli store copy --json
VOICECLI_HOME=/mnt/old-server/voicecli voicecli store copy
"""


def copy(ctx: typer.Context) -> None:
    """Copy what this machine has stored in its file into the team's database.

    The file is the one in VOICECLI_HOME, and stays as it is. What is in the database already stays, too. So
    the command can be repeated: after an interruption, or for what is new. At the end every row is compared.
    From then on resume broadcasts from the database only, or people are called twice.
    """
    context = context_of(ctx)
    place = wiring.team_place(context)
    from voicecli import interrupts
    from voicecli.store.copying.copy import copy_store, unfinished_broadcasts
    from voicecli.store.location import StorePlace
    from voicecli.store.opening import calling_nobody, open_store
    from voicecli.store.spool import is_there

    def show(copied: Copied) -> None:
        interrupts.check()
        context.output.progress(f"{copied.rows:,} {copied.kind}, {copied.added:,} of them added")

    own = StorePlace(place.folder)
    if not is_there(own):
        raise ConfigurationError(
            f"There is no store in {own.folder}: nothing was copied.",
            hint="VOICECLI_HOME says where this machine's file is.",
        )
    with calling_nobody(), open_store(own) as source, open_store(place) as target:
        done = copy_store(source, target, show)
        left = unfinished_broadcasts(source)
        name = target.name
    document = {"store": name, "copied": [copied._asdict() for copied in done], "unfinished": left}
    context.output.report(_lines(done, name), document)
    if left:
        context.output.warning(
            f"Resume {counted(len(left), 'broadcast')} from the database only, or people are called twice: "
            f"{', '.join(left)}."
        )


def _lines(done: Sequence[Copied], name: str) -> Iterator[Line]:
    for copied in done:
        if copied.rows:
            yield f"{copied.kind:<14} {copied.rows:>10,}  {_remarks(copied)}", ""
    added = sum(copied.added for copied in done)
    yield f"Added {counted(added, 'row')} to {name}. All rows were compared.", ""


def _remarks(copied: Copied) -> str:
    """What became of the rows of a kind."""
    there = copied.rows - copied.added
    parts = {
        f"{copied.added:,} added": copied.added,
        f"{there:,} were there": there,
        f"{copied.updated:,} brought up to date": copied.updated,
        f"{copied.different:,} differ and stay so": copied.different,
    }
    return ", ".join(part for part, number in parts.items() if number)
