"""Options that say how and from which number is called."""

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


Region = Annotated[
    str | None,
    typer.Option(metavar="CC", help="TO is a national number there, such as FR.", **THE_CALL),
]


CallUnsubscribed = Annotated[
    bool,
    typer.Option("--call-unsubscribed", help="Call even those who have unsubscribed.", **THE_CALL),
]


AnyNumber = Annotated[
    bool,
    typer.Option(
        "--any-number", help="Call a number of the right length in a range that is not known.", **THE_CALL
    ),
]
