"""Lengths of time, as people write them and as they are told."""

import re
from datetime import timedelta

from voicecli.errors import InvalidInput

LONGEST = timedelta(days=365)
EXAMPLES = "a length of time such as 30s, 10m, 2h or 30d, up to a year"
_DURATION = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?", re.ASCII)


def parse(text: str) -> timedelta:
    """A length of time as people write it: 30s, 10m, 2h, 1h30m, 30d. Raises InvalidInput."""
    match = _DURATION.fullmatch(text.strip().lower())
    parts = [int(part or 0) for part in match.groups()] if match else [0]
    length = timedelta(**dict(zip(("days", "hours", "minutes", "seconds"), parts, strict=False)))
    if not timedelta(0) < length <= LONGEST:
        raise InvalidInput(f"{text!r} is not {EXAMPLES}.")
    return length
