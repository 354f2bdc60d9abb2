"""How fast calls leave: one limit for all broadcasts of this machine, and one of each.

When 8x8 says "too many requests" (429), all broadcasts wait, and go slower then: see ``pace_rules``.
"""

import time
from collections.abc import Callable
from pathlib import Path

from voicecli.broadcast.pace_file import PaceFile
from voicecli.broadcast.pace_rules import LONGEST, PaceState

CATCH_UP = 0.05  # seconds that a caller who slept too long may make up for: sleeps are that coarse
DEFAULT_PAUSE = 1.0  # seconds, where a 429 names no time
ASK_EVERY = 0.005  # seconds between two readings, where nothing holds calls up
BUSY = 0.002  # seconds until it is worth asking again for a file that another process has


class Pace:
    """How fast the calls of this process may leave, together with those of all others that have the file.

    ``rate`` is its own limit in calls per second, None for none; the clock must be the same for all
    processes. Errors of the file are StoreFailed, or ConfigurationError where there is a link in its
    place. Not for several threads.
    """

    _note_every = 0.02  # seconds between two writings of the answers

    def __init__(
        self, path: Path, rate: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate or 0.0
        self._interval = 1 / rate if rate else 0.0
        self._last = -LONGEST  # the slot of the last call of our own
        self._clock = clock
        self._answers = 0  # that are not in the file yet
        self._refused_until: float | None = None  # when the pause of 429s ends that are not there yet
        self._free_until = -LONGEST  # when nothing held calls up, the file need not be asked again so soon
        self._noted = clock() - self._note_every
        self._file = PaceFile(path)

    def take(self) -> float | None:
        """A call may leave now: None. Else the seconds until it is worth asking again; nothing is taken."""
        if self._clock() < self._free_until:
            return None
        with self._file as file:
            if file is None:
                return BUSY
            now = self._clock()
            state = file.read(now)
            if self._refused_until is not None:
                state = self._with_news(state, now)
                file.write(state, now)
            interval = state.interval_for(self._rate, now)
            slot = next_slot(state.last + interval, now, state.paused)
            own = next_slot(self._last + self._interval, now, state.paused)
            due = max(state.paused, slot if interval else 0.0, own if self._interval else 0.0)
            if due > now:
                return due - now
            if interval:
                if not file.write(state.taken(slot, self._rate, now), now):
                    return BUSY
            elif not self._interval:
                self._free_until = now + ASK_EVERY
            self._last = own
            return None

    def too_many(self, retry_after: float | None) -> None:
        """8x8 answered 429: all wait for so many seconds, and are slower after that."""
        self._free_until = -LONGEST
        pause = DEFAULT_PAUSE if retry_after is None else min(max(0.0, retry_after), LONGEST)
        self._refused_until = max(self._clock() + pause, self._refused_until or -LONGEST)
        self._note()

    def answered(self) -> None:
        """8x8 accepted a call: after many of these all may be faster."""
        self._answers += 1
        if self._clock() >= self._noted + self._note_every:
            self._note()

    def _note(self) -> None:
        """Write what 8x8 has answered; where another process has the file, with the next answers."""
        with self._file as file:
            now = self._noted = self._clock()
            if file is not None:
                file.write(self._with_news(file.read(now), now), now)

    def _with_news(self, state: PaceState, now: float) -> PaceState:
        state, self._answers = state.counted(self._answers, now), 0
        if self._refused_until is not None:
            state = state.slow_down_after_429(max(0.0, self._refused_until - now), now, self._rate)
            self._refused_until = None
        return state

    @property
    def paused(self) -> float:
        """Seconds that everybody still waits because of a 429, 0.0 for none."""
        now = self._clock()
        return max(0.0, self._file.read(now).paused - now, (self._refused_until or 0.0) - now)

    def close(self) -> None:
        try:
            if self._answers:
                self._note()
        finally:
            self._file.close()


def next_slot(slot: float, now: float, paused: float) -> float:
    """The slot that a call takes: the one that is due, or now after a rest, which is not made up for."""
    return now if slot <= max(now - CATCH_UP, paused) else slot
