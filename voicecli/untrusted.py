"""What came from outside, read without trusting it: what is not as it should be is None, never an error."""

import json


def json_object(body: bytes) -> dict[str, object] | None:
    """The JSON object in ``body``; None for broken, endless or deep JSON, and for any other value."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def whole(value: object) -> int | None:
    """A whole number; True and False are none, though Python counts them as such."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
