"""The rules of the pace: when the next call may leave, and what a 429 changes (``slow_down_after_429``).

A call takes its slot in a queue of moments (GCRA), as far apart as the fastest broadcast wants them.
After a 429 a learned limit holds: it is lowered at once, rises slowly while answers come (AIMD), and is
forgotten when it lies far above what was ever reached.
"""

import struct
from typing import NamedTuple
from zlib import crc32

LONGEST = 3600.0  # seconds; nothing in the file may be further ahead
ONE_CUT = 1.0  # seconds in which several 429s are one: they answer requests that left together
CUT = 0.7  # of what was too many
GROWTH = 1.07  # times faster every second
CAREFUL = 10.0  # seconds after a 429, in which it grows by GROWTH only
RECOVERY = 1.25  # times faster every second, from then on
LONGEST_GROWTH = 10.0  # seconds of it at once, where answers are rare
FIRST = 30.0  # calls per second that count as too many, where hardly any were measured
LEAST = 1 / 60  # calls per second
AT_WORK = 2.0  # seconds after a call for which its broadcast counts as running
FORGOTTEN = 60.0  # seconds without any call, after which a learned limit is no longer true
WINDOW = 2.0  # seconds; answers are counted over one to two of these


class PaceState(NamedTuple):
    """What ``pace_file`` holds; moments are those of the clock, in seconds, rates are calls per second."""

    written: float = 0.0
    last: float = -LONGEST  # the slot of the last call, where there is a limit
    paused: float = 0.0  # until when everybody waits
    limit: float = 0.0  # learned from 429s; 0 for none
    cut: float = -LONGEST  # when it was last lowered
    grown: float = 0.0  # until when its growth has been reckoned
    fastest: float = 0.0  # the most that was measured since there has been one
    window: float = 0.0  # when counting began
    answers: float = 0.0  # since then
    window_before: float = 0.0
    answers_before: float = 0.0
    rate: float = 0.0  # of the fastest broadcast that has one
    rate_until: float = 0.0  # until when that is taken to be at work

    @property
    def interval(self) -> float:
        """The learned limit, as the seconds from one call to the next; 0.0 for none."""
        return 1 / self.limit if self.limit else 0.0

    def interval_for(self, rate: float, now: float) -> float:
        """The same for all calls while a broadcast with this rate (0.0 for none) is among those at work."""
        fastest = max(rate, self.rate if now < self.rate_until else 0.0) if rate else 0.0
        return min(LONGEST, max(1 / fastest if fastest else 0.0, self.interval))

    def taken(self, slot: float, rate: float, now: float) -> "PaceState":
        """After a call in this slot, of a broadcast with this rate."""
        if not rate or (rate < self.rate and now < self.rate_until):
            return self._replace(last=slot)
        return self._replace(last=slot, rate=rate, rate_until=now + max(AT_WORK, 2 / rate))

    def measured(self, now: float) -> float:
        """Calls per second that 8x8 took of late."""
        return (self.answers_before + self.answers) / max(1.0, now - self.window_before)

    def counted(self, answers: int, now: float) -> "PaceState":
        """After more answers: counted, and faster, until there is no limit."""
        state = self
        if now - self.window >= WINDOW:
            before = (self.window, self.answers) if now - self.window < 2 * WINDOW else (now, 0.0)
            state = self._replace(window=now, answers=0.0, window_before=before[0], answers_before=before[1])
        state = state._replace(answers=state.answers + answers)
        if not state.limit or not answers:
            return state
        fastest = max(state.fastest, state.measured(now))
        growth = GROWTH if now < max(state.cut, state.paused) + CAREFUL else RECOVERY
        limit = state.limit * growth ** min(max(0.0, now - state.grown), LONGEST_GROWTH)
        if limit > 2 * fastest:
            return state._replace(limit=0.0)
        return state._replace(limit=limit, fastest=fastest, grown=max(now, state.grown))

    def slow_down_after_429(self, pause: float, now: float, rate: float) -> "PaceState":
        """After a 429 to a broadcast with this rate: paused, and slower; several at once count once."""
        state = self._replace(paused=max(self.paused, now + pause))
        if now >= self.paused and now >= self.cut + ONE_CUT:
            fastest = self.fastest if self.limit else max(FIRST, self.measured(now), rate)
            limit = max(LEAST, CUT * (self.limit or fastest))
            state = state._replace(limit=limit, fastest=fastest, cut=now)
        return state._replace(grown=max(state.grown, state.paused))


_BODY = struct.Struct(f"<16s{len(PaceState._fields)}d")
WHOLE = struct.Struct(_BODY.format + "I")  # with a check sum
_MAGIC = b"voicecli pace 2\n"


def pack(state: PaceState) -> bytes:
    """As the file holds it, with a check sum."""
    body = _BODY.pack(_MAGIC, *state)
    return body + crc32(body).to_bytes(4, "little")


def unpack(data: bytes, now: float) -> PaceState:
    """A new state where the file has none: it is new, damaged, or from before the machine was started."""
    data = data[: WHOLE.size]
    if len(data) < WHOLE.size:
        return PaceState()
    magic, *values, check = WHOLE.unpack(data)
    if magic != _MAGIC or check != crc32(data[: _BODY.size]):
        return PaceState()
    state = PaceState(*values)
    latest = now + LONGEST
    if state.written > now or state.last > latest or state.paused > latest:
        return PaceState()
    idle = now - max(state.written, state.paused) > FORGOTTEN + state.interval
    return PaceState(last=state.last, paused=state.paused) if idle else state
