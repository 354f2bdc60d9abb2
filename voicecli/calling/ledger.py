"""The calls that an interrupted command or program has to report."""

from dataclasses import dataclass, field
from typing import NamedTuple

from voicecli.calling.results import Result
from voicecli.errors import OutcomeUnknown
from voicecli.voice_api.callflow import CallRequest


class Unreported(NamedTuple):
    """A call that 8x8 accepted and whose result was not shown."""

    words: str
    session_id: str


@dataclass(slots=True)
class Ledger:
    """Calls that were accepted and not shown, and those whose answer was lost, by clientRequestId; and the
    results of those that were waited for."""

    accepted: dict[str, Unreported] = field(default_factory=dict)
    lost: dict[str, OutcomeUnknown] = field(default_factory=dict)
    ended: list[Result] = field(default_factory=list)

    @property
    def nothing_placed(self) -> bool:
        """Whether it is certain that no call was placed."""
        return not (self.accepted or self.lost or any(result.placed for result in self.ended))

    def add(self, other: "Ledger") -> None:
        """Take over what another ledger has."""
        self.accepted.update(other.accepted)
        self.lost.update(other.lost)
        self.ended += other.ended

    def mark_reported(self, request: CallRequest) -> None:
        """The result of this request was shown."""
        self.accepted.pop(request.client_request_id, None)
        self.lost.pop(request.client_request_id, None)
