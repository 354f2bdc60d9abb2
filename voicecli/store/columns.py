"""Of what kind the values of each column are: those of a damaged file may be others."""

from collections.abc import Sequence
from typing import Final

_NONE = type(None)
LATEST: Final = 253_402_300_799_000_000  # the end of the year 9999, in microseconds since 1970
LONGEST: Final = 1e9  # seconds that anything takes

KINDS: Final[dict[str, tuple[type, ...]]] = {
    "answer_until": (int, _NONE),
    "asks": (str, _NONE),
    "attempts": (int,),
    "base_url": (str,),
    "began": (int,),
    "body": (bytes,),
    "bridge": (str, _NONE),
    "broadcast": (int, _NONE),
    "changed": (int,),
    "client_action_id": (str, _NONE),
    "client_request_id": (str,),
    "created": (int,),
    "currency": (str, _NONE),
    "destination": (str,),
    "digits": (str, _NONE),
    "enabled": (int,),
    "event": (int,),
    "file": (str,),
    "fingerprint": (bytes, _NONE),
    "guarded": (int,),
    "had_authorization": (int,),
    "id": (int, str),  # text of a broadcast, a number of anything else
    "key": (bytes,),
    "lease_until": (int,),
    "line": (int, _NONE),
    "number": (int,),
    "options": (str,),
    "outcome": (str, _NONE),
    "outcome_source": (str, _NONE),
    "own_url": (str,),
    "part": (int,),
    "parts": (int,),
    "placed": (int,),
    "price": (str, _NONE),
    "process": (int,),
    "reader": (str,),
    "reason": (str, _NONE),
    "received": (int,),
    "remark": (str, _NONE),
    "reply": (str, _NONE),
    "run": (int, _NONE),
    "sealed": (bytes, _NONE),
    "seconds": (float, int, _NONE),
    "seen": (int,),
    "session": (str, _NONE),
    "since": (int,),
    "source": (str,),
    "state": (str,),
    "subaccount": (str,),
    "times": (int,),
    "type": (str,),
    "url": (str, _NONE),
    "valid_until": (int, _NONE),
    "written": (str,),
}
"""By the name of the column, in whichever table."""

_BOUNDS: Final[dict[str, float]] = {
    **dict.fromkeys(("answer_until", "began", "changed", "created", "placed", "received", "since"), LATEST),
    **dict.fromkeys(("valid_until",), LATEST),
    "seconds": LONGEST,
}
"""Values are from 0 to these."""


class Check:
    """Looks at the rows of a query with these columns. Those of other names, expressions, may be anything."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._kinds = [KINDS.get(name) for name in names]
        self._bounds = [(index, _BOUNDS[name]) for index, name in enumerate(names) if name in _BOUNDS]
        self._known: set[tuple[type, ...]] = set()  # that are right

    def wrong(self, row: Sequence[object]) -> str | None:
        """The name of a column that has what it can't have; None where there is none."""
        kinds = tuple(map(type, row))
        if kinds not in self._known:
            for name, kind, fitting in zip(self._names, kinds, self._kinds, strict=True):
                if fitting is not None and kind not in fitting:
                    return name
            self._known.add(kinds)
        for index, most in self._bounds:
            value = row[index]
            if isinstance(value, (int, float)) and not 0 <= value <= most:
                return self._names[index]
        return None
