"""``voicecli store migrate``: makes the tables of a team's store, or brings them up to date."""

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of

EXAMPLES = """\
voicecli store migrate
voicecli store migrate --store "postgresql://owner@db.example.com/voicecli"
voicecli store migrate --json
"""


def migrate(ctx: typer.Context) -> None:
    """Make the tables of a team's store in its database, or bring them up to date.

    Needs a role that owns the schema, or may make one. It can be repeated, also from two machines at once.
    Commands of the version before go on working, so that the machines can be updated one after the other.
    """
    context = context_of(ctx)
    place = wiring.team_place(context)
    from voicecli.store.opening import migrate_store

    done = migrate_store(place)
    match done.before:
        case None:
            words = f"The store was made: {done.name}, in version {done.after}"
        case done.after:
            words = f"There is nothing to do: {done.name} has version {done.after}"
        case before:
            words = f"The store was brought from version {before} to {done.after}: {done.name}"
    data = {"store": done.name, "formerVersion": done.before, "version": done.after}
    context.output.result(words, data, happened=done.before != done.after)
