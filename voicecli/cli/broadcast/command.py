"""``voicecli broadcast``: call everybody on a list, once."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from voicecli.broadcast.options import Asked, Said
from voicecli.cli import context as contexts
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options import common
from voicecli.cli.options.call import Source, ValidFor
from voicecli.cli.options.message import MessageFile, Play, Repeat, Speed, SpellDigits, Voice
from voicecli.cli.options.network import RequestTimeout
from voicecli.cli.options.outcome import OUTCOME, HashEnds, Thanks, Timeout, VcaElsewhere
from voicecli.cli.options.public_access import Domain, Force, InstallNgrok, NgrokConfig, Port, PublicUrl
from voicecli.cli.options.values import duration, one_of
from voicecli.errors import InvalidInput, quoted
from voicecli.listener.public_access import PublicAccess
from voicecli.voice_api import codes, wire

if TYPE_CHECKING:
    from typer._click import Context as ClickContext

EXAMPLES = """Examples:
  voicecli broadcast people.csv "Hello {name}, your appointment is at {time}." --dry-run
  voicecli broadcast people.csv "Hello {name}, your appointment is at {time}." --rate 5/s --quiet 21:00-08:00
  voicecli broadcast send --help
  voicecli broadcast resume b3f9a1c2d4
  voicecli broadcast results b3f9a1c2d4 -o results.csv"""
HELP = (
    "Call everybody on a list, once: voicecli broadcast FILE MESSAGE. Its options, such as --dry-run and "
    "--rate, are in voicecli broadcast send --help."
)
_WHO = {"rich_help_panel": "Who is called"}
_PACE = {"rich_help_panel": "How fast, and when"}
_OUTCOME = OUTCOME
_RETRY = {"rich_help_panel": "Whom to call again"}


class _SendUnlessTold(TyperGroup):
    """A group whose first argument may be left out: then it is send."""

    def parse_args(self, ctx: "ClickContext", args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = ["send", *args]
        return super().parse_args(ctx, args)


DEFAULTS = Asked()
_WORTH_ANOTHER = (
    codes.Outcome.NO_ANSWER,
    codes.Outcome.BUSY,
    codes.Outcome.CANCELED,
    codes.Outcome.FAILED,
    codes.Outcome.ERROR,
)
broadcast = typer.Typer(no_args_is_help=True, cls=_SendUnlessTold)
Id = Annotated[str, typer.Argument(metavar="ID", help="The broadcast's, or the beginning of it.")]
Rate = Annotated[
    str | None,
    typer.Option(
        metavar="N/s",
        help="At most so many calls a second (5/s), minute (90/m) or hour (500/h).",
        **_PACE,
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=1000, help="Requests that are open at once. Default: 32.", **_PACE),
]
MaxCalls = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Stop after so many calls, whatever is left.", **_PACE)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before calling.")]


@broadcast.command("send", epilog=EXAMPLES)
def send(
    ctx: typer.Context,
    people: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="The list: CSV, TSV, JSON Lines, or a number on each line; - for a pipe."
        ),
    ],
    message: Annotated[
        str | None,
        typer.Argument(
            metavar="[MESSAGE]",
            help="What is said; {name} stands for what the column name has; - reads it from standard input. "
            "Without it, a column message.",
            show_default=False,
        ),
    ] = None,
    to_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column with the numbers. Default: phone.", **_WHO)
    ] = None,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave bad rows out, and call the others.", **_WHO)
    ] = False,
    do_not_call: Annotated[
        str | None, typer.Option(metavar="FILE", help="A list of numbers that are not called.", **_WHO)
    ] = None,
    call_unsubscribed: Annotated[
        bool,
        typer.Option("--call-unsubscribed", help="Call even those who have unsubscribed.", **_WHO),
    ] = False,
    any_number: Annotated[
        bool,
        typer.Option(
            "--any-number", help="Call numbers of the right length in ranges that are not known.", **_WHO
        ),
    ] = False,
    vca_elsewhere: VcaElsewhere = False,
    again: Annotated[
        bool, typer.Option("--again", help="This list was sent before: send it once more.", **_WHO)
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N", help="Only part K of N, for several machines; a number is always in one.", **_WHO
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent and how long it takes; send nothing.")
    ] = False,
    yes: Yes = False,
    rate: Rate = None,
    concurrency: Concurrency = None,
    max_calls: MaxCalls = None,
    quiet: Annotated[
        str | None,
        typer.Option(
            "--quiet",
            metavar="FROM-TO",
            help="Call nobody between these times of where they are, such as 21:00-08:00.",
            **_PACE,
        ),
    ] = None,
    weekdays: Annotated[
        bool, typer.Option("--weekdays", help="Call only from Monday to Friday, where they are.", **_PACE)
    ] = False,
    retry: Annotated[
        str | None,
        typer.Option(metavar="OUTCOMES", help="Call again after these, such as no-answer,busy.", **_RETRY),
    ] = None,
    attempts: Annotated[
        int | None, typer.Option(metavar="N", min=2, max=20, help="How often in all. Default: 2.", **_RETRY)
    ] = None,
    every: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=duration,
            help="How long after the last time. Default: 10m.",
            **_RETRY,
        ),
    ] = None,
    repeat: Repeat = None,
    voice: Voice = None,
    speed: Speed = None,
    spell_digits: SpellDigits = False,
    file: MessageFile = None,
    play: Play = None,
    callflow_file: Annotated[
        str | None,
        typer.Option(
            "--callflow",
            metavar="FILE",
            help="Send a callflow of your own (JSON), with {name} in its texts.",
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Stay until all outcomes are known: 0 only if all were completed.", **_OUTCOME
        ),
    ] = False,
    timeout: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=duration,
            help="How long to wait after the last call. Default: 5m.",
            **_OUTCOME,
        ),
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS",
            help="Ask for a key, and wait: 0 only if all press one of these, such as 1 or 1,2.",
            **_OUTCOME,
        ),
    ] = None,
    digits: Annotated[
        str | None,
        typer.Option(
            metavar="N-M", help="Ask for a code of that many digits, such as 4-6, and wait.", **_OUTCOME
        ),
    ] = None,
    hash_ends: HashEnds = False,
    thanks: Thanks = None,
    valid_for: ValidFor = None,
    source: Source = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="CC", help="National numbers on the list are numbers there, such as FR.", **_WHO
        ),
    ] = None,
    request_timeout: RequestTimeout = wire.REQUEST_TIMEOUT,
    port: Port = None,
    domain: Domain = None,
    ngrok_config: NgrokConfig = None,
    install_ngrok: InstallNgrok = False,
    public_url: PublicUrl = None,
    force: Force = False,
    as_json: common.JsonFlag = False,  # noqa: ARG001
    only_id: common.QuietLetter = False,
    debug: common.DebugFlag = False,  # noqa: ARG001
) -> ExitCode:
    """Call everybody on a list, once each.

    All rows are checked before the first call. What happens to each row is written down before it happens,
    so that a broadcast that was interrupted, in whatever way, can go on with resume. A column that has the
    name of an option, such as voice or repeat, decides that option for its row.

    Exit code 0 means that 8x8 accepted all calls (with --wait, --confirm, --digits or --retry: and that all
    were completed), 7 that some were not, 9 that this list was sent before.
    """
    from voicecli.cli.broadcast import begin

    if dry_run and only_id:
        raise InvalidInput("--dry-run has no broadcast's id that -q could print.")
    if retry is None:
        _refuse("without --retry", {"--attempts": attempts, "--every": every})
    if not wait and confirm is None and digits is None and retry is None:
        way = {"--port": port, "--domain": domain, "--ngrok-config": ngrok_config, "--public-url": public_url}
        others = {"--timeout": timeout, "--install-ngrok": install_ngrok or None, "--force": force or None}
        _refuse("without --wait, --confirm, --digits or --retry", {**way, **others})
    seconds = None if valid_for is None else valid_for.total_seconds()
    asked = Asked(
        to_column=to_column,
        region=region,
        repeat=repeat,
        voice=voice,
        speed=speed,
        spell_digits=spell_digits,
        confirm=confirm,
        digits=digits,
        hash_ends=hash_ends,
        valid_for=seconds,
        rate=rate,
        concurrency=concurrency or DEFAULTS.concurrency,
        max_calls=max_calls,
        quiet=quiet,
        weekdays=weekdays,
        do_not_call=do_not_call,
        call_unsubscribed=call_unsubscribed,
        any_number=any_number,
        vca_elsewhere=vca_elsewhere,
        retry=_outcomes(retry),
        attempts=attempts or (2 if retry else 1),
        every=every.total_seconds() if every else DEFAULTS.every,
        wait=wait,
        timeout=timeout.total_seconds() if timeout else DEFAULTS.timeout,
        request_timeout=request_timeout,
    )
    return begin.send(
        contexts.of(ctx),
        people,
        Said(message, play, thanks),
        asked,
        begin.Wishes(shard=_shard(shard), skip_invalid=skip_invalid, again=again, dry_run=dry_run, yes=yes),
        begin.Reception(PublicAccess(domain, public_url, ngrok_config, install_ngrok), port, force),
        source=source,
        message_file=file,
        callflow_file=callflow_file,
    )


def _refuse(where: str, given: Mapping[str, object]) -> None:
    """An option that is silently ignored would be a lie."""
    for name, value in given.items():
        if value is not None:
            raise InvalidInput(f"{name} has no effect {where}.")


def _outcomes(text: str | None) -> tuple[str, ...]:
    """The outcomes after which another attempt makes sense: no-answer,busy. Raises InvalidInput."""
    names = [outcome.value for outcome in codes.Outcome if outcome in _WORTH_ANOTHER]
    words = [word for word in (text or "").split(",") if word.strip()]
    return tuple(dict.fromkeys(one_of(word, names, "outcome to call again after") for word in words))


def _shard(text: str | None) -> tuple[int, int]:
    """The part, from 1, and how many there are: 2/8. Raises InvalidInput."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text or "1/1", re.ASCII)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= parts:
        raise InvalidInput(
            f"--shard takes a part and how many there are, from 1/8 to 8/8, not {quoted(text or '')}."
        )
    return part, parts


@broadcast.command("resume")
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
    as_json: common.JsonFlag = False,  # noqa: ARG001
    only_id: common.QuietLetter = False,  # noqa: ARG001
    debug: common.DebugFlag = False,  # noqa: ARG001
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
        begin.Reception(PublicAccess(domain, public_url, ngrok_config, install_ngrok), port, force),
        people=people,
        retry=[state for state, wanted in states if wanted],
        changes={name: value for name, value in changes.items() if value is not None or name == "max_calls"},
    )


@broadcast.command("stop")
def stop(
    ctx: typer.Context,
    broadcast_id: Id,
    as_json: common.JsonFlag = False,  # noqa: ARG001
    debug: common.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Let a broadcast call nobody more, even if another process is at it. Calls under way go on, and resume
    goes on with the others."""
    from voicecli.cli.broadcast import look

    look.stop(contexts.of(ctx), broadcast_id)


@broadcast.command("list")
def list_(
    ctx: typer.Context,
    as_json: common.JsonFlag = False,  # noqa: ARG001
    quiet: common.QuietFlag = False,  # noqa: ARG001
    debug: common.DebugFlag = False,  # noqa: ARG001
) -> None:
    """List the broadcasts of this machine, newest first."""
    from voicecli.cli.broadcast import look

    look.list_all(contexts.of(ctx))


@broadcast.command("show")
def show(
    ctx: typer.Context,
    broadcast_id: Id,
    as_json: common.JsonFlag = False,  # noqa: ARG001
    debug: common.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Show how a broadcast stands."""
    from voicecli.cli.broadcast import look

    look.show(contexts.of(ctx), broadcast_id)


@broadcast.command("allow")
def allow(
    ctx: typer.Context,
    numbers: Annotated[list[str], typer.Argument(metavar="NUMBER...", help="Such as +33199001234.")],
    as_json: common.JsonFlag = False,  # noqa: ARG001
    debug: common.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Let people be called again who had unsubscribed: because they said so."""
    from voicecli.cli.broadcast import look

    look.allow(contexts.of(ctx), numbers)


@broadcast.command("results")
def results(
    ctx: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...", help="Broadcasts, or files that results has written: all become one."
        ),
    ],
    file: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write a CSV there, with the list's own columns."
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(metavar="STATES", help="Only rows with these, such as refused,unknown or NO_ANSWER."),
    ] = None,
    people: Annotated[
        str | None, typer.Option("--list", metavar="FILE", help="The list, if it is not where it was.")
    ] = None,
    raw: common.Raw = False,
    as_json: common.JsonFlag = False,  # noqa: ARG001
    debug: common.DebugFlag = False,  # noqa: ARG001
) -> None:
    """Tell what became of each row of a list.

    In a CSV an apostrophe stands before what a spreadsheet would take for a formula. Sent as a list, such a
    file is read without them.
    """
    from voicecli.cli.broadcast import results

    results.results(contexts.of(ctx), sources, file=file, status=status, people=people, raw=raw)
