"""Waits for the moment at which a broadcast is to begin, visibly, until then without any call."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from voicecli import durations, interrupts
from voicecli.broadcast.options import ReceiverOptions
from voicecli.broadcast.start_time import describe_start
from voicecli.cli import wiring
from voicecli.cli.context import Context
from voicecli.errors import Interrupted, InvalidInput
from voicecli.settings import Settings

STEP = 1.0  # seconds after which the wall clock is looked at again: it may be set, and the machine may sleep
LATEST = timedelta(minutes=15)  # after which the start was missed


def _now() -> datetime:
    return datetime.now(UTC)


def check_account(context: Context, settings: Settings, receiver: ReceiverOptions | None) -> None:
    """Whether 8x8 takes the key, and what receives its reports (None for nothing) is complete: what is wrong
    is told now, not when nobody looks any more. Raises what a client raises, InvalidInput and
    ConfigurationError."""
    from voicecli.voice_api.operations.webhooks import list_webhooks

    if receiver is not None:
        wiring.listening_plan(context, settings, receiver.access, register=True, force=receiver.force)
    with wiring.subaccount_client(context, settings) as client:
        client.send(list_webhooks())


def wait_for_start(
    context: Context,
    start: datetime,
    *,
    now: Callable[[], datetime] = _now,
    sleep: Callable[[float], None] = interrupts.sleep,
) -> None:
    """Wait until then, by the wall clock: by ``now``, and with ``sleep`` in between. Raises Interrupted, and
    InvalidInput where the machine slept at that moment and for LATEST after it: whoever is called at 10:00
    is not to be called at midnight."""
    when = describe_start(start)
    if not context.output.progress(f"Waiting for {when}"):
        length = durations.describe_duration((start - now()).total_seconds())
        text = f"Waiting for {when}, in {length}. Ctrl-C ends it: nobody is called before."
        context.output.waiting(text, start.isoformat())
    try:
        while (left := (start - now()).total_seconds()) > 0:
            context.output.progress(f"Starts in {countdown(left)}, {when}. Ctrl-C ends it.")
            sleep(min(left, STEP))
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted before {when}: nobody was called.", hint="The same command can be run again."
        ) from None
    finally:
        context.output.progress("")
    if (late := now() - start) > LATEST:
        missed = durations.describe_duration(late.total_seconds())
        raise InvalidInput(
            f"The start at {when} was missed by {missed}: nobody was called.",
            hint="This machine slept, or its clock was set. Run the command again, with another time.",
        )


def countdown(seconds: float) -> str:
    """Hours, minutes and seconds: 9:12:05."""
    minutes, second = divmod(int(-(-seconds // 1)), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}"
