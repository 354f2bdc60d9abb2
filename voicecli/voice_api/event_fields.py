"""Fields of webhook events, read without trusting them: what is not as it should be is left out."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

Json = Mapping[str, object]
MAX_TEXT = 1_000  # characters of one field that are read; events are kept whole
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def object_field(source: Json, name: str) -> Json:
    """The object in a field; an empty one for anything else."""
    value = source.get(name)
    return value if isinstance(value, dict) else {}


def text_field(source: Json, name: str) -> str:
    """A field that can be shown and kept: not endless, and no halves of characters, which JSON allows."""
    value = source.get(name)
    if not isinstance(value, str):
        return ""
    text = value[:MAX_TEXT]
    return text if text.isascii() else text.encode(errors="replace").decode()


def number_field(source: Json, name: str) -> float | None:
    value = source.get(name)
    fine = isinstance(value, (int, float)) and value is not True and value is not False and abs(value) < 1e9
    return value if fine else None  # type: ignore[return-value]


def parse_time(text: str) -> int | None:
    """A time as 8x8 writes it, in microseconds since 1970; None for anything else."""
    try:
        read = datetime.fromisoformat(text)
        return ((read if read.tzinfo else read.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
