"""Whom a broadcast may call: nobody on its do-not-call list, nobody who has unsubscribed, and nobody in
quiet hours (``callee_hours``).

Single calls have ``calling.do_not_call``."""

from collections.abc import Collection, Iterable

from voicecli.broadcast.callee_hours import CalleeHours
from voicecli.quiet_hours import Hours
from voicecli.store import unsubscribed
from voicecli.store.broadcasts import LeftOut
from voicecli.store.engine import Store


class Eligibility:
    """By the ``hours`` of the people who are called (None for any time), by ``do_not_call`` (E.164), and
    unless ``call_unsubscribed`` by who has unsubscribed, as it was when ``update`` was called last."""

    def __init__(self, hours: Hours | None, do_not_call: Collection[str], *, call_unsubscribed: bool) -> None:
        self.hours = CalleeHours(hours)
        self._do_not_call = do_not_call
        self._call_unsubscribed = call_unsubscribed
        self._unsubscribed: Collection[str] = frozenset()
        self.is_outdated = True
        """Whether somebody may have unsubscribed since ``update``."""

    def update(self, store: Store) -> None:
        """Read who has unsubscribed, where that may have changed. Raises StoreFailed."""
        if self.is_outdated and not self._call_unsubscribed:
            self._unsubscribed = unsubscribed.numbers(store)
        self.is_outdated = False

    def reason_to_skip(self, numbers: Iterable[str]) -> LeftOut | None:
        """Why a call that would call these numbers (E.164) is not made, if so."""
        for number in numbers:
            if number in self._do_not_call:
                return LeftOut.DO_NOT_CALL
            if number in self._unsubscribed:
                return LeftOut.UNSUBSCRIBED
        return None
