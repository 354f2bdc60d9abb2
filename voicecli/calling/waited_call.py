"""One call that is waited for, and its result."""

import time
from dataclasses import dataclass
from datetime import timedelta

from voicecli.calling.endings import Ending, ending_of
from voicecli.calling.results import Result, call_data, destination, failed_result
from voicecli.errors import OutcomeUnknown
from voicecli.sessions.key_names import KeyNames
from voicecli.sessions.pending import PendingCall
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations.calls import Session


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """``timeout`` is for each call. ``digits``: whether pressed digits are part of the result;
    ``keys``: what they mean; ``until_confirmed``: call one after the other until somebody
    confirms; ``tell_anyway``: if no key could arrive, call without the question."""

    timeout: timedelta
    digits: bool = False
    keys: KeyNames | None = None
    until_confirmed: bool = False
    tell_anyway: bool = False


@dataclass(slots=True, eq=False)
class WaitedCall:
    """Placed at ``start`` (monotonic clock). ``before`` is the number of the last event in the store at that
    time, ``seen`` of the last one that was read. ``session`` is 8x8's answer, ``lost`` the error without.
    ``read_at`` is when its summary was read (monotonic clock)."""

    request: CallRequest
    pending: PendingCall
    before: int
    seen: int
    session: Session | None = None
    lost: OutcomeUnknown | None = None
    start: float = 0.0
    read_at: float | None = None
    words: str = "no report yet"

    @property
    def destination(self) -> str:
        return destination(self.request)

    def is_over(self, timeout: timedelta) -> bool:
        """By this machine's clock: that of the one which receives 8x8's reports may be another."""
        now, summarised = time.monotonic(), self.pending.summarised
        if now - self.start > timeout.total_seconds():
            return True
        if summarised is None:
            return False
        self.read_at = self.read_at or now
        return self.pending.is_settled(summarised / 1e6 + now - self.read_at)

    def result(self, options: WaitOptions, *, without_reports: float) -> Result:
        """By what is known now. ``without_reports``: the seconds in which nobody received reports."""
        pending, summary = self.pending, self.pending.summary
        gap = (
            f"for {without_reports:.1f} s nobody received what 8x8 reports, since a voicecli listen had ended"
        )
        if not pending.id and self.lost is not None:
            if without_reports:
                self.lost.hint = f"Its summary may be lost: {gap}. {self.lost.hint}"
            return failed_result(self.request, self.lost)
        words, hint, ending = pending.describe_ending(), "", ending_of(pending)
        if ending is Ending.OUT_OF_TIME:
            words += f"; {gap}" if without_reports else ""
            hint = f"It may go on: voicecli sessions {pending.id} shows what a listener receives of it."
        data = {
            **call_data(self.request, self.session),
            "sessionId": pending.id or None,
            **({} if summary.session_status is None else {"sessionStatus": summary.session_status}),
            "outcome": pending.outcome,
            **({} if summary.bridge is None else {"bridge": summary.bridge}),
            "words": words,
            **({"secondsWithoutReports": round(without_reports, 3)} if without_reports else {}),
            **(self._answer() if options.digits else {}),
            **({"confirmed": pending.confirmed} if options.keys and options.keys.accepted else {}),
        }
        asks_for_code = options.digits and options.keys is None
        identifier = pending.digits if asks_for_code else pending.id
        return Result(ending, f"{self.destination}: {words}", data, identifier or "", hint)

    def _answer(self) -> dict[str, object]:
        pending = self.pending
        return {"digits": pending.digits, "result": pending.result, "answers": pending.answers}
