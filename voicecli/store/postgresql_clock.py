"""The database's clock, by which all who share it go."""

import time
from typing import Final

from voicecli.clock import ClockJumps, now

CLOCK: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
"""What it says, in microseconds since 1970; ``now()`` would be the beginning of the transaction."""
FRESH_FOR = 5.0  # seconds: clocks run apart by less than a millisecond in them
_JUMP = 0.05  # seconds


class ServerClock:
    """Tells it by this machine's clock, and how far that was from it when it was seen last."""

    def __init__(self) -> None:
        self._offset = 0
        self._seen_at = float("-inf")  # monotonic
        self._jumps = ClockJumps()

    @property
    def is_known(self) -> bool:
        """Whether it was seen of late, and our own clock has only gone on since then."""
        if abs(self._jumps.seconds()) >= _JUMP:
            self._seen_at = float("-inf")  # until it is seen again
        return time.monotonic() - self._seen_at < FRESH_FOR

    def saw(self, microseconds: int) -> None:
        """It said that just now."""
        self._offset = microseconds - now()
        self._seen_at = time.monotonic()
        self._jumps.seconds()

    def now(self) -> int:
        return now() + self._offset
