"""Which rows of a broadcast somebody asks for."""

from collections.abc import Collection
from dataclasses import dataclass

from voicecli.sessions.key_names import CONFIRMED, KeyNames, result_of
from voicecli.store.broadcasts import BroadcastRow, LeftOut
from voicecli.voice_api.codes import Outcome


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """A row is shown where all that is given holds for it; of several statuses and results one has to.

    ``statuses`` has states of rows and outcomes, ``results`` what ``keys`` mean. ``not_reached`` shows those
    who are still to be reached: of the ``unsubscribed`` (E.164) nobody. ``confirmed`` is whether those are
    wanted who confirmed, or the others.
    """

    statuses: Collection[str] = ()
    results: Collection[str] = ()
    not_reached: bool = False
    unsubscribed: Collection[str] = frozenset()
    confirmed: bool | None = None
    keys: KeyNames | None = None

    def shows(self, row: BroadcastRow) -> bool:
        has_unsubscribed = row.destination in self.unsubscribed
        return (
            (not self.statuses or row.state in self.statuses or row.outcome in self.statuses)
            and (not self.results or result_of(self.keys, row.digits) in self.results)
            and (not self.not_reached or is_to_be_reached(row, has_unsubscribed=has_unsubscribed))
            and (self.confirmed is None or self.confirmed == is_confirmed(row, self.keys))
        )


def is_reached(row: BroadcastRow) -> bool:
    """Whether somebody, or a mailbox, has answered. Of a call without an outcome nobody knows."""
    return bool(row.digits) or (row.outcome or "").startswith(Outcome.COMPLETED)


def is_to_be_reached(row: BroadcastRow, *, has_unsubscribed: bool) -> bool:
    """Whether nobody has answered, as far as is known, and the person may be called: one who has unsubscribed
    since, or was on the broadcast's do-not-call list, may not."""
    return not (is_reached(row) or has_unsubscribed or row.left_out is LeftOut.DO_NOT_CALL)


def is_confirmed(row: BroadcastRow, keys: KeyNames | None) -> bool:
    """Whether somebody pressed the key named confirmed; where none has that name, an accepted one."""
    if keys is None:
        return False
    if CONFIRMED in keys.names.values():
        return keys.result(row.digits) == CONFIRMED
    return row.digits in keys.accepted
