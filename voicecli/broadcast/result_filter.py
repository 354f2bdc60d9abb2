"""Which rows of a broadcast somebody asks for."""

from collections.abc import Collection
from dataclasses import dataclass

from voicecli.sessions.key_names import CONFIRMED, KeyNames, result_of
from voicecli.store.broadcasts import BroadcastRow
from voicecli.voice_api.codes import Outcome


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """A row is shown where all that is given holds for it; of several statuses and results one has to.

    ``statuses`` has states of rows and outcomes, ``results`` what ``keys`` mean. ``confirmed`` is whether
    those are wanted who confirmed, or the others.
    """

    statuses: Collection[str] = ()
    results: Collection[str] = ()
    not_reached: bool = False
    confirmed: bool | None = None
    keys: KeyNames | None = None

    def shows(self, row: BroadcastRow) -> bool:
        return (
            (not self.statuses or row.state in self.statuses or row.outcome in self.statuses)
            and (not self.results or result_of(self.keys, row.digits) in self.results)
            and not (self.not_reached and is_reached(row))
            and (self.confirmed is None or self.confirmed == is_confirmed(row, self.keys))
        )


def is_reached(row: BroadcastRow) -> bool:
    """Whether somebody, or a mailbox, has answered. Of a call without an outcome nobody knows."""
    return bool(row.digits) or (row.outcome or "").startswith(Outcome.COMPLETED)


def is_confirmed(row: BroadcastRow, keys: KeyNames | None) -> bool:
    """Whether somebody pressed the key named confirmed; where none has that name, an accepted one."""
    if keys is None:
        return False
    if CONFIRMED in keys.names.values():
        return keys.result(row.digits) == CONFIRMED
    return row.digits in keys.accepted
