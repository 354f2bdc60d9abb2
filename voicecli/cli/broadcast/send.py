"""``voicecli broadcast send``: call everybody on a list, once."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli import phone
from voicecli.cli import wiring
from voicecli.cli.context import CONNECTION, context_of
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options import common
from voicecli.cli.options.broadcast import AudienceOptions, FirstPaceOptions, HoursOptions, RetryOptions
from voicecli.cli.options.call import RecipientOptions, Source, ValidFor
from voicecli.cli.options.message import MessageOptions
from voicecli.cli.options.network import RequestTimeout
from voicecli.cli.options.outcome import OutcomeOptions
from voicecli.cli.options.public_access import AccessOptions
from voicecli.cli.options.records import flag, given
from voicecli.voice_api import timeouts

if TYPE_CHECKING:
    from voicecli.broadcast.begin import Prepared
    from voicecli.broadcast.options import ReceiverOptions, SendOptions
    from voicecli.cli.broadcast.inputs import ListToSend
    from voicecli.cli.context import Context
    from voicecli.settings import Settings

EXAMPLES = """\
voicecli broadcast send people.csv "{name}, see you at {time}." --dry-run
voicecli broadcast send people.csv --file text.txt --not-between 21:00-08:00
voicecli broadcast send people.csv "Will you come? 1: yes. 9: no more." \\
  --keys 1=yes,9=stop --retry no-answer,busy --every 30m
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
            help="The list: Excel (.xlsx), CSV, TSV, JSON Lines, or a number a line; - reads standard input.",
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
    pace: FirstPaceOptions,
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

    Exit code 0 means that 8x8 accepted all calls; with --wait, --digits or --retry that all were completed,
    and with --confirm or --keys that all were confirmed. 7 means that some were not, 9 that this list was
    sent before.
    """
    from voicecli.broadcast.options import BroadcastOptions, Content, ReceiverOptions, SendOptions
    from voicecli.calling.script import refuse_conflicts
    from voicecli.cli.broadcast import inputs, preview

    common.refuse_quiet_dry_run(dry_run=dry_run, quiet=only_id)
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
    own_number = audience.own_number(recipients)
    if own_number is not None:
        refuse_conflicts("--try-on", {"--dry-run": dry_run or None})
    start = hours.start(recipients.region)
    send_options = SendOptions(
        audience.part(), audience.skip_invalid, audience.again, audience.all_faults, start
    )
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
    content = Content(message, spoken.play, outcomes.thanks)
    files = inputs.Files(people, spoken.file, spoken.callflow, audience.do_not_call)
    listed = inputs.read(context, files, content, options)
    for note in listed.plan.recipients.notes:
        context.output.note(note)
    preview.warn_of_placeholders(context, listed.content, listed.plan.recipients.columns)
    if own_number is not None:
        return _try_on(context, settings, listed, send_options, receiver, own_number)
    return _send(context, settings, listed, send_options, receiver, dry_run=dry_run, yes=yes)


def _send(
    context: "Context",
    settings: "Settings",
    listed: "ListToSend",
    send_options: "SendOptions",
    receiver: "ReceiverOptions",
    *,
    dry_run: bool,
    yes: bool,
) -> ExitCode:
    """Show it, ask, wait for its start, and call."""
    from voicecli.cli.broadcast import preview, voices, waiting
    from voicecli.store.opening import open_store

    account, place = wiring.account(settings).identity, wiring.store_place(settings)
    with open_store(place) as store:
        prepared = listed.prepare(store, account, send_options)
        if prepared.validated.invalid and (dry_run or prepared.sent_before is None):
            preview.show_problems(context, prepared)
        if not dry_run:
            prepared.check()
        voices.refuse_unknown(context, settings, listed.plan)
        if dry_run:
            return preview.dry_run(context, settings, prepared)
        if send_options.start is not None:
            waiting.check_account(context, settings, receiver if listed.options.waits else None)
        preview.confirm(context, settings, prepared, yes=yes)
        if send_options.start is None:
            return _start(context, settings, prepared, listed, receiver)
    waiting.wait_for_start(context, send_options.start)
    listed = listed.with_do_not_call_again(context)
    with open_store(place) as store:
        prepared = listed.prepare(store, account, send_options)  # whoever has unsubscribed meanwhile
        return _start(context, settings, prepared, listed, receiver)


def _start(
    context: "Context",
    settings: "Settings",
    prepared: "Prepared",
    listed: "ListToSend",
    receiver: "ReceiverOptions",
) -> ExitCode:
    from voicecli.cli.broadcast.run import run

    context.output.progress(f"Planning {len(prepared.validated):,} calls")
    with prepared.start(listed.content, file=listed.file, receiver=receiver) as broadcast:
        return run(context, settings, broadcast, receiver)


def _try_on(
    context: "Context",
    settings: "Settings",
    listed: "ListToSend",
    send_options: "SendOptions",
    receiver: "ReceiverOptions",
    number: phone.PhoneNumber,
) -> ExitCode:
    """Call this number alone, with what the first person would hear."""
    from voicecli.broadcast.trial import trial_request
    from voicecli.cli.broadcast import preview
    from voicecli.cli.broadcast.trial import call_trial
    from voicecli.store.opening import open_store

    with open_store(wiring.store_place(settings)) as store:
        prepared = listed.prepare(store, wiring.account(settings).identity, send_options)
        if prepared.validated.invalid:
            preview.show_problems(context, prepared)
        request = trial_request(prepared, number)
    context.output.note(f"Only {number} is called, with what the first person would hear.")
    return call_trial(context, settings, listed, request, receiver)


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
