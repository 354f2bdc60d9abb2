"""The result of each call: a line for people, data for programs, and how it ended."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from voicecli.calling.endings import Ending
from voicecli.errors import OutcomeUnknown, VoicecliError
from voicecli.voice_api.callflow import CallRequest, destinations
from voicecli.voice_api.operations.calls import Session


class Result(NamedTuple):
    """``words`` are a line for people, ``data`` the same for programs. ``error`` is why the call was not
    placed, or may not have been; then ``ending`` is NOT_ACCEPTED."""

    ending: Ending
    words: str
    data: Mapping[str, object]
    identifier: str = ""
    hint: str = ""
    error: VoicecliError | None = None

    @property
    def placed(self) -> bool:
        return self.error is None


class CallResults(NamedTuple):
    """``error`` ended the waiting, and was reported by Stopped; for a single call without ``until_confirmed``
    it is also why it was not placed, or may not have been. ``only_told``: all were called without the
    question, since no key could arrive."""

    results: Sequence[Result]
    error: VoicecliError | None = None
    only_told: bool = False

    @property
    def confirmed(self) -> bool:
        """Whether a call was confirmed; for calls without a question, completed."""
        return any(result.ending is Ending.DONE for result in self.results)


def destination(request: CallRequest) -> str:
    """The number that it calls, for people."""
    return next(iter(destinations(request.callflow)), "a scenario")


def call_data(request: CallRequest, session: Session | None) -> dict[str, object]:
    """The data of a call that was sent; ``session`` is None if the answer was lost."""
    return {
        "sessionId": None if session is None else session.session_id,
        "sessionStatus": None if session is None else session.session_status,
        "destination": destination(request),
        "clientRequestId": request.client_request_id,
        "clientActionId": request.client_action_id,
        "callFlowRequestId": None if session is None else session.call_flow_request_id,
        "validUntil": None if session is None else session.valid_until,
    }


def accepted_words(request: CallRequest, session_id: str, service: str) -> str:
    """That the service accepted a call: one line that fits into 80 columns."""
    return f"{service} accepted session {session_id} to {destination(request)}"


def accepted_result(request: CallRequest, session: Session, words: str) -> Result:
    """A call that 8x8 accepted, and that nobody waits for."""
    return Result(Ending.ACCEPTED, words, call_data(request, session), session.session_id)


def told_result(request: CallRequest, session: Session) -> Result:
    """A call that 8x8 accepted, and that nobody can confirm."""
    words = f"{destination(request)}: accepted without the question: nobody can confirm"
    data = {**call_data(request, session), "confirmed": False}
    return Result(Ending.NOT_CONFIRMED, words, data, session.session_id)


def failed_result(request: CallRequest, error: VoicecliError) -> Result:
    """A call that was not placed, or may not have been."""
    where = destination(request)
    ids = {"destination": where, "clientRequestId": request.client_request_id}
    data = {**ids, "error": error.data()}
    words = error.message if error.message.startswith(where) else f"{where}: {error.message}"
    return Result(Ending.NOT_ACCEPTED, words, data, hint=error.hint, error=error)


def nobody_confirmed(results: Sequence[Result]) -> bool:
    """Whether somebody was called, and certainly nobody confirmed."""
    is_open = (Ending.DONE, Ending.OUT_OF_TIME)
    if any(result.ending in is_open or isinstance(result.error, OutcomeUnknown) for result in results):
        return False
    return any(result.placed for result in results)
