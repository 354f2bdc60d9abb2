"""What time it is."""

import time
from collections.abc import Callable


def now() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


class ClockJumps:
    """Notices that the wall clock went on by itself: the machine has slept, or its clock was set. Both clocks
    are in seconds; the steady one stands still while the machine sleeps."""

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()

    def seconds(self) -> float:
        """By how much since the last time this was asked; less than 0 where it was set back."""
        before, self._offset = self._offset, self._wall() - self._steady()
        return self._offset - before
