"""How ``voicecli call`` shows what happens: results on stdout, all else as talk."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from voicecli.calling.results import Ending, Result, nobody_confirmed
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode, exit_code, fail, result_code

if TYPE_CHECKING:
    from voicecli.calling.calls import Ended
    from voicecli.calling.waiting import CallEvent


def show(context: Context, result: Result) -> None:
    """One of the results of a command. Where only identifiers are printed, an error is told."""
    if result.error is not None and context.format == "quiet":
        context.output.error(result.error)
        return
    data = dict(result.data)
    if result.ending is not Ending.ACCEPTED:
        data["exitCode"] = result_code(result)
    context.output.result(result.words, data, identifier=result.identifier, happened=result.placed)
    if result.hint and result.hint not in context.hinted:
        context.hinted.add(result.hint)
        context.output.note(f"Hint: {result.hint}")


def show_event(context: Context, event: "CallEvent") -> None:
    """What happens while calls are waited for."""
    from voicecli.calling import results, waiting

    output = context.output
    match event:
        case results.Result():
            show(context, event)
        case waiting.Accepted(request, session):
            whom = results.destination(request)
            output.note(results.accepted_words(whom, session.session_id, context.other_end))
        case waiting.AnswerLost(error):
            output.note(f"{error.message} Waiting for its summary.")
        case waiting.Reported(destination, words):
            output.note(f"{destination}: {words}")
        case waiting.NotWaitedFor(destination):
            output.note(f"{destination}: goes on, and is not waited for")
        case waiting.NobodyCanConfirm(request, why):
            whom = results.destination(request)
            output.warning(f"Nobody can confirm. {whom} is told, all the same. {why}")
        case waiting.AllAreTold(why):
            output.warning(f"Nobody can confirm. All are told, all the same. {why}")
        case waiting.NobodyConfirmed():
            output.note("Nobody has confirmed.")
        case waiting.Stopped(error):
            fail(context, error)
        case waiting.Progress(0):
            output.progress("")
        case waiting.Progress(1, seconds, destination, words):
            output.progress(f"{destination}: {words}, {seconds:.0f} s")
        case waiting.Progress(count, seconds):
            output.progress(f"{count} calls open, {seconds:.0f} s")


def overall(results: Sequence[Result]) -> ExitCode:
    """The exit code for calls that were all to succeed."""
    codes = {result_code(result) for result in results}
    if len(results) == 1 or codes in ({ExitCode.DONE}, {ExitCode.PLACED_BEFORE}):
        return result_code(results[0])
    return ExitCode.SOME_FAILED


def until_confirmed(results: Sequence[Result]) -> ExitCode:
    """The exit code for calls of which one was to be confirmed. Where nobody knows whether one was, it says
    so; where none was placed, why the last one was not."""
    if nobody_confirmed(results):
        return ExitCode.NOT_CONFIRMED
    codes = {result_code(result) for result in results}
    order = (ExitCode.DONE, ExitCode.UNKNOWN, ExitCode.OUT_OF_TIME)
    return next((code for code in order if code in codes), result_code(results[-1]))


def ended_code(ended: "Ended", *, is_alert: bool) -> ExitCode:
    """The exit code for calls that were waited for; of an alert, one was to be confirmed."""
    if ended.error is not None:
        return exit_code(ended.error)
    if ended.only_told and any(result.placed for result in ended.results):
        return ExitCode.NOT_CONFIRMED
    judge = until_confirmed if is_alert and not ended.only_told else overall
    return judge(ended.results)
