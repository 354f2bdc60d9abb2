"""``voicecli call``: place calls, and wait for what becomes of them."""

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from voicecli.calling import questions
from voicecli.calling.message import Script, refuse_conflicts
from voicecli.cli import context as contexts
from voicecli.cli import interrupts, wiring
from voicecli.cli.call import arguments
from voicecli.cli.call.arguments import Arguments
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode, fail
from voicecli.cli.options.call import CallOptions
from voicecli.cli.options.common import OutputOptions
from voicecli.cli.options.message import MessageOptions
from voicecli.cli.options.network import NetworkOptions
from voicecli.cli.options.outcome import OutcomeOptions
from voicecli.cli.options.public_access import Domain, Force, InstallNgrok, NgrokConfig, Port, PublicUrl
from voicecli.cli.options.records import with_records
from voicecli.errors import (
    ConfigurationError,
    InvalidInput,
    OutputFailed,
    PlacedBefore,
    Unsubscribed,
    VoicecliError,
)
from voicecli.listener.public_access import PublicAccess
from voicecli.settings import Settings
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations.calls import send_callflow

if TYPE_CHECKING:
    from voicecli.calling.placing import Guard, Placing
    from voicecli.calling.results import Result
    from voicecli.calling.waiting import Waiting
    from voicecli.listener.reports import Reports
    from voicecli.listener.service import Plan
    from voicecli.listener.staying import EndRequests
    from voicecli.store.guards import Once
    from voicecli.voice_api.client import Client
    from voicecli.voice_api.operations.calls import Session

EXAMPLES = """Examples:
  voicecli call +33199001234 "Your account has been updated" --repeat 2
  echo "Your code is 123456" | voicecli call +33199001234 --spell-digits
  voicecli call +33199001234 "The oven is too hot. Press 1 to confirm." --confirm 1
  voicecli call +33199001234 +33199005678 "We are closed today"
  voicecli call +33199001234 -- "-5 degrees: a message that begins with a dash" """
DEFAULT_TIMEOUT = timedelta(minutes=5)
DEFAULT_WITHIN = timedelta(minutes=10)


@with_records
def call(
    ctx: typer.Context,
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TO... [MESSAGE]",
            help="The number to call, such as +33199001234, or several of them; and last what is said, in "
            "quotes. Without a message, or with -, it is read from standard input.",
            show_default=False,
        ),
    ] = None,
    message: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What is said; then all arguments are numbers.")
    ] = None,
    spoken: MessageOptions,
    callflow_file: Annotated[
        str | None,
        typer.Option(
            "--callflow",
            metavar="FILE",
            help="Send a callflow of your own (JSON, - for standard input), "
            "to TO unless it begins with a makeCall.",
        ),
    ] = None,
    outcome: OutcomeOptions,
    call_options: CallOptions,
    network: NetworkOptions,
    port: Port = None,
    domain: Domain = None,
    ngrok_config: NgrokConfig = None,
    install_ngrok: InstallNgrok = False,
    public_url: PublicUrl = None,
    force: Force = False,
    output: OutputOptions,
) -> ExitCode:
    """Place a call that says a message, plays a file or runs a callflow.

    Exit code 0 means that 8x8 accepted the call, not that somebody answered it. With --wait, --confirm or
    --digits it tells what became of the call. 8x8 has to report that: to a voicecli listen that runs on this
    machine, or else to this command itself, which then needs a way in, as voicecli listen does. Completed
    means that a person or a mailbox answered: only a pressed key (--confirm) proves a person.
    """
    context = contexts.of(ctx)
    asked = Arguments(words or (), message, callflow_file, spoken, outcome, call_options)
    script, waits = asked.script(), outcome.waits
    way = PublicAccess(domain, public_url, ngrok_config, install_ngrok)
    if not math.isfinite(network.request_timeout):
        raise InvalidInput("--request-timeout must be a number of seconds.")
    if call_options.dry_run and output.quiet:
        raise InvalidInput("--dry-run has no session id that --quiet could print.")
    if outcome.until_confirmed and outcome.confirm is None:
        raise InvalidInput("--until-confirmed needs --confirm, with the keys that confirm.")
    if outcome.tell_anyway and outcome.confirm is None:
        raise InvalidInput("--tell-anyway has no effect without --confirm.")
    if outcome.vca_elsewhere:
        refuse_conflicts("--vca-elsewhere", {"--confirm": outcome.confirm, "--digits": outcome.digits})
    if call_options.within is not None and not call_options.once:
        raise InvalidInput("--within has no effect without --once.")
    if not waits:
        for name, value in (
            ("--timeout", outcome.timeout),
            ("--force", force or None),
            ("--port", port),
            ("--domain", domain),
            ("--ngrok-config", ngrok_config),
            ("--install-ngrok", install_ngrok or None),
            ("--public-url", public_url),
        ):
            if value is not None:
                raise InvalidInput(f"{name} has no effect without --wait, --confirm or --digits.")
    settings = context.settings(
        {
            "source": call_options.source,
            "voice_profile": spoken.voice,
            "port": port,
            "public_url": domain,
        }
    )
    requests = arguments.requests(context, settings, asked)
    asks = any(map(questions.asks, requests))
    if outcome.vca_elsewhere and not asks:
        raise InvalidInput("--vca-elsewhere has no effect on a callflow without a question (sayAndCapture).")
    if call_options.dry_run:
        for request in requests:
            context.show(settings, send_callflow(questions.sent(request)), reply=questions.following(request))
        return ExitCode.DONE
    from voicecli.calling.placing import Guard

    guard = Guard(
        _once(call_options.within, named=call_options.message_id is not None) if call_options.once else None,
        call_unsubscribed=call_options.call_unsubscribed,
        needs_store=waits,
    )
    vca_elsewhere = outcome.vca_elsewhere
    with context.client(settings, request_timeout=network.request_timeout, retries=network.retries) as client:
        if asks and not script.captures and not vca_elsewhere:
            from voicecli.cli.question_receivers import application_answers

            continues = bool(questions.following(requests[0]))
            vca_elsewhere = application_answers(context, settings, client, continues=continues, waits=waits)
        caller = Caller(context, settings, client, script, vca_elsewhere=vca_elsewhere)
        if not waits:
            return _place(context, caller.placing(guard), requests)
        from voicecli.listener.staying import EndRequests

        placing, ends = caller.placing(guard), EndRequests()
        joint = outcome.until_confirmed or len(requests) == 1
        try:
            plan = wiring.listening_plan(context, settings, way, register=True, force=force)
            placing.begin_run(requests, joint=joint)
            return _place_and_wait(
                caller,
                placing,
                plan,
                requests,
                ends,
                timeout=outcome.timeout or DEFAULT_TIMEOUT,
                asks=asks and not vca_elsewhere,
                until_confirmed=outcome.until_confirmed,
                tell_anyway=outcome.tell_anyway,
            )
        except (InvalidInput, PlacedBefore, Unsubscribed, OutputFailed):
            raise
        except VoicecliError as error:  # so nothing was placed
            if not outcome.tell_anyway or ends:
                raise
            return _tell(context, placing.telling(), requests, error.message, joint=joint)
        finally:
            placing.end_run()


def _once(within: timedelta | None, *, named: bool) -> "Once":
    from voicecli.store.guards import Once

    return Once(within or DEFAULT_WITHIN, named=named)


class Caller(NamedTuple):
    """Who calls: what all ways of placing calls need."""

    context: Context
    settings: Settings
    client: "Client"
    script: Script
    vca_elsewhere: bool

    def placing(self, guard: "Guard") -> "Placing":
        from voicecli.calling.placing import Ledger, Placing

        context = self.context
        if context.ledger is None:
            context.ledger = Ledger()
        return Placing(
            self.client,
            wiring.account(self.settings),
            wiring.home(self.settings),
            guard,
            ledger=context.ledger,
            warn=context.output.warning,
            keys=",".join(sorted(self.script.confirming())),
            vca_elsewhere=self.vca_elsewhere,
        )


def _place(context: Context, placing: "Placing", requests: Sequence[CallRequest]) -> ExitCode:
    """Place calls. One that is alone raises what went wrong; of several, each has its line."""
    from voicecli.calling.results import accepted
    from voicecli.cli.call.show import overall

    def accept(request: CallRequest, session: "Session") -> "Result":
        return accepted(request, session, context.accepted_words(request, session))

    return overall(_place_all(context, placing, requests, accept))


def _tell(
    context: Context, placing: "Placing", requests: Sequence[CallRequest], why: str, *, joint: bool
) -> ExitCode:
    """Place calls that say what was to be confirmed. It is not, whatever becomes of them."""
    from voicecli.calling.results import told
    from voicecli.cli.call.show import overall

    try:
        placing.begin_run(requests, joint=joint)  # where the store could not be used before
        context.output.warning(f"Nobody can confirm. All are told, all the same. {why}")
        spoken = [questions.without_questions(request) for request in requests]
        results = _place_all(context, placing, spoken, told)
    finally:
        placing.end_run()
    return ExitCode.NOT_CONFIRMED if any(result.placed for result in results) else overall(results)


def _place_all(
    context: Context,
    placing: "Placing",
    requests: Sequence[CallRequest],
    result: Callable[[CallRequest, "Session"], "Result"],
) -> "list[Result]":
    from voicecli.calling.results import failed
    from voicecli.cli.call.show import show

    results = []
    for request in requests:
        try:
            results.append(result(request, placing.place(request)))
            show(context, results[-1])
            placing.ledger.report(request)
        except OutputFailed:
            raise
        except VoicecliError as error:
            if len(requests) == 1:
                raise
            results.append(failed(request, error))
            show(context, results[-1])
    return results


def _place_and_wait(
    caller: Caller,
    placing: "Placing",
    plan: "Plan",
    requests: Sequence[CallRequest],
    ends: "EndRequests",
    *,
    timeout: timedelta,
    asks: bool,
    until_confirmed: bool,
    tell_anyway: bool,
) -> ExitCode:
    """Within a run. Raises only what came before anything was placed; ``ends`` tells whether that was after
    an interrupt."""
    from voicecli.calling.waiting import CallEvent, NobodyCanConfirm, Telling, Waiting
    from voicecli.cli.call.show import show_event
    from voicecli.store.outcomes import take_in_if_possible
    from voicecli.store.sqlite import Store

    context, script = caller.context, caller.script
    answered = {request.client_request_id: request for request in requests}
    reports = wiring.reports(
        context,
        caller.settings,
        plan,
        digits=asks,
        requests=ends,
        answered=answered,
        tell_anyway=tell_anyway,
    )

    def on_event(event: CallEvent) -> None:
        if isinstance(event, NobodyCanConfirm):  # a VCA must not bring the question back
            answered[event.request.client_request_id] = event.request
        show_event(context, event)

    async def trouble() -> str | None:
        receiver = await reports.look_again()
        return None if receiver.is_here else receiver.words

    with Store(plan.home) as store:
        waiting = Waiting(
            placing,
            store,
            timeout=timeout,
            on_event=on_event,
            digits=script.captures,
            confirming=script.confirming(),
            telling=Telling(placing.telling(), trouble) if tell_anyway else None,
            missed=reports.missed,
        )
        work = _wait(
            context,
            reports,
            waiting,
            requests,
            end_run=placing.end_run,
            until_confirmed=until_confirmed,
            tell_anyway=tell_anyway,
        )
        try:
            with context.output.in_background(lambda: bool(ends)):
                return interrupts.run(work, ends)
        finally:
            take_in_if_possible(store)  # the callflows that are sealed in it are not needed any more


async def _wait(
    context: Context,
    reports: "Reports",
    waiting: "Waiting",
    requests: Sequence[CallRequest],
    *,
    end_run: Callable[[], None],
    until_confirmed: bool,
    tell_anyway: bool,
) -> ExitCode:
    """Place calls and show what becomes of each. One that is alone shows what went wrong. All of that is out
    before the listener is: it may have to stay. Raises ConfigurationError, before anything is placed, where
    nobody could confirm and there is something else to do about that."""
    from contextlib import aclosing

    results = waiting.until_confirmed(requests) if until_confirmed else waiting.together(requests)
    async with reports, aclosing(results):
        if tell_anyway and not reports.receiver.is_here:
            raise ConfigurationError(reports.receiver.words)
        try:
            return await _show_all(
                context, results, alone=len(requests) == 1, until_confirmed=until_confirmed
            )
        except OutputFailed:
            raise
        except VoicecliError as error:
            return fail(context, error)
        finally:
            end_run()


async def _show_all(
    context: Context, results: AsyncGenerator["Result", None], *, alone: bool, until_confirmed: bool
) -> ExitCode:
    """Raises what went wrong with one that is alone."""
    from voicecli.cli.call import show

    found = []
    async for result in results:
        if result.error is not None and alone and not until_confirmed:
            raise result.error
        found.append(result)
        show.show(context, result)
    if not until_confirmed:
        return show.overall(found)
    code = show.until_confirmed(found)
    if code is ExitCode.NOT_CONFIRMED:
        context.output.note("Nobody has confirmed.")
    return code
