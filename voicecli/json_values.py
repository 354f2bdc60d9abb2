"""What came from outside, read without trusting it: what is not as it should be is None, never an error."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, NamedTuple

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


class JsonProblem(NamedTuple):
    """Why a text is no JSON, as a clause in plain words that shows none of it, and where, from 1."""

    cause: str
    line: int
    column: int

    @classmethod
    def of(cls, error: json.JSONDecodeError) -> "JsonProblem":
        """It goes by the text more than by the error: Python's versions word and place that differently."""
        text, place = error.doc, error.pos
        before = text[:place].rstrip()
        if before.endswith(",") and text[place:].lstrip()[:1] in ("]", "}"):
            place = len(before) - 1
        cause = _cause(error.msg, text[place:].lstrip()) if text.strip() else "it is empty"
        return cls(cause, text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place))


def _cause(message: str, rest: str) -> str:
    """``rest`` is the text from where the parser gave up."""
    if "Unterminated string" in message:
        return "a quote is left open"
    if not rest:
        return "it ends too early"
    if rest[0] in "'‘’“”":
        return "texts and names stand in straight double quotes"
    if re.match(r",\s*[]}]", rest):
        return "there is a comma too many"
    if rest[0] in "]}":
        return f"a {rest[0]} closes nothing, or a value is missing"
    if re.match("(True|False|None|NULL|TRUE|FALSE)\\b", rest):
        return "true, false and null have small letters"
    causes = {
        "Extra data": "there is more behind its end",
        "',' delimiter": "a comma is missing, or a quote inside of a text has no backslash",
        "':' delimiter": "a colon is missing",
        "property name": "a name has no double quotes",
        "control character": "a text has a line break or a tab in it: write \\n or \\t",
        "escape": "a backslash inside of a text is not written twice",
    }
    return next((cause for words, cause in causes.items() if words in message), "that is no value")
