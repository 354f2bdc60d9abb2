"""JSON as it is printed: in one way for people, and in one for programs."""

import json
from collections.abc import Mapping


def for_people(document: object) -> str:
    """On several lines, every letter as it is."""
    return json.dumps(_proper(document), indent=2, ensure_ascii=False)


def for_programs(document: object) -> str:
    """On one line, in ASCII, which no terminal obeys."""
    try:
        return json.dumps(document, allow_nan=False)
    except ValueError:
        return json.dumps(_proper(document))


def for_streams(document: Mapping[str, object]) -> str:
    """The same for rows that come by the thousand, without blanks: some ten times as fast."""
    import orjson

    try:
        text = orjson.dumps(document).decode()
        if text.isascii():
            return text
    except orjson.JSONEncodeError:  # for halves of characters, and numbers of over 64 bits
        text = json.dumps(document)
    return json.dumps(json.loads(text, parse_constant=lambda _: None), separators=(",", ":"))


def _proper(document: object) -> object:
    """Without NaN and infinity, which are no JSON, yet what came from outside may have them."""
    return json.loads(json.dumps(document), parse_constant=lambda _: None)
