"""A call that somebody waits for: a session, and whether there is more to know of it."""

from voicecli.sessions.key_names import STOP
from voicecli.sessions.session import Session
from voicecli.voice_api.codes import Outcome, is_unsubscribed
from voicecli.voice_api.webhook_events import Event, Received

DIGITS_DUE = 5.0  # seconds after the summary of an answered call for its VCA, which it may have overtaken


class PendingCall(Session):
    """The session of an attempt, for who waits for it. As long as 8x8 has not told its id, because an answer
    was lost, the summary with the call's clientRequestId tells it (``names``)."""

    __slots__ = ()

    def names(self, event: Event) -> bool:
        """Whether this is the summary that tells the session of a call whose answer was lost: one with its
        clientRequestId, which others may have, and no other number called."""
        own = event.type == "VSS" and event.client_request_id == self.client_request_id
        called = event.destination.lstrip("+")
        same = not self.destination or called in ("", self.destination.lstrip("+"))
        return not self.id and own and same and bool(event.session_id)

    def observe(self, received: Received) -> str | None:
        """``see`` an event, if its session is known; what it tells of this call, in words, where that is
        news."""
        return self.describe(received.event) if self.id and self.see(received) else None

    def is_settled(self, now: float) -> bool:
        """Whether all is known that there is to know, at this moment (seconds since 1970)."""
        settled = settled_at(self)
        return settled is not None and settled <= now

    def describe_ending(self) -> str:
        """What became of it."""
        ending = "no summary came in time" if self.outcome is None else self.summary.words
        if self.asks is None:
            return ending
        if self.asks == "":
            return f"{'no digits' if self.digits is None else f'digits {self.digits}'}; {ending}"
        if self.keys is not None and self.keys.stored_names is not None:
            key = self._describe_key()
            return f"{key}; {ending}" if key else ending
        if self.confirmed:
            return f"confirmed with {self.digits}; {ending}"
        if self.digits is not None:
            return f"not confirmed, {self.digits} was pressed; {ending}"
        silent = self.outcome == Outcome.COMPLETED
        return f"not confirmed, nothing was pressed; {ending}" if silent else ending

    def _describe_key(self) -> str:
        """What was pressed, of keys with names."""
        if self.result is None:
            if self.digits is not None:
                return f"{self.digits} was pressed, which has no name"
            return "nothing was pressed" if self.outcome == Outcome.COMPLETED else ""
        what_follows = ": no more calls" if self.result == STOP else ""
        return f"{self.result} with {self.digits}{what_follows}"


def settled_at(session: Session) -> float | None:
    """From when on no more of a call is waited for (seconds since 1970): when its summary came, or DIGITS_DUE
    later where that may have overtaken the VCA that tells what was pressed. None as long as none came."""
    if session.summarised is None:
        return None
    overtaken = session.asks is not None and session.answered and not session.vca_seen
    late = overtaken and not is_unsubscribed(session.outcome or "")
    return session.summarised / 1e6 + (DIGITS_DUE if late else 0.0)
