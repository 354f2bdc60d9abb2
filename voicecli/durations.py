"""Lengths of time, read as people write them and described in words."""

import re
from datetime import timedelta

from voicecli.errors import InvalidInput

LONGEST = timedelta(days=365)
EXAMPLES = "a length of time such as 30s, 10m or 30d"
_UNITS = {
    word: unit
    for unit, words in {
        "s": "s sec secs second seconds",
        "m": "m min mins minute minutes",
        "h": "h hr hrs hour hours",
        "d": "d day days",
        "w": "w week weeks",
    }.items()
    for word in words.split()
}
# Compiled when it is used, since that takes 0.5 ms, and every command loads this.
_DURATION = "".join(f"(?:([0-9]{{1,6}}){unit})?" for unit in "dhms")


def parse(text: str) -> timedelta:
    """A length of time as people write it: 30s, 10m, 2h, 1h30m, 30d. Raises InvalidInput."""
    match = re.fullmatch(_DURATION, text.strip().lower())
    parts = [int(part or 0) for part in match.groups()] if match else [0]
    length = timedelta(**dict(zip(("days", "hours", "minutes", "seconds"), parts, strict=False)))
    if match and text.strip() and not length:
        raise InvalidInput(f"{text!r} is too short: it must be more than 0s.")
    if length > LONGEST:
        raise InvalidInput(f"{text!r} is too long: at most a year, 365d.")
    if not length:
        raise InvalidInput(f"{text!r} is not {EXAMPLES}.", hint=_hint(text))
    return length


def _hint(text: str) -> str:
    """What may be meant by a number without a unit, or with a word for it: 5 minutes is 5m."""
    text = text.strip().lower()
    if re.fullmatch("[1-9][0-9]{0,5}", text):
        return f"Did you mean {text}s, {text}m, {text}h or {text}d?"
    if not re.fullmatch("([0-9]{1,6} *[a-z]+[ ,]*)+", text):
        return ""
    pairs = [(int(count), _UNITS.get(word, "?")) for count, word in re.findall("([0-9]+) *([a-z]+)", text)]
    meant = "".join(f"{7 * count}d" if unit == "w" else f"{count}{unit}" for count, unit in pairs)
    return f"Did you mean {meant}?" if re.fullmatch(_DURATION, meant) else ""


def describe_duration(seconds: float) -> str:
    """As exactly as people want it: 20 s, 1 min 20 s, 12 min, 2 h 5 min, 3 d 4 h."""
    seconds = max(0, round(seconds))
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 600:
        return _two(seconds, 60, "min", "s")
    if minutes < 60:
        return f"{minutes} min"
    return _two(minutes, 60, "h", "min") if hours < 24 else _two(hours, 24, "d", "h")


def _two(count: int, in_one: int, large: str, small: str) -> str:
    """Of two units those that are needed."""
    many, rest = divmod(count, in_one)
    parts = [f"{many} {large}"] * (many > 0) + [f"{rest} {small}"] * (rest > 0 or not many)
    return " ".join(parts)
