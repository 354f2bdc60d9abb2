"""A call that somebody waits for: what its events have told so far, and whether that is all."""

from dataclasses import dataclass, field

from voicecli.events import Event, Received
from voicecli.vocabulary import Outcome

DIGITS_DUE = 5.0  # seconds after the summary of an answered call for its digits, which may be overtaken


@dataclass(slots=True)
class Awaited:
    """``destination`` is the number called, or nothing where that is not known. ``session_id`` is None as
    long as 8x8 has not told it: its answer was lost. Then the summary with the call's clientRequestId tells.
    ``digits_wanted`` is whether the call asks for digits, and ``confirming`` has those that confirm, where
    some do. ``summary`` is the VSS, once it came."""

    client_request_id: str
    destination: str
    session_id: str | None = None
    digits_wanted: bool = False
    confirming: frozenset[str] = frozenset()
    digits: str | None = field(default=None, init=False)
    summary: Event | None = field(default=None, init=False)
    _asked: bool = field(default=False, init=False)
    _summarised: float = field(default=0.0, init=False)  # when: seconds since 1970
    _seen: set[int] = field(default_factory=set, init=False)

    def names(self, event: Event) -> bool:
        """Whether this is the summary that tells the session of a call whose answer was lost: one with its
        clientRequestId, which others may have, and no other number called."""
        own = event.type == "VSS" and event.client_request_id == self.client_request_id
        same = not self.destination or event.destination.lstrip("+") in ("", self.destination.lstrip("+"))
        return self.session_id is None and own and same and bool(event.session_id)

    def see(self, received: Received) -> str | None:
        """Take an event in; what it tells of this call, in words, where that is news."""
        event = received.event
        if self.session_id is None or event.session_id != self.session_id or received.id in self._seen:
            return None
        self._seen.add(received.id)
        if event.type == "VCA" and event.status != "CALL_RECEIVED":
            self._asked = True
            if not self.confirmed:
                self.digits = self._without_end(event.digits) or self.digits
        if event.type == "VSS" and event.outcome is not None:
            self.summary, self._summarised = event, received.received / 1e6
        return event.words

    def _without_end(self, digits: str | None) -> str | None:
        """A # that somebody ends a code with is no part of it, even if 8x8 was not told that it ends one."""
        return digits if digits is None or self.confirming else digits.removesuffix("#")

    @property
    def outcome(self) -> str | None:
        return None if self.summary is None else self.summary.outcome

    @property
    def confirmed(self) -> bool:
        """Whether the digits are what was asked for."""
        if not self.digits_wanted or self.digits is None:
            return False
        return not self.confirming or self.digits in self.confirming

    def is_settled(self, now: float) -> bool:
        """Whether all is known that there is to know, at this moment (seconds since 1970)."""
        if self.summary is None:
            return False
        overtaken = self.digits_wanted and not self._asked and self.outcome == Outcome.COMPLETED
        return not overtaken or now - self._summarised >= DIGITS_DUE

    def words(self) -> str:
        """What became of it."""
        ending = "no summary came in time" if self.summary is None else self.summary.words
        if not self.digits_wanted:
            return ending
        if not self.confirming:
            return f"{'no digits' if self.digits is None else f'digits {self.digits}'}; {ending}"
        if self.confirmed:
            return f"confirmed with {self.digits}; {ending}"
        if self.digits is not None:
            return f"not confirmed, {self.digits} was pressed; {ending}"
        return (
            f"not confirmed, nothing was pressed; {ending}" if self.outcome == Outcome.COMPLETED else ending
        )
