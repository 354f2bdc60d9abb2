"""Options that several commands share, each written once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from voicecli.cli import context
from voicecli.cli.options.values import NEWEST, moment


def _choose(format: str, ctx: typer.Context, wanted: bool) -> bool:  # noqa: A002
    if wanted:
        chosen = context.of(ctx)
        if chosen.format != "people":
            raise typer.BadParameter("--json and --quiet exclude each other.")
        chosen.format = format
    return wanted


def _json(ctx: typer.Context, wanted: bool) -> bool:
    return _choose("json", ctx, wanted)


def _quiet(ctx: typer.Context, wanted: bool) -> bool:
    return _choose("quiet", ctx, wanted)


def _debug(ctx: typer.Context, wanted: bool) -> bool:
    context.of(ctx).debug |= wanted
    return wanted


SINCE = "Only from then on: 30m, 24h or 7d ago, or a date such as 2026-11-01."
Since = Annotated[datetime | None, typer.Option(metavar="TIME", parser=moment, help=SINCE)]
Limit = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help=f"At most so many. Default: the newest {NEWEST}, or all --since."),
]
JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print JSON and nothing else.", callback=_json, is_eager=True)
]
QuietFlag = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the identifier.", callback=_quiet, is_eager=True)
]
QuietLetter = Annotated[
    bool, typer.Option("-q", help="Print only the identifier.", callback=_quiet, is_eager=True)
]
"""For a command whose --quiet means something else."""
Raw = Annotated[
    bool,
    typer.Option("--raw", help="Leave what a spreadsheet may take for a formula, without an apostrophe."),
]
DebugFlag = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Show on stderr what is sent where and how long it takes, and the traceback of an error.",
        callback=_debug,
        is_eager=True,
    ),
]


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How the answer is shown. Each takes effect as it is read, for the output of the whole command."""

    as_json: JsonFlag = False
    quiet: QuietFlag = False
    debug: DebugFlag = False
