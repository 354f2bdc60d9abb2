"""``voicecli broadcast send``: call everybody on a list, once."""

from dataclasses import asdict
from typing import Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import CONNECTION, context_of
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options import common
from voicecli.cli.options.broadcast import AudienceOptions, HoursOptions, PaceOptions, RetryOptions
from voicecli.cli.options.call import RecipientOptions, Source, ValidFor
from voicecli.cli.options.message import MessageOptions
from voicecli.cli.options.network import RequestTimeout
from voicecli.cli.options.outcome import OutcomeOptions
from voicecli.cli.options.public_access import AccessOptions
from voicecli.cli.options.records import flag, given
from voicecli.errors import InvalidInput
from voicecli.voice_api import timeouts

EXAMPLES = """\
voicecli broadcast send people.csv "{name}, see you at {time}." --dry-run
voicecli broadcast send people.csv --file text.txt --not-between 21:00-08:00
voicecli broadcast send people.csv "Will you come? 1: yes. 2: no. 9: no more calls." \\
  --keys 1=yes,2=no,9=stop
voicecli broadcast send people.csv "Will you come? Press 1." --confirm 1 \\
  --retry no-answer,busy --every 30m
voicecli broadcast send people.csv "We are closed today" --rate 90/m --yes -q
tail -n +100 numbers.txt | voicecli broadcast send - "Hello" --yes
"""


def send(
    ctx: typer.Context,
    *,
    people: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="The list: Excel (.xlsx), CSV, TSV, JSON Lines, or one number a line; - reads standard "
            "input.",
        ),
    ],
    message: Annotated[
        str | None,
        typer.Argument(
            metavar="[MESSAGE]",
            help="The message; {name} stands for what is in the column name, in a --callflow, too. - reads "
            "it from standard input. Default: what is in the column message.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        flag(
            "Check the list, and show what would be sent and how long it takes, without sending it.",
            "--dry-run",
        ),
    ] = False,
    yes: Annotated[bool, flag("Do not ask before calling.", "--yes", "-y")] = False,
    spoken: MessageOptions,
    audience: AudienceOptions,
    recipients: RecipientOptions,
    outcomes: OutcomeOptions,
    pace: PaceOptions,
    hours: HoursOptions,
    retries: RetryOptions,
    valid_for: ValidFor = None,
    source: Source = None,
    request_timeout: RequestTimeout = timeouts.REQUEST_TIMEOUT,
    access: AccessOptions,
    only_id: common.QuietFlag = False,
) -> ExitCode:
    """Call everybody on a list, once each.

    All rows are checked before the first call. The progress of each row is stored, so that an interrupted
    broadcast can go on with voicecli broadcast resume. A column with the name of an option, such as voice or
    repeat, sets that option for its row.

    Exit code 0 means that 8x8 accepted all calls (with --wait, --digits or --retry: that all were
    completed, with --confirm or --keys: confirmed), 7 that some were not, 9 that this list was sent before.
    """
    from voicecli.broadcast.begin import plan_broadcast, prepare_broadcast
    from voicecli.broadcast.options import BroadcastOptions, Content, ReceiverOptions, SendOptions
    from voicecli.cli.broadcast import inputs, preview, voices
    from voicecli.cli.broadcast.run import run
    from voicecli.store.opening import open_store

    if dry_run and only_id:
        raise InvalidInput("--dry-run has no broadcast's id that -q could print.")
    _refuse_without_effect(outcomes, retries, access)
    records = (audience, recipients, spoken, outcomes, pace, hours, retries)
    options = BroadcastOptions.from_mapping(
        {
            **{name: value for record in records for name, value in asdict(record).items()},
            "retry": retries.outcomes(),
            "attempts": retries.attempts or (2 if retries.retry else None),
            "valid_for": valid_for,
            "request_timeout": request_timeout,
        }
    )
    send_options = SendOptions(audience.part(), audience.skip_invalid, audience.again, audience.all_faults)
    receiver = ReceiverOptions(access.public_access(), access.port, access.force)
    context = context_of(ctx)
    flags = {"source": source, "voice_profile": spoken.voice, "at_most": recipients.at_most}
    settings = context.settings({**flags, **access.flags()})
    values = settings.require(*CONNECTION, "source", "voice_profile")
    options = options._replace(source=values["source"], at_most=settings.get("at_most"))
    if spoken.play is None and spoken.callflow is None:
        options = options._replace(voice=values["voice_profile"])
        wiring.warn_of_voice(context, values["voice_profile"])
    options.eligibility(), options.calls_per_second()  # may be wrong
    readers = {"--callflow": spoken.callflow, "--do-not-call": audience.do_not_call}
    inputs.refuse_two_readers({"the list": people, "the message": spoken.file or message, **readers})
    content = Content(message, spoken.play, outcomes.thanks)
    content = inputs.read_content(context, content, spoken.file, spoken.callflow)
    do_not_call = inputs.read_do_not_call(context, options)
    if audience.do_not_call not in (None, "-"):
        options = options._replace(do_not_call=str((context.folder / audience.do_not_call).resolve()))
    listed = inputs.read_list(context, people)
    plan = plan_broadcast(listed, options, content)
    for note in plan.recipients.notes:
        context.output.note(note)
    preview.warn_of_placeholders(context, content, plan.recipients.columns)
    with open_store(wiring.store_place(settings)) as store:
        account = wiring.account(settings).identity
        prepared = prepare_broadcast(store, account, listed, plan, options, send_options, do_not_call)
        if prepared.validated.invalid and (dry_run or prepared.sent_before is None):
            preview.show_problems(context, prepared)
        if not dry_run:
            prepared.check()
        voices.refuse_unknown(context, settings, plan)
        if dry_run:
            return preview.dry_run(context, settings, prepared)
        preview.confirm(context, settings, prepared, yes=yes)
        where = "" if people == "-" else str((context.folder / people).resolve())
        with prepared.start(content, file=where, receiver=receiver) as broadcast:
            return run(context, settings, broadcast, receiver)


def _refuse_without_effect(outcomes: OutcomeOptions, retries: RetryOptions, access: AccessOptions) -> None:
    """An option that is silently ignored would be a lie. Raises InvalidInput."""
    from voicecli.calling.script import refuse_conflicts, refuse_without

    if outcomes.keys is not None:
        refuse_conflicts("--keys", {"--confirm": outcomes.confirm})
    if retries.retry is None:
        refuse_without("--retry", given(retries))
        if not outcomes.waits:
            timeout = {"--timeout": outcomes.timeout} if outcomes.timeout else {}
            refuse_without("--wait, --keys, --digits or --retry", {**given(access), **timeout})
