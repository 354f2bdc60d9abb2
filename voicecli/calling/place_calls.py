"""Places calls, with or without waiting for their outcomes."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from voicecli.calling import questions
from voicecli.calling.call_events import AllAreTold, CallEvent, NobodyCanConfirm, NobodyConfirmed, Stopped
from voicecli.calling.placing import Placer
from voicecli.calling.results import CallResults, Result, failed_result, nobody_confirmed, told_result
from voicecli.errors import (
    CalledTooOften,
    ConfigurationError,
    InvalidInput,
    OutputFailed,
    PlacedBefore,
    Unsubscribed,
    VoicecliError,
)
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations.calls import Session

if TYPE_CHECKING:
    from voicecli.calling.waited_call import WaitOptions
    from voicecli.listener.open_questions import EndRequests
    from voicecli.listener.shared_listener import SharedListener
    from voicecli.store.following import Follower

OnEvent = Callable[[CallEvent], None]
Runner = Callable[[Coroutine[object, object, CallResults], "EndRequests"], CallResults]
"""Runs asynchronous work to its end; signals that come meanwhile are added to the EndRequests."""
Receive = Callable[[Mapping[str, CallRequest]], "SharedListener"]
"""Makes the receiver of 8x8's reports, which answers VCAs by these requests (by clientRequestId)."""


def place(
    placer: Placer,
    requests: Sequence[CallRequest],
    result: Callable[[CallRequest, Session], Result],
    on_result: Callable[[Result], None],
) -> list[Result]:
    """Place calls without waiting for them. A single one raises what went wrong; of several, each has its
    result, made by ``result`` if 8x8 accepted it."""
    results = []
    for request in requests:
        try:
            results.append(result(request, placer.place(request)))
        except VoicecliError as error:
            if len(requests) == 1 or isinstance(error, OutputFailed):
                raise
            results.append(failed_result(request, error))
        on_result(results[-1])
        if results[-1].placed:
            placer.ledger.mark_reported(request)
    return results


def place_and_wait(
    placer: Placer,
    requests: Sequence[CallRequest],
    receive: Receive,
    options: "WaitOptions",
    *,
    ends: "EndRequests",
    on_event: OnEvent,
    run: Runner | None = None,
) -> CallResults:
    """Place calls as one run, and wait for the outcome of each. ``ends`` are the signals that asked the
    program to end. Raises what ``Caller.wait`` raises, and OutputFailed."""
    joint = options.until_confirmed or len(requests) == 1
    answered = {request.client_request_id: request for request in requests}
    try:
        reports = receive(answered)
        placer.begin_run(requests, joint=joint)
        import asyncio

        from voicecli.store.attempt_outcomes import update_outcomes_if_writable
        from voicecli.store.following import Follower
        from voicecli.store.opening import open_guarded

        with open_guarded(placer.store) as store, Follower(store) as follower:
            try:
                work = _wait(placer, follower, reports, requests, answered, options, on_event)
                return asyncio.run(work) if run is None else run(work, ends)
            finally:
                update_outcomes_if_writable(store)  # deletes sealed callflows that nobody needs any more
    except (InvalidInput, PlacedBefore, CalledTooOften, Unsubscribed, OutputFailed):
        raise
    except VoicecliError as error:
        if not options.tell_anyway or ends or not placer.ledger.nothing_placed:  # it may come from on_event
            raise
        placer = placer.without_question()
        placer.begin_run(requests, joint=joint)  # where the store could not be used before
        on_event(AllAreTold(error.message))
        spoken = [questions.without_questions(request) for request in requests]
        return CallResults(place(placer, spoken, told_result, on_event), only_told=True)
    finally:
        placer.end_run()


async def _wait(
    placer: Placer,
    follower: "Follower",
    reports: "SharedListener",
    requests: Sequence[CallRequest],
    answered: dict[str, CallRequest],
    options: "WaitOptions",
    on_event: OnEvent,
) -> CallResults:
    """All results are reported before the listener ends, which may have to stay for late answers. Raises
    ConfigurationError before the first request if ``tell_anyway`` is set and no key could arrive."""
    from voicecli.calling.waiting import OutcomeWaiter

    def note(event: CallEvent) -> None:
        if isinstance(event, NobodyCanConfirm):  # a VCA must not bring the question back
            answered[event.request.client_request_id] = event.request
        on_event(event)

    async def trouble() -> str | None:
        receiver = await reports.look_again()
        return None if receiver.is_here else receiver.words

    results = OutcomeWaiter(
        placer, follower, options, on_event=note, trouble=trouble, missed=reports.missed
    ).results(requests)
    found: list[Result] = []
    async with reports, aclosing(results):
        if options.tell_anyway and not reports.receiver.is_here:
            raise ConfigurationError(reports.receiver.words)
        try:
            async for result in results:
                found.append(result)
                if result.error is not None and len(requests) == 1 and not options.until_confirmed:
                    raise result.error
                on_event(result)
            if options.until_confirmed and nobody_confirmed(found):
                on_event(NobodyConfirmed())
            return CallResults(found)
        except OutputFailed:
            raise
        except VoicecliError as error:
            on_event(Stopped(error))
            return CallResults(found, error)
        finally:
            placer.end_run()
