"""Runs a broadcast for a command, and shows it."""

from voicecli.broadcast import status
from voicecli.broadcast.options import ReceiverOptions
from voicecli.broadcast.run import BroadcastEnd, OpenBroadcast, run_broadcast
from voicecli.cli import interrupts, wiring
from voicecli.cli.broadcast.view import BroadcastView
from voicecli.cli.context import CONNECTION, Context
from voicecli.cli.exit_codes import ExitCode, fail
from voicecli.errors import OutputFailed, VoicecliError
from voicecli.listener.open_questions import EndRequests
from voicecli.settings import Settings
from voicecli.voice_api.async_client import AsyncClient


def run(
    context: Context, settings: Settings, broadcast: OpenBroadcast, receiver: ReceiverOptions
) -> ExitCode:
    """Call those who are left, show it, and tell how it ended."""
    options, journal = broadcast.options, broadcast.journal
    vca_elsewhere = options.vca_elsewhere or _application_answers(context, settings, broadcast)
    client = AsyncClient(
        **settings.require(*CONNECTION),
        request_timeout=options.request_timeout,
        connections=options.concurrency,
    )
    view = BroadcastView(context, journal)
    requests = EndRequests()
    code: ExitCode | None = None  # once the end is shown

    def show_end(ended: BroadcastEnd) -> ExitCode:
        try:
            return view.end(ended, waits=options.waits)
        except OutputFailed:
            raise
        except VoicecliError as error:
            return fail(context, error)

    async def on_end(ended: BroadcastEnd) -> None:
        nonlocal code
        if not ended.interrupted:
            await view.report_missed_rows()
        code = show_end(ended)

    async def work() -> None:
        receiving = None
        if options.waits:
            access, force = receiver.access, receiver.force
            plan = wiring.listening_plan(context, settings, access, register=True, force=force)
            digits = broadcast.plan.has_question and not vca_elsewhere
            receiving = wiring.reports(context, settings, plan, asks=digits, ends=requests)
        await run_broadcast(
            broadcast,
            client,
            receiving=receiving,
            vca_elsewhere=vca_elsewhere,
            on_row=view.on_row,
            on_progress=view.on_progress,
            on_end=on_end,
        )

    view.begin()
    is_interrupted = False
    try:
        try:
            with context.output.streams.in_background(lambda: bool(requests)):
                interrupts.run(work(), requests)
        except KeyboardInterrupt:
            is_interrupted = True
        if code is None:  # the interrupt came before the work began
            code = show_end(BroadcastEnd(status.counts(journal.store, journal.broadcast), interrupted=True))
        if is_interrupted:
            context.output.streams.check_read()
        return code
    except OutputFailed as error:
        error.hint = f"{error.hint} {view.resume_hint}".strip()
        raise


def _application_answers(context: Context, settings: Settings, broadcast: OpenBroadcast) -> bool:
    """Whether an application gets the VCAs of a callflow with a question of its own; 8x8 is asked."""
    plan, options = broadcast.plan, broadcast.options
    if not plan.has_question or options.captures:
        return False
    from voicecli.calling.question_receivers import application_answers

    with wiring.subaccount_client(context, settings) as client:
        return application_answers(
            client,
            wiring.store_place(settings),
            continues=plan.has_continuation,
            waits=options.waits,
            notify=context.output.note,
            warn=context.output.warning,
        )
