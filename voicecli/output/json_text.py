"""JSON as it is printed: in one way for people, and in one for programs."""

import json
from collections.abc import Mapping


def indented(document: object) -> str:
    """On several lines, every letter as it is."""
    return json.dumps(_without_nan(document), indent=2, ensure_ascii=False)


def one_line(document: object) -> str:
    """On one line, in ASCII, which no terminal obeys."""
    try:
        return json.dumps(document, allow_nan=False)
    except ValueError:
        return json.dumps(_without_nan(document))


def compact(document: Mapping[str, object]) -> str:
    """The same for rows that come by the thousand, without blanks: some ten times as fast."""
    import orjson

    try:
        text = orjson.dumps(document).decode()
        if text.isascii():
            return text
    except orjson.JSONEncodeError:  # for halves of characters, and numbers of over 64 bits
        text = json.dumps(document)
    return json.dumps(json.loads(text, parse_constant=lambda _: None), separators=(",", ":"))


def _without_nan(document: object) -> object:
    """Without NaN and infinity, which are no JSON, yet what came from outside may have them."""
    return json.loads(json.dumps(document), parse_constant=lambda _: None)
