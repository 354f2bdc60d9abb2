"""``voicecli call``: place calls, and wait for what becomes of them."""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.options.call import CallOptions, RecipientOptions
from voicecli.cli.options.common import OutputOptions
from voicecli.cli.options.message import MessageOptions
from voicecli.cli.options.network import NetworkOptions
from voicecli.cli.options.outcome import AlertOptions, OutcomeOptions
from voicecli.cli.options.public_access import AccessOptions
from voicecli.cli.options.records import option
from voicecli.errors import InvalidInput

if TYPE_CHECKING:
    from voicecli.store.guards import Once

EXAMPLES = """\
voicecli call +33199001234 "Your account has been updated" --wait
echo "Your code is 123456" | voicecli call +33199001234 --spell-digits
voicecli call +33199001234 +33199005678 "The oven is hot. Press 1." \\
  --confirm 1 --until-confirmed
voicecli call +33199001234 "At 9? 1: yes. 2: another day. 9: no more." \\
  --keys 1=confirmed,2=reschedule,9=stop
voicecli call +33199001234 -- "-5 degrees: a message that begins with a dash"
"""
DEFAULT_WITHIN = timedelta(minutes=10)


def call(
    ctx: typer.Context,
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TO... [MESSAGE]",
            help="The number to call, such as +33199001234, or several; then the message, in quotes. "
            "Without a message, or with -, it is read from standard input. A --callflow that begins with a "
            "makeCall needs no TO.",
            show_default=False,
        ),
    ] = None,
    message: Annotated[
        str | None, option("TEXT", "The message; all arguments are numbers then.", panel=MessageOptions.PANEL)
    ] = None,
    spoken: MessageOptions,
    outcome: OutcomeOptions,
    alert: AlertOptions,
    call_options: CallOptions,
    recipients: RecipientOptions,
    network: NetworkOptions,
    access: AccessOptions,
    output: OutputOptions,
) -> ExitCode:
    """Place a call that says a message, plays a file or runs a callflow.

    Exit code 0 means that 8x8 accepted the call, not that somebody answered it. With --wait, --confirm,
    --keys or --digits the command waits for the outcome, and its exit code says which it is (voicecli help
    exit-codes).
    "Completed" means that a person or a mailbox answered; only a pressed key proves that it was a person.

    8x8 reports outcomes by webhook: to a voicecli listen on this machine, or on any that shares the store, or
    else to this command, which then needs public access as voicecli listen does.
    """
    from voicecli.calling import questions
    from voicecli.cli.call import arguments

    context = context_of(ctx)
    asked = arguments.Arguments(words or (), message, spoken, outcome, call_options, recipients)
    script = asked.script()
    arguments.refuse_what_has_no_effect(asked, alert, access, output)
    flags = {
        "source": call_options.source,
        "voice_profile": spoken.voice,
        "at_most": recipients.at_most,
        **access.flags(),
    }
    settings = context.settings(flags)
    requests = arguments.requests(context, settings, asked)
    arguments.warn_of_voices(context, settings, requests)
    at_most = wiring.at_most(settings)
    asks = any(map(questions.has_question, requests))
    if outcome.vca_elsewhere and not asks:
        raise InvalidInput("--vca-elsewhere has no effect on a callflow without a question (sayAndCapture).")
    if call_options.dry_run:
        from voicecli.voice_api.operations.calls import send_callflow

        arguments.warn_of_speech(context, requests)
        for request in requests:
            context.show(
                settings,
                send_callflow(questions.up_to_question(request)),
                reply=questions.after_question(request),
            )
        return ExitCode.DONE
    from voicecli.calling.caller import Caller
    from voicecli.cli.call import outcomes

    caller = Caller(
        wiring.account(settings),
        wiring.store_place(settings),
        once=_once(call_options) if call_options.once else None,
        call_unsubscribed=recipients.call_unsubscribed,
        at_most=at_most,
        plan=partial(
            wiring.listening_plan,
            context,
            settings,
            access.public_access(),
            register=True,
            force=access.force,
        ),
        notices=wiring.notices(context),
        trace=context.trace,
        request_timeout=network.request_timeout,
        retries=network.retries,
        vca_elsewhere=outcome.vca_elsewhere,
    )
    if not outcome.waits:
        return outcomes.place(context, caller, requests)
    return outcomes.place_and_wait(
        context,
        caller,
        requests,
        script,
        timeout=outcome.timeout,
        until_confirmed=alert.until_confirmed,
        tell_anyway=alert.tell_anyway,
    )


def _once(options: CallOptions) -> "Once":
    from voicecli.store.guards import Once

    return Once(options.within or DEFAULT_WITHIN, named=options.message_id is not None)
