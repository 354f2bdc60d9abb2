"""What a session summary (VSS) says of a call, and which of several counts."""

from typing import NamedTuple

from voicecli.voice_api import codes
from voicecli.voice_api.codes import Outcome
from voicecli.voice_api.webhook_events import Event


class Summary(NamedTuple):
    """What a session summary (VSS) says. ``end`` is its endTime in microseconds since 1970, 0 without one;
    ``outcome``, how it ended for the person who was called, ``bridge``, what became of the second leg, and
    ``session_status``, 8x8's own word, are those of its Event. ``seconds`` is how long the first leg was
    talked on, ``ringing`` how long it rang (None for less than a second), ``mos`` its quality; ``answered``
    is whether it was answered. ``error`` is in words, with its code. Without a value for its fields it stands
    for one that has not come."""

    end: int = 0
    outcome: str | None = None
    session_status: str | None = None
    bridge: str | None = None
    seconds: float | None = None
    ringing: float | None = None
    mos: float | None = None
    answered: bool = False
    error: str = ""
    error_code: int | None = None
    client_request_id: str = ""
    source: str = ""
    destination: str = ""
    words: str = ""

    @classmethod
    def read(cls, event: Event) -> "Summary | None":
        """None for any other event, and for a VSS without a status."""
        if event.outcome is None:
            return None
        leg = event.legs[0] if event.legs else None
        reached = event.outcome.startswith(Outcome.COMPLETED)
        return cls(  # in the order of its fields: by name it takes twice as long, for each event that comes
            event.end_time or 0,
            event.outcome,
            event.session_status,
            event.bridge,
            None if leg is None else leg.seconds,
            None if leg is None else leg.ringing,
            None if leg is None else leg.mos,
            reached or any(one.connected for one in event.legs),
            event.error,
            event.error_code,
            event.client_request_id,
            event.source,
            event.destination,
            event.words,
        )

    def replaces(self, other: "Summary") -> bool:
        """Whether this one counts where both came: the one with the later endTime, then the one by which more
        was reached (nobody is called twice because of a tie), then whichever its content says."""
        if other.outcome is None or self.end != other.end:
            return other.outcome is None or self.end > other.end
        return (self.reached, repr(self)) > (other.reached, repr(other))

    @property
    def reached(self) -> int:
        """How much was reached, by its outcome."""
        if codes.is_unsubscribed(self.outcome or ""):
            return 3
        if self.outcome == Outcome.COMPLETED:
            return 2
        return int(self.outcome in codes.NOT_REACHED)
