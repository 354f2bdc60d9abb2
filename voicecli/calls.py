"""What the events say of each call so far: which are open, and how the others ended. Bounded in memory."""

from collections import Counter, OrderedDict
from dataclasses import dataclass

from voicecli.events import Event, Received

MAX_OPEN = 10_000  # calls; beyond it the oldest are no longer followed
MAX_CLOSED = 10_000  # sessions whose summary came, so that what comes late does not open them again
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
    news: Event  # the last one
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
        if not session_id or received.times > 1 or session_id in self._closed:
            return None
        call = self.open.get(session_id)
        if call is None:
            call = Call(session_id, event.source, event.destination, now, now, event)
            self.open[session_id] = call
        call.source, call.destination = call.source or event.source, call.destination or event.destination
        call.last, call.news = now, event
        call.ended |= event.status == "CALL_DISCONNECTED"
        if event.outcome is not None:
            self._close(call, event.outcome)
        elif len(self.open) > MAX_OPEN:
            self.open.popitem(last=False)
        return call

    def _close(self, call: Call, outcome: str) -> None:
        call.outcome = outcome
        self.outcomes[outcome] += 1
        del self.open[call.session_id]
        self._closed[call.session_id] = None
        if len(self._closed) > MAX_CLOSED:
            self._closed.popitem(last=False)
