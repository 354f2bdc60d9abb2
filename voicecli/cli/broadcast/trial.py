"""``voicecli broadcast --try-on NUMBER``: one call to a number of one's own, as ``voicecli call`` does."""

from datetime import timedelta
from functools import partial

from voicecli.broadcast.options import ReceiverOptions
from voicecli.calling.caller import Caller
from voicecli.cli import wiring
from voicecli.cli.broadcast.inputs import ListToSend
from voicecli.cli.call import outcomes
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode
from voicecli.settings import Settings
from voicecli.voice_api.callflow import CallRequest


def call_trial(
    context: Context,
    settings: Settings,
    listed: ListToSend,
    request: CallRequest,
    receiver: ReceiverOptions,
) -> ExitCode:
    """Place it, and wait for its outcome where the broadcast would; the exit code is that of ``call``."""
    options = listed.options
    caller = Caller(
        wiring.account(settings),
        wiring.store_place(settings),
        call_unsubscribed=options.call_unsubscribed,
        plan=partial(
            wiring.listening_plan, context, settings, receiver.access, register=True, force=receiver.force
        ),
        notices=wiring.notices(context),
        trace=context.trace,
        request_timeout=options.request_timeout,
        vca_elsewhere=options.vca_elsewhere,
    )
    if not options.waits:
        return outcomes.place(context, caller, [request])
    script, timeout = options.script(listed.content), timedelta(seconds=options.timeout)
    return outcomes.place_and_wait(context, caller, [request], script, timeout=timeout)
