"""Quiet hours: at what hours and on what days people may be called, by the clock where they live.

``phone.time_zones`` has the zones of a number; ``broadcast.callee_hours`` applies both to the calls of a
broadcast."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from voicecli.errors import InvalidInput, quote

HORIZON = timedelta(days=8)  # a whole week, however it begins
LEAST_OPEN = 10  # minutes of a day
_MINUTE = timedelta(minutes=1)
_SATURDAY = 5
_TIME = r"(\d{1,2})(?::(\d\d))?"
_RANGE = re.compile(rf"\s*{_TIME}\s*[-–]\s*{_TIME}\s*", re.ASCII)

_LIKE_TIME = r"\d{1,2}(?:[:.h]?\d\d)?(?:[ap]\.?m\.?|h|uhr)?"
_LIKE_HOURS = rf"{_LIKE_TIME}(?:(?:[-‐‑–—−~/,;]|to|until|till|bis)(?:{_LIKE_TIME})?)*"


@dataclass(frozen=True, slots=True)
class Hours:
    """When people may be called. Zones are names such as Europe/Paris; where a number may be in several, all
    must allow it. An unknown zone allows nothing.

    What counts is the time on the wall there, worked out anew for each moment: a clock change, here or there,
    moves no call into quiet hours.
    """

    quiet: tuple[time, time] | None  # from, to, local; may cross midnight; None: no quiet hours
    weekdays: bool  # only Monday to Friday, there

    def allow(self, zones: Sequence[str], moment: datetime) -> bool:
        """Whether all of the zones allow it at that moment, which knows its own zone; False for no zones."""
        if moment.tzinfo is None:
            raise ValueError("a moment without a zone would be taken for one of this machine's")
        for name in zones:
            zone = _zone(name)
            if zone is None or not self._allows(moment.astimezone(zone)):
                return False
        return bool(zones)

    def _allows(self, there: datetime) -> bool:
        if self.weekdays and there.weekday() >= _SATURDAY:
            return False
        if self.quiet is None:
            return True
        start, end = self.quiet
        now = there.time()
        return end <= now < start if end < start else not start <= now < end

    def open_until(self, zones: Sequence[str], moment: datetime, latest: datetime) -> datetime:
        """Up to when all of the zones allow it from then on, to the minute, and ``latest`` at the latest."""
        minute = moment.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
        while minute < latest and self.allow(zones, minute):
            minute += _MINUTE
        return min(minute, latest)

    def open_at(self, zones: Sequence[str], moment: datetime) -> datetime | None:
        """The first moment from that one on, to the minute, at which all of the zones allow it (UTC); None
        where there is none within 8 days."""
        if any(_zone(name) is None for name in zones) or not zones:
            return None
        then = moment.astimezone(UTC)
        last = then + HORIZON
        while then <= last:
            if self.allow(zones, then):
                return then
            then = then.replace(second=0, microsecond=0) + _MINUTE
        return None


def parse_quiet_hours(text: str) -> tuple[time, time]:
    """Read ``21:00-08:00`` or ``21-8``: from, to. Raises InvalidInput."""
    found = _RANGE.fullmatch(text)
    start, end = (_time(found[1], found[2]), _time(found[3], found[4])) if found else (None, None)
    if start is None or end is None:
        raise InvalidInput(f"{quote(text)} is not a time span.", hint="Give one such as 21:00-08:00.")
    if (start.hour * 60 + start.minute - end.hour * 60 - end.minute) % 1440 < LEAST_OPEN:
        raise InvalidInput(
            f"{quote(text)} is the whole day, or nearly so: nobody could be called.",
            hint="Give hours such as 21:00-08:00.",
        )
    return start, end


def looks_like_hours(text: str) -> bool:
    """Whether a text is nothing but hours, or a time of day, in whatever way people write them, right or
    wrong: 21:00-08:00, 21-8, 9pm to 8am, 25-8, 21:00. A number alone is not."""
    written = _closely(text)
    return not written.isdigit() and re.fullmatch(_LIKE_HOURS, written) is not None


def refuse_hours(message: str, *, hint: str = "", spans_only: bool = False) -> None:
    """A message that is only hours was meant as those in which nobody is called. Raises InvalidInput; with
    ``spans_only`` not for a time of day."""
    is_time = spans_only and re.fullmatch(_LIKE_TIME, _closely(message))
    if looks_like_hours(message) and not is_time:
        raise InvalidInput("The message is nothing but hours.", hint=hint)


def _closely(text: str) -> str:
    """Without blanks, and without what ends a sentence."""
    return "".join(text.split()).lower().rstrip(".!?")


def _time(hour: str, minute: str | None) -> time | None:
    """A time of day, where 24:00 is midnight; None where there is no such time."""
    hours, minutes = int(hour), int(minute or 0)
    if (hours, minutes) == (24, 0):
        return time(0)
    return time(hours, minutes) if hours < 24 and minutes < 60 else None


@lru_cache(1_000)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or a folder of zones
        return None
