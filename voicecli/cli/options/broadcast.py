"""Options that several commands about broadcasts share."""

from typing import Annotated

import typer

PACE = {"rich_help_panel": "How fast, and when"}
Id = Annotated[str, typer.Argument(metavar="ID", help="The broadcast's, or the beginning of it.")]
Rate = Annotated[
    str | None,
    typer.Option(
        metavar="N/s",
        help="At most so many calls a second (5/s), minute (90/m) or hour (500/h).",
        **PACE,
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=1000, help="Requests that are open at once. Default: 32.", **PACE),
]
MaxCalls = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Stop after so many calls, whatever is left.", **PACE)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before calling.")]
