"""Options that several commands share, each written once."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from voicecli.callflow import MAX_VALIDITY
from voicecli.cli import context

_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?", re.ASCII)


def duration(text: str) -> timedelta:
    """A length of time as people write it: 30s, 10m, 2h, 1h30m."""
    match = _DURATION.fullmatch(text.strip().lower())
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(0) < length <= MAX_VALIDITY:
        raise typer.BadParameter(f"{text!r} is not a length of time such as 30s, 10m or 2h, up to a year.")
    return length


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


JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print JSON and nothing else.", callback=_json, is_eager=True)
]
QuietFlag = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the identifier.", callback=_quiet, is_eager=True)
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
