"""Whom a broadcast may call: nobody on its do-not-call list, nobody who has unsubscribed, and nobody in
quiet hours (``callee_hours``).

Single calls have ``calling.do_not_call``."""

import time
from collections.abc import Collection, Iterable

from voicecli.broadcast.callee_hours import CalleeHours
from voicecli.quiet_hours import Hours
from voicecli.store import unsubscribed
from voicecli.store.broadcasts import LeftOut
from voicecli.store.engine import Store

READ_EVERY = 2.0  # seconds after which it is read again who has unsubscribed, whether events came or not
PAUSE = 20  # times as long as reading takes: so long it is not read again without events


class Eligibility:
    """By the ``hours`` of the people who are called (None for any time), by ``do_not_call`` (E.164), and
    unless ``call_unsubscribed`` by who has unsubscribed, as it was when that was read last."""

    def __init__(self, hours: Hours | None, do_not_call: Collection[str], *, call_unsubscribed: bool) -> None:
        self.hours = CalleeHours(hours)
        self._do_not_call = do_not_call
        self._call_unsubscribed = call_unsubscribed
        self._unsubscribed: Collection[str] = frozenset()
        self._read_again_at = 0.0  # monotonic
        self.is_outdated = True
        """Whether somebody may have unsubscribed since ``update``."""

    def update(self, store: Store) -> None:
        """Read who has unsubscribed: where an event may have changed that, and now and then, since others
        may write it without one (``store copy``, an answer that tells whose key it was). Raises
        StoreFailed."""
        start = time.monotonic()
        if not self._call_unsubscribed and (self.is_outdated or start >= self._read_again_at):
            self._unsubscribed = unsubscribed.numbers(store)
            end = time.monotonic()
            self._read_again_at = end + max(READ_EVERY, PAUSE * (end - start))
        self.is_outdated = False

    def reason_to_skip(self, numbers: Iterable[str]) -> LeftOut | None:
        """Why a call that would call these numbers (E.164) is not made, if so."""
        for number in numbers:
            if number in self._do_not_call:
                return LeftOut.DO_NOT_CALL
            if number in self._unsubscribed:
                return LeftOut.UNSUBSCRIBED
        return None
