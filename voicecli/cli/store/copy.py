"""``voicecli store copy``: brings what this machine has stored into the store of its team."""

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.output import Column, TableRow
from voicecli.plurals import counted
from voicecli.store.copying.kinds import Copied

EXAMPLES = """\
voicecli store copy
voicecli store copy --json
VOICECLI_HOME=/mnt/old-server/voicecli voicecli store copy
"""
_COLUMNS = (Column("what", 20), Column("here", 8), Column("copied", 8), Column("remarks", 0))


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
    from voicecli.store.opening import open_store

    def show(copied: Copied) -> None:
        interrupts.check()
        context.output.progress(f"Copied {copied.added:,} of {copied.rows:,} {copied.kind}")

    with open_store(StorePlace(place.folder)) as source, open_store(place) as target:
        done = copy_store(source, target, show)
        left = unfinished_broadcasts(source)
        name = target.name
    for copied in done:
        data = copied._asdict()
        cells = (copied.kind, f"{copied.rows:,}", f"{copied.added:,}", _remarks(copied))
        context.output.partial_row(TableRow(_COLUMNS, cells, data))
    added = sum(copied.added for copied in done)
    document = {"store": name, "copied": [copied._asdict() for copied in done], "unfinished": left}
    words = f"Copied {counted(added, 'row')} into {name}; all rows were compared"
    context.output.result(words, document, happened=True)
    if left:
        context.output.warning(
            f"Resume {counted(len(left), 'broadcast')} from the database only, or people are called twice: "
            f"{', '.join(left)}."
        )


def _remarks(copied: Copied) -> str:
    """What is to be said of a kind, beside how many there are."""
    there = copied.rows - copied.added
    parts = [
        f"{there:,} were there" if there else "",
        f"{copied.updated:,} of them brought up to date" if copied.updated else "",
        f"{copied.different:,} of them differ, and stay as they are" if copied.different else "",
    ]
    return ", ".join(filter(None, parts))
