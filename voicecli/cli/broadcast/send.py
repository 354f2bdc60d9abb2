"""``voicecli broadcast send``: call everybody on a list, once."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from voicecli.broadcast.options import BroadcastOptions, Content, ReceiverOptions, SendOptions
from voicecli.cli import context as contexts
from voicecli.cli import wiring
from voicecli.cli.context import CONNECTION
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options import common
from voicecli.cli.options.broadcast import PACE, Concurrency, MaxCalls, Rate, Yes
from voicecli.cli.options.call import Source, ValidFor
from voicecli.cli.options.message import MessageOptions
from voicecli.cli.options.network import RequestTimeout
from voicecli.cli.options.outcome import OUTCOME, HashEnds, Thanks, VcaElsewhere
from voicecli.cli.options.public_access import Domain, Force, InstallNgrok, NgrokConfig, Port, PublicUrl
from voicecli.cli.options.records import with_records
from voicecli.cli.options.values import duration, one_of
from voicecli.errors import InvalidInput, quoted
from voicecli.listener.public_access import PublicAccess
from voicecli.voice_api import codes, wire

EXAMPLES = """Examples:
  voicecli broadcast people.csv "Hello {name}, your appointment is at {time}." --dry-run
  voicecli broadcast people.csv "Hello {name}, your appointment is at {time}." --rate 5/s --quiet 21:00-08:00
  voicecli broadcast send --help
  voicecli broadcast resume b3f9a1c2d4
  voicecli broadcast results b3f9a1c2d4 -o results.csv"""
_WHO = {"rich_help_panel": "Who is called"}
_RETRY = {"rich_help_panel": "Whom to call again"}
DEFAULTS = BroadcastOptions()
_WORTH_ANOTHER = (
    codes.Outcome.NO_ANSWER,
    codes.Outcome.BUSY,
    codes.Outcome.CANCELED,
    codes.Outcome.FAILED,
    codes.Outcome.ERROR,
)


@with_records
def send(
    ctx: typer.Context,
    *,
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
            **PACE,
        ),
    ] = None,
    weekdays: Annotated[
        bool, typer.Option("--weekdays", help="Call only from Monday to Friday, where they are.", **PACE)
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
    spoken: MessageOptions,
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
            "--wait", help="Stay until all outcomes are known: 0 only if all were completed.", **OUTCOME
        ),
    ] = False,
    timeout: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=duration,
            help="How long to wait after the last call. Default: 5m.",
            **OUTCOME,
        ),
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS",
            help="Ask for a key, and wait: 0 only if all press one of these, such as 1 or 1,2.",
            **OUTCOME,
        ),
    ] = None,
    digits: Annotated[
        str | None,
        typer.Option(
            metavar="N-M", help="Ask for a code of that many digits, such as 4-6, and wait.", **OUTCOME
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
    from voicecli.broadcast.begin import make_plan, prepare
    from voicecli.cli.broadcast import inputs, preview
    from voicecli.cli.broadcast.run import flags, run
    from voicecli.store.sqlite import Store

    if dry_run and only_id:
        raise InvalidInput("--dry-run has no broadcast's id that -q could print.")
    if retry is None:
        _refuse("without --retry", {"--attempts": attempts, "--every": every})
    if not wait and confirm is None and digits is None and retry is None:
        way = {"--port": port, "--domain": domain, "--ngrok-config": ngrok_config, "--public-url": public_url}
        others = {"--timeout": timeout, "--install-ngrok": install_ngrok or None, "--force": force or None}
        _refuse("without --wait, --confirm, --digits or --retry", {**way, **others})
    seconds = None if valid_for is None else valid_for.total_seconds()
    options = BroadcastOptions(
        to_column=to_column,
        region=region,
        repeat=spoken.repeat,
        voice=spoken.voice,
        speed=spoken.speed,
        spell_digits=spoken.spell_digits,
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
    context = contexts.of(ctx)
    receiver = ReceiverOptions(PublicAccess(domain, public_url, ngrok_config, install_ngrok), port, force)
    given = {"source": source, "voice_profile": spoken.voice, **flags(receiver)}
    settings = context.settings(given)
    values = settings.require(*CONNECTION, "source", "voice_profile")
    options = options._replace(source=values["source"])
    if spoken.play is None and callflow_file is None:
        options = options._replace(voice=values["voice_profile"])
    options.hours(), options.calls_per_second()  # may be wrong
    readers = {"--callflow": callflow_file, "--do-not-call": do_not_call}
    inputs.refuse_two_readers({"the list": people, "the message": spoken.file or message, **readers})
    content = Content(message, spoken.play, thanks)
    content = inputs.read_content(context, content, spoken.file, callflow_file)
    numbers = inputs.read_do_not_call(context, options)
    if do_not_call not in (None, "-"):
        options = options._replace(do_not_call=str(Path(do_not_call).resolve()))
    listed = inputs.read_list(context, people)
    plan = make_plan(listed, options, content)
    send_options = SendOptions(_shard(shard), skip_invalid=skip_invalid, again=again)
    with Store(wiring.home(settings)) as store:
        identity = wiring.account(settings).identity
        prepared = prepare(store, identity, listed, plan, options, send_options, numbers)
        if prepared.validated.bad:
            preview.show_problems(context, prepared.validated)
        if dry_run:
            return preview.dry_run(context, settings, prepared)
        prepared.check()
        preview.confirm(context, settings, prepared, yes=yes)
        where = "" if people == "-" else str(Path(people).resolve())
        with prepared.start(content, file=where, receiver=receiver) as broadcast:
            return run(context, settings, broadcast, receiver)


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
