"""What came from outside, read without trusting it: what is not as it should be is None, never an error."""

import json
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

Json = Mapping[str, object]

OBJECT = (dict, Mapping)
"""For isinstance. dict is first, as nearly all are: to ask whether something is a Mapping takes ten times as
long."""
MAX_DEPTH = 100  # levels; what is deeper would be hard to pass on: Python's JSON gives up at about 1,000


def json_object(body: bytes, loads: Callable[[bytes], object] = json.loads) -> dict[str, object] | None:
    """The JSON object in ``body``; None for broken or deep JSON, and for any other value. ``loads`` is the
    reader to use."""
    try:
        document = loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    few = body.count(b"[") + body.count(b"{") <= MAX_DEPTH
    return document if few or not _is_deep(document) else None


def _is_deep(document: object) -> bool:
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        values = chain.from_iterable(item.values() if isinstance(item, dict) else item for item in level)
        level = [value for value in values if isinstance(value, dict | list)]
    return bool(level)


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def whole_number(value: object) -> int | None:
    """A whole number; True and False are none, though Python counts them as such."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
