"""What the events say of each call so far: which are open, and how the others ended. Bounded in memory."""

from collections import Counter, OrderedDict
from dataclasses import dataclass

from voicecli.events import Received

MAX_OPEN = 10_000  # calls; beyond it the oldest are no longer followed
MAX_OUTCOMES = 50  # kinds that are told apart; 8x8 has nine
MAX_CLOSED = 10_000  # sessions whose summary came, so that what comes late does not open them again
NO_CALL = ("VRU", "VNU")  # recordings come when the call is over, and numbers change without any
SUMMARY_DUE = 60.0  # seconds from the end of a call to its summary
NEWS_DUE = 600.0  # seconds without any event


@dataclass(slots=True)
class Call:
    """One session. Times are in seconds since 1970; ``outcome`` is None until its summary came."""

    session_id: str
    source: str
    destination: str
    first: float
    last: float
    words: str  # what was last heard of it
    ended: bool = False
    outcome: str | None = None

    def overdue(self, now: float) -> bool:
        """Whether its summary should have come by now."""
        return now - self.last > (SUMMARY_DUE if self.ended else NEWS_DUE)


class Calls:
    """``see`` every event; ``open`` has the calls without a summary, ``outcomes`` counts the others."""

    def __init__(self) -> None:
        self.open: OrderedDict[str, Call] = OrderedDict()
        self.outcomes: Counter[str] = Counter()
        self._closed: OrderedDict[str, None] = OrderedDict()

    def see(self, received: Received) -> Call | None:
        """The call that an event is about, brought up to date; None where it tells nothing new of a call."""
        event, now = received.event, received.received / 1e6
        session_id = event.session_id
        if not session_id or received.again or session_id in self._closed or event.type in NO_CALL:
            return None
        call = self.open.get(session_id)
        if call is None:
            call = Call(session_id, event.source, event.destination, now, now, event.words)
        call.source, call.destination = call.source or event.source, call.destination or event.destination
        call.last, call.words = now, event.words
        call.ended |= event.status == "CALL_DISCONNECTED"
        if event.outcome is not None:
            self._close(call, event.outcome)
            return call
        self.open[session_id] = call
        if len(self.open) > MAX_OPEN:
            self.open.popitem(last=False)
        return call

    def _close(self, call: Call, outcome: str) -> None:
        call.outcome = outcome
        counted = outcome in self.outcomes or len(self.outcomes) < MAX_OUTCOMES
        self.outcomes[outcome if counted else "OTHER"] += 1
        self.open.pop(call.session_id, None)
        self._closed[call.session_id] = None
        if len(self._closed) > MAX_CLOSED:
            self._closed.popitem(last=False)
