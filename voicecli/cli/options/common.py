"""Options that several commands share, each written once."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial, wraps
from typing import Annotated, Any, TypeVar

import typer

from voicecli.cli.context import context_of
from voicecli.cli.options.records import as_parameter, declare, flag, option, with_records
from voicecli.cli.options.values import MAX_ROWS, NEWEST, moment, whole
from voicecli.errors import InvalidInput

T = TypeVar("T")


def _choose(format: str, ctx: typer.Context, wanted: bool) -> bool:  # noqa: A002
    if wanted:
        chosen = context_of(ctx)
        if chosen.format != "people":
            raise InvalidInput("--json and --quiet can't be given together.", hint="Leave one of them out.")
        chosen.format = format
    return wanted


def _json(ctx: typer.Context, wanted: bool) -> bool:
    return _choose("json", ctx, wanted)


def _quiet(ctx: typer.Context, wanted: bool) -> bool:
    return _choose("quiet", ctx, wanted)


def _debug(ctx: typer.Context, wanted: bool) -> bool:
    context_of(ctx).debug |= wanted
    return wanted


def _env_file(ctx: typer.Context, path: str | None) -> str | None:
    """It stands before or behind the command, whose own counts."""
    if path is not None:
        context_of(ctx).env_file = path
    return path


def _store(ctx: typer.Context, url: str | None) -> str | None:
    """Others on this machine can read the arguments of every process."""
    if url is None:
        return None
    from voicecli import team_store

    if team_store.has_password(url):
        for password in team_store.secret_passwords(url):
            context_of(ctx).output.hide(password)
        raise InvalidInput(
            "--store has a password, which others on this machine can see.",
            hint="Put the URL into VOICECLI_STORE, or the password into ~/.pgpass.",
        )
    context_of(ctx).store = url.strip()
    return url


GENERAL, FILTERS = "General", "Filters"
SINCE = "Only what is newer: 30m, 24h or 7d ago, or since a date such as 2026-11-01."
Since = Annotated[datetime | None, option("TIME", SINCE, parser=moment, panel=FILTERS)]
Limit = Annotated[
    int | None,
    option(
        "N",
        f"Show at most N. Default: the newest {NEWEST}; with --since, all.",
        parser=whole(1, MAX_ROWS),
        panel=FILTERS,
    ),
]
JsonFlag = Annotated[
    bool,
    typer.Option("--json", help="Print JSON only.", callback=_json, is_eager=True, rich_help_panel=GENERAL),
]
QuietFlag = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print only the id.",
        callback=_quiet,
        is_eager=True,
        rich_help_panel=GENERAL,
    ),
]
Raw = Annotated[
    bool, flag("Put no apostrophe before cells that a spreadsheet would run as formulas.", "--raw")
]
DebugFlag = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Show requests, their durations and tracebacks on stderr.",
        callback=_debug,
        is_eager=True,
        rich_help_panel=GENERAL,
    ),
]


EnvFile = Annotated[
    str | None,
    typer.Option(
        "--env-file",
        metavar="FILE",
        help="Read settings from this file, before the .env of this folder.",
        callback=_env_file,
        rich_help_panel=GENERAL,
    ),
]


STORE_URL = partial(
    typer.Option,
    "--store",
    metavar="URL",
    help="Your team's PostgreSQL database. Default: VOICECLI_STORE.",
    callback=_store,
    rich_help_panel=GENERAL,
)


def refuse_quiet_dry_run(*, dry_run: bool, quiet: bool) -> None:
    """Raises InvalidInput where both were given."""
    if dry_run and quiet:
        raise InvalidInput("--dry-run has no id that --quiet could print.", hint="Leave one of them out.")


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How the answer is shown. Each takes effect as it is read, for the output of the whole command."""

    as_json: JsonFlag = False
    quiet: QuietFlag = False
    debug: DebugFlag = False


@dataclass(frozen=True, slots=True)
class SettingsOptions:
    """Where settings are read from, and which store is used."""

    env_file: EnvFile = None
    store: Annotated[str | None, STORE_URL()] = None


def with_output_options(
    function: Callable[..., T], *, reads_settings: bool = True, uses_store: bool = True
) -> Callable[..., T]:
    """``with_records``, and let a command take --json, --debug, --env-file (where it ``reads_settings``) and
    --store (where it ``uses_store``, too) without knowing of them, where it does not name them itself; its
    own --quiet, where that is its last option, stands between them."""
    function = with_records(function)
    own = [*inspect.signature(function).parameters.values()]
    names = {parameter.name for parameter in own}
    at = len(own) - (own[-1].annotation is QuietFlag)
    as_json, _, debug = map(as_parameter, fields(OutputOptions))
    env_file, store = map(as_parameter, fields(SettingsOptions))
    last = [debug]
    if reads_settings:
        last += [env_file, store] if uses_store else [env_file]

    @wraps(function)
    def command(**given: Any) -> T:
        return function(**{name: value for name, value in given.items() if name in names})

    declare(command, {one.name: one for one in (*own[:at], as_json, *own[at:], *last)}.values())
    return command
