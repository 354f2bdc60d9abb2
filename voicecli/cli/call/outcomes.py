"""Places calls with a ``Caller`` and shows what becomes of them, for every command that does."""

from collections.abc import Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from voicecli.calling.caller import DEFAULT_TIMEOUT, Caller
from voicecli.calling.script import Script
from voicecli.cli import interrupts
from voicecli.cli.call.show import show, show_event
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode, all_calls_code, waited_calls_code
from voicecli.voice_api.callflow import CallRequest

if TYPE_CHECKING:
    from voicecli.calling.results import CallResults
    from voicecli.listener.open_questions import EndRequests


def place(context: Context, caller: Caller, requests: Sequence[CallRequest]) -> ExitCode:
    """Place calls without waiting for them."""
    context.ledger = caller.ledger
    return all_calls_code(caller.place(requests, partial(show, context)))


def place_and_wait(
    context: Context,
    caller: Caller,
    requests: Sequence[CallRequest],
    script: Script,
    *,
    timeout: timedelta | None = None,
    until_confirmed: bool = False,
    tell_anyway: bool = False,
) -> ExitCode:
    """Place calls that do what the script says, and wait for the outcome of each. Its options are those of
    ``Caller.wait``."""

    def run(work: Coroutine[object, object, "CallResults"], ends: "EndRequests") -> "CallResults":
        with context.output.streams.in_background(lambda: bool(ends)):
            return interrupts.run(work, ends)

    context.ledger = caller.ledger
    ended = caller.wait(
        requests,
        keys=script.key_names(),
        until_confirmed=until_confirmed,
        tell_anyway=tell_anyway,
        digits=script.captures,
        timeout=timeout or DEFAULT_TIMEOUT,
        on_event=partial(show_event, context),
        run=run,
    )
    return waited_calls_code(ended, until_confirmed=until_confirmed)
