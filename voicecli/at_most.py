"""How often the same person may be called: ``--at-most 1/24h``."""

import re
from datetime import timedelta
from typing import NamedTuple, Self

from voicecli import durations
from voicecli.errors import InvalidInput, quote

NO_LIMIT = "none"
_EXAMPLES = "a number of calls in a length of time, such as 1/24h or 2/7d, or none"
_MICROSECOND = timedelta(microseconds=1)


class AtMost(NamedTuple):
    """So many calls to one number within this time."""

    calls: int
    within: timedelta

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """As people write it: 1/24h; None for "none". Raises InvalidInput."""
        written = text.strip().lower()
        if written == NO_LIMIT:
            return None
        match = re.fullmatch("([1-9][0-9]{0,3}) */ *([^/]+)", written, re.ASCII)
        if match is None:
            raise InvalidInput(f"{quote(text)} is not {_EXAMPLES}.")
        try:
            return cls(int(match[1]), durations.parse(match[2]))
        except InvalidInput as error:
            hint = f"Did you mean {match[1]}/1{match[2]}?" if match[2] in "smhd" else error.hint
            raise InvalidInput(f"{quote(text)} is not {_EXAMPLES}.", hint=hint) from error

    @property
    def microseconds(self) -> int:
        return self.within // _MICROSECOND

    @property
    def words(self) -> str:
        """At most so often: once in 24h."""
        return f"{'once' if self.calls == 1 else f'{self.calls} times'} in {self._time}"

    def __str__(self) -> str:
        return f"{self.calls}/{self._time}"

    @property
    def _time(self) -> str:
        """The length as ``durations.parse`` reads it; 24h rather than 1d, as people say it."""
        seconds = round(self.within.total_seconds())
        units = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
        if seconds == 86_400:
            return "24h"
        name, unit = next((name, unit) for name, unit in units if seconds % unit == 0)
        return f"{seconds // unit}{name}"
