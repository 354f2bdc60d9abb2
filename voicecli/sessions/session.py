"""Sessions: what is known of one call, from its placing and from all that was reported of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from voicecli.sessions.attempts import Attempt, AttemptState

if TYPE_CHECKING:
    from voicecli.events import Event, Leg, Received  # placing a call needs only what is below

OPEN, UNKNOWN = "OPEN", "UNKNOWN"
"""What a session's status is while it has no outcome: its summary has not come; or nobody knows whether it
was placed at all."""
_WITH_DIGITS = ("VCA", "VCS")  # a VCA says what was captured; only without it a VCS what was pressed


_IN_DOUBT = (AttemptState.SENDING, AttemptState.UNKNOWN)


class Session(NamedTuple):
    """``events`` are in the order in which they came. There is an event, or ``placed``, or both."""

    placed: Attempt | None
    events: "Sequence[Received]"

    @property
    def id(self) -> str:
        """Nothing where 8x8 has not told it."""
        for kept in self.events[:1]:
            return kept.event.session_id
        return (self.placed and self.placed.session_id) or ""

    @property
    def start(self) -> int:
        """When it was placed, else when it was first heard of: microseconds since 1970, UTC."""
        return self.events[0].received if self.placed is None else self.placed.placed

    @property
    def summary(self) -> "Event | None":
        """Its VSS; the last one where several came."""
        return next((kept.event for kept in reversed(self.events) if kept.event.outcome is not None), None)

    @property
    def client_request_id(self) -> str:
        if self.placed is not None:
            return self.placed.client_request_id
        return "" if self.summary is None else self.summary.client_request_id

    @property
    def source(self) -> str:
        return self._party("source")

    @property
    def destination(self) -> str:
        return self._party("destination")

    @property
    def outcome(self) -> str | None:
        """None as long as no VSS came."""
        return None if self.summary is None else self.summary.outcome

    @property
    def status(self) -> str:
        """The outcome, or what is known instead."""
        if self.outcome is not None:
            return self.outcome
        return UNKNOWN if self._in_doubt else OPEN

    @property
    def legs(self) -> "Sequence[Leg]":
        from voicecli.events import Leg

        return [] if self.summary is None else [Leg(leg) for leg in self.summary.legs]

    @property
    def seconds(self) -> float | None:
        """How long the first leg was talked on; None as long as no VSS came."""
        return next((leg.seconds for leg in self.legs), None)

    @property
    def mos(self) -> float | None:
        """The first leg's, None where nobody measured it."""
        return next((leg.mos for leg in self.legs), None)

    @property
    def error(self) -> str:
        """In words and with its code; nothing where there was none."""
        return "" if self.summary is None else self.summary.error

    @property
    def digits(self) -> Sequence[str]:
        """What was pressed, one entry for each time that it was asked for."""
        for kind in _WITH_DIGITS:
            events = [kept.event for kept in self.events if kept.event.type == kind]
            if digits := [event.digits for event in events if event.digits is not None]:
                return digits
        return []

    @property
    def words(self) -> str:
        """What became of it."""
        if self.summary is not None:
            pressed = f", pressed {' '.join(self.digits)}" if self.digits else ""
            return self.summary.words + pressed
        if self.events:
            return f"{self.events[-1].event.words}; no summary yet"
        if self._in_doubt:
            return "no answer came: it may have been placed"
        return "accepted; nothing was reported yet"

    @property
    def answer(self) -> str:
        """What 8x8 said to the request; nothing for a call that was not placed from here."""
        if self.placed is None:
            return ""
        return "no answer came" if self.placed.state in _IN_DOUBT else "accepted"

    @property
    def _in_doubt(self) -> bool:
        """Whether it is not known to have been placed: no answer came to its request, and no event."""
        return self.placed is not None and self.placed.state in _IN_DOUBT and not self.events

    def _party(self, name: str) -> str:
        """As the summary has it, which knows the whole session, or who comes first to know."""
        known = [self.placed, self.summary, *(kept.event for kept in self.events)]
        return next((party for one in known if (party := getattr(one, name, ""))), "")
