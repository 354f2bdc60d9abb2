"""What is known of each call so far: which are open, and how the others ended. Bounded in memory."""

from collections import Counter, OrderedDict
from typing import NamedTuple

from voicecli.sessions.counts import count
from voicecli.sessions.session import Session
from voicecli.voice_api.webhook_events import Received

MAX_CALLS = 10_000  # that are open, and as many whose summary came, so that a later one corrects it
MAX_OUTCOMES = 50  # kinds that are told apart; 8x8 has ten
NO_CALL = ("VRU", "VNU")  # recordings come when the call is over, and numbers change without any
SUMMARY_DUE = 60.0  # seconds from the end of a call to its summary
NEWS_DUE = 600.0  # seconds without any event
OTHER = "OTHER"


class CallUpdate(NamedTuple):
    """A call of which more is known. ``corrects`` is whether it had an outcome already."""

    session: Session
    corrects: bool = False


class OpenCalls:
    """``see`` every event; ``open`` has the calls without a summary, ``outcomes`` counts the others."""

    def __init__(self) -> None:
        self.open: OrderedDict[str, Session] = OrderedDict()
        self.outcomes: Counter[str] = Counter()
        self._closed: OrderedDict[str, Session] = OrderedDict()

    def see(self, received: Received) -> CallUpdate | None:
        """The call that an event is about; None where it tells nothing new of a call. Of a call that is over
        only another outcome is new."""
        event = received.event
        session_id = event.session_id
        if not session_id or received.again or event.type in NO_CALL:
            return None
        session = self._closed.get(session_id) or self.open.get(session_id) or Session()
        before = session.outcome
        session.see(received)
        outcome = session.outcome
        if before is not None and before == outcome:
            return None
        known = self.open if outcome is None else self._closed
        if outcome is not None:
            self.open.pop(session_id, None)
            count(self.outcomes, outcome, 1, most=MAX_OUTCOMES, other=OTHER)
        if before is not None:
            count(self.outcomes, before, -1, most=MAX_OUTCOMES, other=OTHER)
        known[session_id] = session
        if len(known) > MAX_CALLS:
            known.popitem(last=False)
        return CallUpdate(session, corrects=before is not None)


def is_overdue(session: Session, now: float) -> bool:
    """Whether its summary should have come by now (seconds since 1970)."""
    return silent_for(session, now) > (SUMMARY_DUE if session.disconnected else NEWS_DUE)


def silent_for(session: Session, now: float) -> float:
    """Seconds since it was last heard of."""
    return now - (session.last or session.start) / 1e6
