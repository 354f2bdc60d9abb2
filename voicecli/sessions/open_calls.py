"""What is known of each call so far: which are open, and how the others ended. Bounded in memory."""

from collections import Counter, OrderedDict
from typing import NamedTuple

from voicecli.sessions.counts import count
from voicecli.sessions.session import Session
from voicecli.voice_api.webhook_events import Received

MAX_OPEN = 10_000  # calls; beyond it the oldest are no longer followed
MAX_OUTCOMES = 50  # kinds that are told apart; 8x8 has ten
MAX_CLOSED = 10_000  # calls whose summary came, so that a later one corrects it
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
        if session_id in self._closed:
            return self._correct(self._closed[session_id], received)
        session = self.open.get(session_id) or Session()
        session.see(received)
        if session.outcome is not None:
            self._close(session, session.outcome)
            return CallUpdate(session)
        self.open[session_id] = session
        if len(self.open) > MAX_OPEN:
            self.open.popitem(last=False)
        return CallUpdate(session)

    def _correct(self, session: Session, received: Received) -> CallUpdate | None:
        before = session.outcome
        session.see(received)
        if before is None or session.outcome is None or session.outcome == before:
            return None
        self._count(before, -1)
        self._count(session.outcome, 1)
        return CallUpdate(session, corrects=True)

    def _close(self, session: Session, outcome: str) -> None:
        self._count(outcome, 1)
        self.open.pop(session.id, None)
        self._closed[session.id] = session
        if len(self._closed) > MAX_CLOSED:
            self._closed.popitem(last=False)

    def _count(self, outcome: str, calls: int) -> None:
        count(self.outcomes, outcome, calls, most=MAX_OUTCOMES, other=OTHER)


def is_overdue(session: Session, now: float) -> bool:
    """Whether its summary should have come by now (seconds since 1970)."""
    return silent_for(session, now) > (SUMMARY_DUE if session.disconnected else NEWS_DUE)


def silent_for(session: Session, now: float) -> float:
    """Seconds since it was last heard of."""
    return now - (session.last or session.start) / 1e6
