"""``voicecli store key``: makes the key of a team."""

import typer

from voicecli import team_store
from voicecli.cli.context import context_of

EXAMPLES = """\
voicecli store key
(umask 077 && voicecli store key > team.key)
voicecli store key --json | jq -r .key
"""


def key(ctx: typer.Context) -> None:
    """Make the key that all machines of a team need beside their database.

    It is stored nowhere, and each run prints another one. What is hashed or encrypted in the database is so
    with this key: without it, messages can't be read and --once does not know earlier calls any more.
    """
    context = context_of(ctx)
    new = team_store.new_key()
    context.output.result(new, {"key": new}, identifier=new)
    context.output.note("Set it as VOICECLI_STORE_KEY on all machines of the team, and keep a copy.")
