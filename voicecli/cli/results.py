"""What becomes of each call that was asked for: in words, for programs, and as an exit code."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from voicecli.api import Session
from voicecli.callflow import CallRequest, destinations
from voicecli.cli.context import Context
from voicecli.cli.exit_codes import ExitCode, exit_code
from voicecli.errors import VoicecliError
from voicecli.vocabulary import Outcome

if TYPE_CHECKING:
    from voicecli.sessions.pending import Awaited

_OUTCOMES: Mapping[str, ExitCode] = {
    Outcome.COMPLETED: ExitCode.DONE,
    Outcome.NO_ANSWER: ExitCode.NO_ANSWER,
    Outcome.BUSY: ExitCode.BUSY,
    Outcome.CANCELED: ExitCode.CANCELED,
    Outcome.FAILED: ExitCode.FAILED,
    Outcome.ERROR: ExitCode.ERROR,
    Outcome.COMPLETED_UNSUBSCRIBED: ExitCode.UNSUBSCRIBED,
    Outcome.COMPLETED_UNSUB_ERROR: ExitCode.UNSUBSCRIBED,
    Outcome.UNSUBSCRIBED_CONTACT: ExitCode.UNSUBSCRIBED,
}


class Result(NamedTuple):
    """What became of one call; ``error`` is what kept it from being placed, certainly or perhaps."""

    code: ExitCode
    words: str
    data: Mapping[str, object]
    identifier: str = ""
    hint: str = ""
    error: VoicecliError | None = None

    @property
    def placed(self) -> bool:
        return self.error is None

    def show(self, context: Context) -> None:
        """As one of the results of a command. Where only identifiers are printed, an error is told."""
        if self.error is not None and context.format == "quiet":
            context.output.error(self.error)
            return
        context.output.result(self.words, self.data, identifier=self.identifier, happened=self.placed)
        if self.hint and self.hint not in context.hinted:
            context.hinted.add(self.hint)
            context.output.note(f"Hint: {self.hint}")


def destination(request: CallRequest) -> str:
    """Whom it calls, in words."""
    return next(iter(destinations(request.callflow)), "a scenario")


def accepted(request: CallRequest, session: Session | None) -> dict[str, object]:
    """What is known of a call that was sent, for programs; its session is None where the answer was lost."""
    return {
        "sessionId": None if session is None else session.session_id,
        "sessionStatus": None if session is None else session.session_status,
        "destination": destination(request),
        "clientRequestId": request.client_request_id,
        "clientActionId": request.client_action_id,
        "callFlowRequestId": None if session is None else session.call_flow_request_id,
        "validUntil": None if session is None else session.valid_until,
    }


def failed(request: CallRequest, error: VoicecliError) -> Result:
    """A call among others that was not placed, or perhaps not."""
    code, where = exit_code(error), destination(request)
    ids = {"destination": where, "clientRequestId": request.client_request_id}
    data = {**ids, "error": error.data(), "exitCode": code}
    return Result(code, f"{where}: {error.message}", data, hint=error.hint, error=error)


def outcome_code(call: "Awaited") -> ExitCode:
    """The exit code for a call that was waited for."""
    if call.confirmed:
        return ExitCode.DONE
    if call.outcome is None:
        return ExitCode.OUT_OF_TIME
    code = _OUTCOMES.get(call.outcome, ExitCode.ERROR)
    return ExitCode.NOT_CONFIRMED if code is ExitCode.DONE and call.digits_wanted else code


def overall(results: Sequence[Result]) -> ExitCode:
    """The exit code for calls that were all to succeed."""
    codes = {result.code for result in results}
    if len(results) == 1 or codes in ({ExitCode.DONE}, {ExitCode.PLACED_BEFORE}):
        return results[0].code
    return ExitCode.SOME_FAILED
