"""Of what kind the values of each column are: those of a damaged file may be others."""

from collections.abc import Sequence
from typing import Final

_NONE = type(None)
LATEST: Final = 253_402_300_799_000_000  # the end of the year 9999, in microseconds since 1970
LONGEST: Final = 1e9  # seconds that anything takes

_NAMES: Final[dict[tuple[type, ...], str]] = {
    (int,): "attempts began changed created enabled event guarded had_authorization lease_until number part"
    " parts placed process received seen since times",
    (int, _NONE): "answer_until broadcast line run valid_until",
    (int, str): "id",  # text of a broadcast, a number of anything else
    (float, int, _NONE): "seconds",
    (str,): "base_url client_request_id destination file options own_url reader source state subaccount type"
    " written",
    (
        str,
        _NONE,
    ): "asks bridge client_action_id currency digits host key_names left_out outcome outcome_source placed_by"
    " price reason remark reply session url",
    (bytes,): "body key",
    (bytes, _NONE): "fingerprint sealed",
}
KINDS: Final = {name: kinds for kinds, names in _NAMES.items() for name in names.split()}
"""By the name of the column, in whichever table."""

_MOMENTS = ("answer_until", "began", "changed", "created", "placed", "received", "since", "valid_until")
_BOUNDS: Final[dict[str, float]] = {**dict.fromkeys(_MOMENTS, LATEST), "seconds": LONGEST}
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
