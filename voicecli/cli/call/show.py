"""How ``voicecli call`` shows what happens: results on stdout, all else as talk."""

from typing import TYPE_CHECKING

from voicecli.calling.endings import Ending
from voicecli.calling.results import Result
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import fail, result_code

if TYPE_CHECKING:
    from voicecli.calling.call_events import CallEvent


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
    from voicecli.calling import call_events, results

    output = context.output
    match event:
        case results.Result():
            show(context, event)
        case call_events.Accepted(words):
            output.note(words)
        case call_events.AnswerLost(error):
            output.note(f"{error.message} Waiting for its summary.")
        case call_events.Reported(destination, words):
            output.note(f"{destination}: {words}")
        case call_events.NobodyCanConfirm(request, why):
            whom = results.destination(request)
            output.warning(f"Nobody can confirm. {whom} is called without the question. {why}")
        case call_events.AllAreTold(why):
            output.warning(f"Nobody can confirm. All are called without the question. {why}")
        case call_events.NobodyConfirmed():
            output.note("Nobody has confirmed.")
        case call_events.StoreAway(error):
            output.warning(f"{error.message} Waiting goes on.")
        case call_events.StoreBack():
            output.note("The store can be read again.")
        case call_events.Stopped(error):
            fail(context, error)
        case call_events.Progress(0):
            output.progress("")
        case call_events.Progress(1, seconds, destination, words):
            output.progress(f"{destination}: {words}, {seconds:.0f} s")
        case call_events.Progress(count, seconds):
            output.progress(f"{count} calls open, {seconds:.0f} s")
