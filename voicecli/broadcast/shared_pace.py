"""How fast calls leave where several machines share the store: one limit for all broadcasts of an
account, and one for all who work on the same broadcast. The rules are those of ``pacing``, the clock is the
database's.

Slots are taken ahead of time, several at once where calls are fast, so that the database need not be asked
before each call.
"""

import random
import time
from collections import deque

from voicecli.broadcast.pace_rules import LONGEST, PaceState, pack, unpack
from voicecli.broadcast.pacing import Pace, next_slot
from voicecli.store import stored_pace
from voicecli.store.broadcasts import Broadcast
from voicecli.store.engine import Store

AHEAD = 0.25  # seconds that a slot may be in the future when it is taken
LATE = 0.1  # seconds that a call may be late for its slot: its process was held up
AT_ONCE = 0.06  # seconds whose slots are taken together
MOST = 32  # of them
ASK_EVERY = 0.1  # seconds between two readings, where nothing holds calls up
BUSY = 0.002  # seconds, up to twice as many, until it is tried again where another was quicker


class SharedPace(Pace):
    """``rate`` is the limit of the broadcast in calls per second, None for none. Raises StoreFailed. Not for
    several threads."""

    _note_every = 0.25

    def __init__(self, store: Store, broadcast: Broadcast, rate: float | None) -> None:
        self._rate = rate or 0.0
        self._of_all = _Row(store, f"{broadcast.service} {broadcast.subaccount}")
        self._own = _Row(store, broadcast.id)
        self._clock = self._of_all.clock
        self._slots: deque[float] = deque()  # taken and not used yet
        self._answers = 0  # that are not in the store yet
        self._refused_until: float | None = None  # when the pause of 429s ends that are not there yet
        self._free_until = self._noted = -LONGEST

    def take(self) -> float | None:
        now = self._clock()
        while self._slots and self._slots[0] < now - LATE:
            self._slots.popleft()  # it is not made up for
        if not self._slots:
            if now < self._free_until:
                return None
            if (pause := self._take_slots()) is not None:
                return pause
            now = self._clock()
        if not self._slots:
            return None
        if self._slots[0] > now:
            return self._slots[0] - now
        self._slots.popleft()
        return None

    def _take_slots(self) -> float | None:
        """Take those of the next moments, or learn that nothing holds calls up; else gives the seconds until
        it is worth asking again."""
        if self._refused_until is not None:
            self._note()
        state, now = self._of_all.read()
        interval = state.interval_for(self._rate, now)
        if not interval:
            self._free_until = now + ASK_EVERY if state.paused <= now else -LONGEST
            return max(0.0, state.paused - now) or None
        own = None
        if self._rate and 1 / self._rate > interval * 1.001:  # another at work is faster
            own, _ = self._own.read()
            slot = next_slot(own.last + 1 / self._rate, now, own.paused)
            if slot > now:
                return slot - now
            own = own._replace(last=slot)
        slots: list[float] = []
        for _ in range(1 if own else max(1, min(MOST, round(AT_ONCE / interval)))):
            slot = max(next_slot(state.last + interval, now, state.paused), state.paused)
            if slot > now + AHEAD:
                break
            slots.append(slot)
            state = state.taken(slot, self._rate, now)
        if not slots:
            return slot - now
        if not self._of_all.write(state) or (own is not None and not self._own.write(own)):
            return random.uniform(BUSY, 2 * BUSY)
        self._slots += slots
        return None

    def too_many(self, retry_after: float | None) -> None:
        self._slots.clear()
        super().too_many(retry_after)

    def _note(self) -> None:
        """Write what 8x8 has answered; where another is quicker, with the next answers."""
        state, now = self._of_all.read()
        self._noted = now
        if self._of_all.write(self._with_news(state, now)):
            self._answers, self._refused_until = 0, None

    def _with_news(self, state: PaceState, now: float) -> PaceState:
        state = state.counted(self._answers, now)
        if self._refused_until is None:
            return state
        return state.slow_down_after_429(max(0.0, self._refused_until - now), now, self._rate)

    @property
    def paused(self) -> float:
        until = max(self._of_all.known.paused, self._refused_until or 0.0)
        return max(0.0, until - self._clock())

    def close(self) -> None:
        if self._answers or self._refused_until is not None:
            self._note()


class _Row:
    """The state with this name in the store; ``known`` is what it was when it was read last."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._ahead = 0.0  # of our monotonic clock the database's
        self._bytes, self._read_at = b"", 0.0
        self.known = PaceState()

    def clock(self) -> float:
        """The database's, in seconds."""
        if not self._ahead:
            self.read()
        return time.monotonic() + self._ahead

    def read(self) -> tuple[PaceState, float]:
        """The state, and what time it is."""
        before = time.monotonic()
        self._bytes, clock = stored_pace.read(self._store, self._name)
        self._ahead = clock - (before + time.monotonic()) / 2
        self._read_at = clock
        self.known = unpack(self._bytes, clock)
        return self.known, clock

    def write(self, state: PaceState) -> bool:
        """In place of what was read last; False where another has written since."""
        written = pack(state._replace(written=self._read_at))
        return stored_pace.replace(self._store, self._name, self._bytes, written)
