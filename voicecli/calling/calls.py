"""Some calls from beginning to end: placed, waited for, and told all the same where nobody could confirm."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from voicecli.calling import questions
from voicecli.calling.call_events import AllAreTold, CallEvent, NobodyCanConfirm, NobodyConfirmed, Stopped
from voicecli.calling.placing import Placing
from voicecli.calling.results import Ending, Result, failed, nobody_confirmed, told_anyway
from voicecli.errors import (
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
    from voicecli.listener.reports import Reports
    from voicecli.listener.staying import EndRequests
    from voicecli.store.sqlite import Store

DEFAULT_TIMEOUT = timedelta(minutes=5)

OnEvent = Callable[[CallEvent], None]
Runner = Callable[[Coroutine[object, object, "Ended"]], "Ended"]
"""Runs asynchronous work to its end."""
Receive = Callable[[Mapping[str, CallRequest]], "Reports"]
"""Makes what receives 8x8's reports of calls, and answers their questions by these callflows, which stand
under their clientRequestIds. Raises what keeps it from that."""


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """How calls are waited for, each for at most ``timeout``. ``digits`` is whether they ask for some,
    ``confirming`` has those that confirm. ``until_confirmed``: one call after the other, until somebody
    confirms. ``tell_anyway``: where no key could arrive, people are told without the question."""

    timeout: timedelta = DEFAULT_TIMEOUT
    digits: bool = False
    confirming: frozenset[str] = frozenset()
    until_confirmed: bool = False
    tell_anyway: bool = False


class Ended(NamedTuple):
    """What became of calls. ``error`` is what ended the waiting, after Stopped has told of it; of a single
    call, unless it was an alert (until_confirmed), also what kept it from being placed, certainly or perhaps.
    With ``only_told`` nobody was asked, since no key could arrive."""

    results: Sequence[Result]
    error: VoicecliError | None = None
    only_told: bool = False

    @property
    def confirmed(self) -> bool:
        """Whether somebody pressed a key that confirms; of calls that ask nothing, whether one was
        completed."""
        return any(result.ending is Ending.DONE for result in self.results)


def place(
    placing: Placing,
    requests: Sequence[CallRequest],
    result: Callable[[CallRequest, Session], Result],
    on_result: Callable[[Result], None],
) -> list[Result]:
    """Place calls without waiting for them. One that is alone raises what went wrong; of several, each has
    its result, which is made by ``result`` where 8x8 accepted it."""
    results = []
    for request in requests:
        try:
            results.append(result(request, placing.place(request)))
        except VoicecliError as error:
            if len(requests) == 1 or isinstance(error, OutputFailed):
                raise
            results.append(failed(request, error))
        on_result(results[-1])
        if results[-1].placed:
            placing.ledger.report(request)
    return results


def place_and_wait(
    placing: Placing,
    requests: Sequence[CallRequest],
    receive: Receive,
    options: WaitOptions,
    *,
    ends: "EndRequests",
    on_event: OnEvent,
    run: Runner | None = None,
) -> Ended:
    """Place calls, and wait for what becomes of each; they are one run, which others see. ``ends`` are the
    signals that asked the program to end. Raises what was wrong before the first request could leave:
    PlacedBefore, Unsubscribed, InvalidInput, ConfigurationError, StoreFailed and what the listener raises;
    and OutputFailed. What is wrong with one of the calls from then on is in its result; but where all are
    told without the question (AllAreTold), a single one raises it, as ``place`` does."""
    joint = options.until_confirmed or len(requests) == 1
    answered = {request.client_request_id: request for request in requests}
    try:
        reports = receive(answered)
        placing.begin_run(requests, joint=joint)
        import asyncio

        from voicecli.store.attempt_outcomes import update_outcomes_if_writable
        from voicecli.store.sqlite import Store

        with Store(placing.home) as store:
            try:
                work = _wait(placing, store, reports, requests, answered, options, on_event)
                return (run or asyncio.run)(work)
            finally:
                update_outcomes_if_writable(store)  # deletes sealed callflows that nobody needs any more
    except (InvalidInput, PlacedBefore, Unsubscribed, OutputFailed):
        raise
    except VoicecliError as error:
        if not options.tell_anyway or ends or not placing.ledger.is_blank:  # it may come from on_event
            raise
        return _tell(placing.telling(), requests, error.message, joint=joint, on_event=on_event)
    finally:
        placing.end_run()


async def _wait(
    placing: Placing,
    store: "Store",
    reports: "Reports",
    requests: Sequence[CallRequest],
    answered: dict[str, CallRequest],
    options: WaitOptions,
    on_event: OnEvent,
) -> Ended:
    """Within a run. All that became of the calls is told before the listener ends: it may have to stay.
    Raises ConfigurationError, before anything is placed, where nobody could confirm and there is something
    else to do about that."""
    from voicecli.calling.waiting import Telling, Waiting

    def note(event: CallEvent) -> None:
        if isinstance(event, NobodyCanConfirm):  # a VCA must not bring the question back
            answered[event.request.client_request_id] = event.request
        on_event(event)

    async def trouble() -> str | None:
        receiver = await reports.look_again()
        return None if receiver.is_here else receiver.words

    waiting = Waiting(
        placing,
        store,
        timeout=options.timeout,
        on_event=note,
        digits=options.digits,
        confirming=options.confirming,
        telling=Telling(placing.telling(), trouble) if options.tell_anyway else None,
        missed=reports.missed,
    )
    is_alert = options.until_confirmed
    results = waiting.until_confirmed(requests) if is_alert else waiting.together(requests)
    found: list[Result] = []
    async with reports, aclosing(results):
        if options.tell_anyway and not reports.receiver.is_here:
            raise ConfigurationError(reports.receiver.words)
        try:
            async for result in results:
                found.append(result)
                if result.error is not None and len(requests) == 1 and not is_alert:
                    raise result.error
                on_event(result)
            if is_alert and nobody_confirmed(found):
                on_event(NobodyConfirmed())
            return Ended(found)
        except OutputFailed:
            raise
        except VoicecliError as error:
            on_event(Stopped(error))
            return Ended(found, error)
        finally:
            placing.end_run()


def _tell(
    placing: Placing, requests: Sequence[CallRequest], why: str, *, joint: bool, on_event: OnEvent
) -> Ended:
    """Place calls that say what was to be confirmed. It is not, whatever becomes of them."""
    try:
        placing.begin_run(requests, joint=joint)  # where the store could not be used before
        on_event(AllAreTold(why))
        spoken = [questions.without_questions(request) for request in requests]
        return Ended(place(placing, spoken, told_anyway, on_event), only_told=True)
    finally:
        placing.end_run()
