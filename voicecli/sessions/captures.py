"""What was pressed during a call: each entry once, in the order of their timestamps."""

from bisect import bisect_left
from typing import NamedTuple

MAX_CAPTURES = 100  # entries that are kept of one call; of more, the last ones


class Capture(NamedTuple):
    """One entry: what was pressed at one moment. Ordered by time, and where that is the same by content."""

    at: int  # microseconds since 1970, 0 where the event does not say
    event: str  # its eventId
    digits: str


class Captures:
    """The entries that one type of event has brought, each once, in the order of their timestamps."""

    __slots__ = ("entries", "final")

    def __init__(self) -> None:
        self.entries: list[Capture] = []
        self.final: Capture | None = None  # the first after which nobody is called again

    def add(self, entry: Capture, *, is_final: bool) -> bool:
        """Whether it was not known."""
        changed = is_final and (self.final is None or entry < self.final)
        if changed:
            self.final = entry
        place = bisect_left(self.entries, entry)
        if self.entries[place : place + 1] == [entry]:
            return changed
        full = len(self.entries) == MAX_CAPTURES
        if full and place == 0:
            return changed
        self.entries.insert(place, entry)
        del self.entries[: int(full)]
        return True
