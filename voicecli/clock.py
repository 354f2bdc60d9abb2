"""What time it is, and moments in words."""

import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache


def now() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def to_local(microseconds: int) -> "datetime":
    """A moment since 1970 in this machine's time zone."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(microseconds / 1e6, UTC).astimezone()


def local_time(microseconds: int) -> str:
    """A moment since 1970 for people, where they are: the time of day, and the day unless it is today."""
    moment = to_local(microseconds)
    today = moment.date() == to_local(now()).date()
    return f"{moment:%H:%M:%S}" if today else f"{moment:%Y-%m-%d %H:%M:%S}"


def iso(microseconds: int) -> str:
    """A moment since 1970 for programs, in UTC to the millisecond."""
    return f"{_second(microseconds // 1_000_000)}.{microseconds // 1000 % 1000:03}Z"


@lru_cache(16)
def _second(seconds: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


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


def microseconds(point: datetime | None) -> int:
    """A point in time as the store has it, since 1970; 0 for None."""
    return 0 if point is None else round(point.timestamp() * 1_000_000)
