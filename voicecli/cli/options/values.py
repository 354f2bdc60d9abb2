"""How people write values of options: lengths of time, points in time, numbers, types of events."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import typer

from voicecli import durations
from voicecli.errors import InvalidInput, quote
from voicecli.phone import caller_id, is_msisdn
from voicecli.spelling import nearest
from voicecli.voice_api import codes

MAX_ROWS = 1_000_000_000
SHORT = 70  # characters of a list that fits in one line of a hint
NEWEST = 50  # rows that are shown where nobody says how many


def whole(least: int, most: int | None = None) -> Callable[[object], int]:
    """A parser of whole numbers in this range."""
    allowed = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"

    def parse(given: object) -> int:
        with suppress(ValueError):
            value = int(str(given))
            if least <= value and (most is None or value <= most):
                return value
        raise typer.BadParameter(f"{str(given)!r} is not a whole number {allowed}.")

    return parse


def real(least: float, most: float) -> Callable[[object], float]:
    """A parser of numbers in this range."""

    def parse(given: object) -> float:
        with suppress(ValueError):
            value = float(str(given))
            if least <= value <= most:
                return value
        raise typer.BadParameter(f"{str(given)!r} is not a number from {least:g} to {most:,.15g}.")

    return parse


def seconds(least: float, most: float) -> Callable[[object], float]:
    """A parser of seconds in this range, with or without a unit: 15, 0.5, 15s, 2m."""
    in_range = real(least, most)

    def parse(given: object) -> float:
        text = str(given).strip()
        with suppress(InvalidInput):
            text = f"{durations.parse(text).total_seconds():g}"
        with suppress(typer.BadParameter):
            return in_range(text.removesuffix("s"))
        raise typer.BadParameter(f"{str(given)!r} is not a number of seconds from {least:g} to {most:g}.")

    return parse


def duration(text: str) -> timedelta:
    """A length of time as people write it: 30s, 10m, 2h, 1h30m, 30d."""
    try:
        return durations.parse(text)
    except InvalidInput as error:
        raise typer.BadParameter(error.message) from error


def moment(text: str) -> datetime:
    """A point in time as people write it: a date, a date and time (local, unless it names a zone), or a
    length of time before now."""
    text = text.strip()
    try:
        return datetime.now(UTC) - durations.parse(text)
    except InvalidInput as error:
        no_length = error
    try:
        point = datetime.fromisoformat(text)
        return point.astimezone(UTC)  # what has no zone is taken for local time
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time such as 24h (ago) or 2026-11-01T09:30."
        ) from no_length


def most(limit: int | None, since: datetime | None) -> int | None:
    """How many rows are shown at most: as many as were asked for; else all since then, or the newest ones."""
    return limit if limit is not None or since is not None else NEWEST


def one_of(text: str, names: Sequence[str], what: str) -> str:
    """The name that is meant, whatever its case and spelling. Raises InvalidInput with the nearest one."""
    name = re.sub("[ -](?=[A-Z])", "_", text.strip().upper())
    name = str(codes.outcome(name))
    if name in names:
        return name
    near = nearest(name, names, 0.5)
    meant = f"; the nearest is {near}" if near else ""
    known = f"Known are: {', '.join(names)}."
    if near and len(known) > SHORT:
        known = ""  # the nearest one is more help than a long list
    raise InvalidInput(f"{quote(text)} is not a known {what}{meant}.", hint=known)


def webhook_types(text: str) -> tuple[str, ...]:
    """Types of webhooks as people write them: vca,vss. Raises InvalidInput."""
    from voicecli.voice_api.webhook_events import WEBHOOK_TYPES

    types = [one_of(part, WEBHOOK_TYPES, "type of event") for part in text.split(",") if part.strip()]
    if not types:
        raise InvalidInput("No type of event is given.", hint=f"Known are: {', '.join(WEBHOOK_TYPES)}.")
    return tuple(dict.fromkeys(types))


def number(option: str, text: str) -> str:
    """A number as 8x8 reports it. Raises InvalidInput."""
    msisdn = f"+{caller_id(text).removeprefix('+')}"
    if not is_msisdn(msisdn):
        raise InvalidInput(f"{option} must be a number in international form, such as +33199001234.")
    return msisdn
