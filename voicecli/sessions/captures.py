"""What was pressed during a call: each entry once, in the order of their timestamps."""

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from voicecli.sessions.key_names import KeyNames

if TYPE_CHECKING:
    from voicecli.voice_api.webhook_events import Event

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


class PressedKeys:
    """What was pressed during a call: a VCA says what was captured, and only where none did, a VCS what was
    pressed. ``keys`` is what they mean."""

    __slots__ = ("_by_type", "_keys")

    def __init__(self, keys: KeyNames | None) -> None:
        self._by_type: dict[str, Captures] = {}
        self._keys = keys

    def add(self, event: "Event", at: int) -> bool:
        """Whether an event of that moment (microseconds since 1970) tells anything that was not known."""
        digits = event.digits or ""
        if not digits.strip("#") and not self._takes_hash:
            return False
        event_id = event.payload.get("eventId")
        capture = Capture(at, event_id[:100] if isinstance(event_id, str) else "", digits)
        is_final = self._keys is not None and self._keys.is_final(self._entry(digits))
        return self._by_type.setdefault(event.type, Captures()).add(capture, is_final=is_final)

    @property
    def entries(self) -> list[str]:
        """One for each time that something was pressed, in the order of their timestamps."""
        return [self._entry(capture.digits) for capture in self._counting.entries]

    @property
    def answer(self) -> str | None:
        """The first entry that is final, else the last one."""
        capture = self._answer
        return None if capture is None else self._entry(capture.digits)

    @property
    def answered_at(self) -> int:
        """When that was pressed; 0 where it was not, or no event said."""
        return 0 if self._answer is None else self._answer.at

    @property
    def is_final(self) -> bool:
        """Whether nobody is called again who pressed that."""
        return self._counting.final is not None

    @property
    def _answer(self) -> Capture | None:
        captures = self._counting
        return captures.final or (captures.entries[-1] if captures.entries else None)

    @property
    def _counting(self) -> Captures:
        return self._by_type.get("VCA") or self._by_type.get("VCS") or Captures()

    @property
    def _takes_hash(self) -> bool:
        return self._keys is not None and "#" in self._keys.names

    def _entry(self, digits: str) -> str:
        """What was entered: a # that only ended it is no part of it."""
        if self._keys is not None:
            digits = self._keys.entered(digits)
        return digits if self._takes_hash else digits.removesuffix("#")
