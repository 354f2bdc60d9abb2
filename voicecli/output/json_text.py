"""JSON as text: indented for people, one line for programs."""

import json
from collections.abc import Mapping


def indented(document: object) -> str:
    """Several lines, with all letters unescaped."""
    return json.dumps(_without_nan(document), indent=2, ensure_ascii=False)


def one_line(document: object) -> str:
    """One line of ASCII, which has no control characters."""
    try:
        return json.dumps(document, allow_nan=False)
    except ValueError:
        return json.dumps(_without_nan(document))


def compact(document: Mapping[str, object]) -> str:
    """One line of ASCII without blanks, about ten times as fast: for streams of thousands of rows."""
    import orjson

    try:
        text = orjson.dumps(document).decode()
        if text.isascii():
            return text
    except orjson.JSONEncodeError:  # for halves of characters, and numbers of over 64 bits
        text = json.dumps(document)
    return json.dumps(json.loads(text, parse_constant=lambda _: None), separators=(",", ":"))


def _without_nan(document: object) -> object:
    """The document with null for NaN and infinity, which JSON does not have, but data from outside may."""
    return json.loads(json.dumps(document), parse_constant=lambda _: None)
