"""Runs a broadcast for a command, and shows it."""

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from voicecli.listener.shared_listener import SharedListener


def run(
    context: Context, settings: Settings, broadcast: OpenBroadcast, receiver: ReceiverOptions
) -> ExitCode:
    """Call those who are left, show it, and tell how it ended."""
    plan, options = broadcast.plan, broadcast.options
    vca_elsewhere = options.vca_elsewhere
    if plan.has_question and not options.captures and not vca_elsewhere:
        from voicecli.calling.question_receivers import application_answers

        with wiring.subaccount_client(context, settings) as asking:
            vca_elsewhere = application_answers(
                asking,
                wiring.store_place(settings),
                continues=plan.has_continuation,
                waits=options.waits,
                notify=context.output.note,
                warn=context.output.warning,
            )
    client = AsyncClient(
        **settings.require(*CONNECTION),
        request_timeout=options.request_timeout,
        connections=options.concurrency,
    )
    view = BroadcastView(context, broadcast.journal)
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

    def receiving() -> "SharedListener | None":
        if not options.waits:
            return None
        access, force = receiver.access, receiver.force
        plan_of_listener = wiring.listening_plan(context, settings, access, register=True, force=force)
        digits = plan.has_question and not vca_elsewhere
        return wiring.reports(context, settings, plan_of_listener, asks=digits, ends=requests)

    async def work() -> None:
        await run_broadcast(
            broadcast,
            client,
            receiving=receiving(),
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
            journal = broadcast.journal
            code = show_end(BroadcastEnd(status.counts(journal.store, journal.broadcast), interrupted=True))
        if is_interrupted:
            context.output.streams.check_read()
        return code
    except OutputFailed as error:
        error.hint = f"{error.hint} {view.resume_hint}".strip()
        raise
