"""A call that somebody waits for: a session, and whether there is more to know of it."""

from voicecli.sessions.attempt import Attempt
from voicecli.sessions.session import Session
from voicecli.voice_api.codes import Outcome, is_unsubscribed
from voicecli.voice_api.webhook_events import Event, Received

DIGITS_DUE = 5.0  # seconds after the summary of an answered call for its VCA, which it may have overtaken


class PendingCall:
    """A view of its ``session`` for who waits. As long as 8x8 has not told the attempt's session, because its
    answer was lost, the summary with the call's clientRequestId tells it (``names``)."""

    __slots__ = ("attempt", "session")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.session = Session(attempt)

    @property
    def session_id(self) -> str | None:
        """None as long as nobody has told it."""
        return self.session.id or None

    def placed_as(self, session_id: str) -> None:
        """Now its session is known; what was reported of that is to be seen from its beginning."""
        self.session.id = session_id

    def names(self, event: Event) -> bool:
        """Whether this is the summary that tells the session of a call whose answer was lost: one with its
        clientRequestId, which others may have, and no other number called."""
        attempt = self.attempt
        own = event.type == "VSS" and event.client_request_id == attempt.client_request_id
        called = event.destination.lstrip("+")
        same = not attempt.destination or called in ("", attempt.destination.lstrip("+"))
        return not self.session.id and own and same and bool(event.session_id)

    def see(self, received: Received) -> str | None:
        """Take an event in; what it tells of this call, in words, where that is news."""
        if not self.session.id or not self.session.see(received):
            return None
        return self.session.describe(received.event)

    def is_settled(self, now: float) -> bool:
        """Whether all is known that there is to know, at this moment (seconds since 1970)."""
        settled = settled_at(self.session)
        return settled is not None and settled <= now

    def words(self) -> str:
        """What became of it."""
        session, asks = self.session, self.attempt.asks
        ending = "no summary came in time" if session.outcome is None else session.summary.words
        if asks is None:
            return ending
        if asks == "":
            return f"{'no digits' if session.digits is None else f'digits {session.digits}'}; {ending}"
        if session.confirmed:
            return f"confirmed with {session.digits}; {ending}"
        if session.digits is not None:
            return f"not confirmed, {session.digits} was pressed; {ending}"
        silent = session.outcome == Outcome.COMPLETED
        return f"not confirmed, nothing was pressed; {ending}" if silent else ending


def settled_at(session: Session) -> float | None:
    """From when on no more of a call is waited for (seconds since 1970): when its summary came, or DIGITS_DUE
    later where that may have overtaken the VCA that tells what was pressed. None as long as none came."""
    if session.summarised is None:
        return None
    asks = session.attempt is not None and session.attempt.asks is not None
    overtaken = asks and session.answered and not session.vca_seen
    late = overtaken and not is_unsubscribed(session.outcome or "")
    return session.summarised / 1e6 + (DIGITS_DUE if late else 0.0)
