"""``voicecli broadcast join``: work on a broadcast together with other machines."""

from functools import partial
from typing import Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import CONNECTION, context_of
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options import common
from voicecli.cli.options.broadcast import Id, KeptConcurrency, KeptTimeout
from voicecli.cli.options.public_access import AccessOptions

EXAMPLES = """\
voicecli broadcast join b3f9a1c2d4
voicecli broadcast join b3f9a1c2d4 lists/people.csv
voicecli broadcast join b3f9a1c2d4 --concurrency 64
"""


def join(
    ctx: typer.Context,
    *,
    broadcast_id: Id,
    people: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="The list on this machine; or -, if it comes from standard input. Default: the path with "
            "which the broadcast was begun.",
        ),
    ] = None,
    concurrency: KeptConcurrency = None,
    timeout: KeptTimeout = None,
    access: AccessOptions,
    only_id: common.QuietFlag = False,  # noqa: ARG001
) -> ExitCode:
    """Work on a broadcast together with other machines, on as many as you like.

    All need one store, in VOICECLI_STORE. Each calls other rows of the list; --rate and --max-calls of the
    broadcast hold for all of them together, --concurrency for each. What a machine that fails has not called,
    the others call. People whom it was calling are unknown, and not called again.
    """
    from voicecli.broadcast.options import ReceiverOptions
    from voicecli.broadcast.resume import join_broadcast
    from voicecli.cli.broadcast import inputs
    from voicecli.cli.broadcast.run import run
    from voicecli.store.opening import open_store

    context = context_of(ctx)
    receiver = ReceiverOptions(access.public_access(), access.port, access.force)
    changes = {"concurrency": concurrency, "timeout": timeout}
    settings = context.settings(access.flags())
    settings.require(*CONNECTION)
    with (
        open_store(wiring.store_place(settings)) as store,
        join_broadcast(
            store,
            broadcast_id,
            wiring.account(settings).identity,
            read_list=partial(inputs.read_list_again, context, people, command="join"),
            read_do_not_call=partial(inputs.read_do_not_call_again, context),
            changes={name: value for name, value in changes.items() if value is not None},
        ) as broadcast,
    ):
        return run(context, settings, broadcast, receiver)
