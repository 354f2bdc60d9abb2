"""``voicecli broadcast resume``: go on with a broadcast."""

from typing import Annotated

import typer

from voicecli.cli import context as contexts
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options import common
from voicecli.cli.options.broadcast import Concurrency, Id, MaxCalls, Rate
from voicecli.cli.options.outcome import Timeout
from voicecli.cli.options.public_access import Domain, Force, InstallNgrok, NgrokConfig, Port, PublicUrl
from voicecli.listener.public_access import PublicAccess


def resume(
    ctx: typer.Context,
    broadcast_id: Id,
    people: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="The list, if it is not where it was, or came from a pipe (-)."
        ),
    ] = None,
    retry_unknown: Annotated[
        bool,
        typer.Option(
            "--retry-unknown", help="Also call those again of whom nobody knows: some may be called twice."
        ),
    ] = False,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Also try those again that 8x8 has refused.")
    ] = False,
    rate: Rate = None,
    concurrency: Concurrency = None,
    max_calls: MaxCalls = None,
    timeout: Timeout = None,
    port: Port = None,
    domain: Domain = None,
    ngrok_config: NgrokConfig = None,
    install_ngrok: InstallNgrok = False,
    public_url: PublicUrl = None,
    force: Force = False,
    only_id: common.QuietLetter = False,  # noqa: ARG001
) -> ExitCode:
    """Go on with a broadcast that was interrupted or stopped, as it was begun.

    Nobody is called twice: a row that was on its way when it was interrupted is unknown, and only called
    again with --retry-unknown. The list is read again, and must not have changed.
    """
    from voicecli.cli.broadcast import begin
    from voicecli.store.broadcasts import RowState

    states = [(RowState.UNKNOWN, retry_unknown), (RowState.REFUSED, retry_refused)]
    seconds = None if timeout is None else timeout.total_seconds()
    changes = {"rate": rate, "concurrency": concurrency, "max_calls": max_calls, "timeout": seconds}
    return begin.resume(
        contexts.of(ctx),
        broadcast_id,
        begin.ReceiverOptions(PublicAccess(domain, public_url, ngrok_config, install_ngrok), port, force),
        people=people,
        retry=[state for state, wanted in states if wanted],
        changes={name: value for name, value in changes.items() if value is not None or name == "max_calls"},
    )
