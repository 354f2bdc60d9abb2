"""Options that say how and from which number is called."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from voicecli.cli.options.values import duration

THE_CALL = {"rich_help_panel": "The call"}
ValidFor = Annotated[
    timedelta | None,
    typer.Option(
        metavar="TIME",
        parser=duration,
        help="Do not start it later than in 30s, 10m, 2h. Default: 1h.",
        **THE_CALL,
    ),
]
Source = Annotated[
    str | None,
    typer.Option("--from", metavar="NUMBER", help="The caller ID; else OUTBOUND_PHONE_NUMBER.", **THE_CALL),
]


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Whether, whom and from which number to call; None where it was not given."""

    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="Do not place the same call again (one with this message id; without one, the same text "
            "to the same number) while it is under way, nor once somebody took it.",
            **THE_CALL,
        ),
    ] = False
    within: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME", parser=duration, help="How long --once holds. Default: 10m.", **THE_CALL
        ),
    ] = None
    message_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Your id for it (clientRequestId); of several calls, each has its number added. "
            "Default: a new UUID.",
            **THE_CALL,
        ),
    ] = None
    valid_for: ValidFor = None
    call_unsubscribed: Annotated[
        bool, typer.Option("--call-unsubscribed", help="Call even those who have unsubscribed.", **THE_CALL)
    ] = False
    any_number: Annotated[
        bool,
        typer.Option(
            "--any-number",
            help="Call a number of the right length in a range that is not known.",
            **THE_CALL,
        ),
    ] = False
    source: Source = None
    region: Annotated[
        str | None,
        typer.Option(metavar="CC", help="TO is a national number there, such as FR.", **THE_CALL),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the request, and send nothing.", **THE_CALL)
    ] = False
