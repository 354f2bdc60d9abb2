"""``voicecli broadcast resume``: go on with a broadcast."""

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import CONNECTION, context_of
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options import common
from voicecli.cli.options.broadcast import Id, KeptAtMost, KeptTimeout, PaceOptions
from voicecli.cli.options.public_access import AccessOptions
from voicecli.cli.options.records import flag

EXAMPLES = """\
voicecli broadcast resume b3f9a1c2d4
voicecli broadcast resume b3f9a1c2d4 lists/people.csv
voicecli broadcast resume b3f9a1c2d4 --rate 90/m --max-calls 500
"""


def resume(
    ctx: typer.Context,
    *,
    broadcast_id: Id,
    people: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="The list, if it has moved; or -, if it comes from standard input again."
        ),
    ] = None,
    retry_unknown: Annotated[
        bool,
        flag(
            "Also call people for whom it is unknown whether they were called: some may be called twice.",
            "--retry-unknown",
        ),
    ] = False,
    retry_refused: Annotated[
        bool, flag("Also send the calls again that 8x8 refused.", "--retry-refused")
    ] = False,
    pace: PaceOptions,
    at_most: KeptAtMost = None,
    timeout: KeptTimeout = None,
    access: AccessOptions,
    only_id: common.QuietFlag = False,  # noqa: ARG001
) -> ExitCode:
    """Go on with a broadcast that was interrupted or stopped, with the options of its start.

    Options that are given here take the place of those.
    Nobody is called twice: rows whose requests were under way at the interruption are unknown, and called
    again only with --retry-unknown. The list is read again, and must not have changed.
    """
    from voicecli.broadcast.options import ReceiverOptions
    from voicecli.broadcast.resume import reopen_broadcast
    from voicecli.cli.broadcast import inputs
    from voicecli.cli.broadcast.run import run
    from voicecli.store.broadcasts import RowState
    from voicecli.store.opening import open_store

    context = context_of(ctx)
    receiver = ReceiverOptions(access.public_access(), access.port, access.force)
    states = [(RowState.UNKNOWN, retry_unknown), (RowState.REFUSED, retry_refused)]
    settings = context.settings({**access.flags(), "at_most": at_most})
    limit = None if at_most is None else settings.get("at_most")
    changes = {**asdict(pace), "at_most": limit, "timeout": timeout}
    settings.require(*CONNECTION)
    with (
        open_store(wiring.store_place(settings)) as store,
        reopen_broadcast(
            store,
            broadcast_id,
            wiring.account(settings).identity,
            read_list=partial(inputs.read_list_again, context, people),
            read_do_not_call=partial(inputs.read_do_not_call_again, context),
            changes={name: value for name, value in changes.items() if value is not None},
            retry=[state for state, wanted in states if wanted],
        ) as broadcast,
    ):
        if receiver == ReceiverOptions():
            receiver = ReceiverOptions.from_mapping(broadcast.journal.broadcast.options)
            kept = {"port": receiver.port, "webhook_base_url": receiver.access.domain}
            settings = context.settings(kept)
        return run(context, settings, broadcast, receiver)
