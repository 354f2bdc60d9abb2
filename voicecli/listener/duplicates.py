"""Which events of a listener are duplicates: 8x8 sends an event again where it got no answer.

``Event.identity`` (``voice_api.webhook_events``) says what is the same event. The store keeps each once and
counts how often it came (``store.event_recording``). Here is what this run has shown of those."""

from collections import OrderedDict

from voicecli.store.event_recording import Recorded

REMEMBERED = 10_000  # events that were shown, and replies of the application, for when they come again


class ShownEvents:
    """The events that this run has shown."""

    def __init__(self) -> None:
        self._latest: OrderedDict[bytes, int] = OrderedDict()  # by identity, their numbers
        self._first = 0  # the lowest number that was new to this run, once there is one
        self._forgotten = 0  # the highest number that is not among the latest any more

    def add(self, identity: bytes, recorded: Recorded) -> bool:
        """Whether it is a duplicate: it was shown before. What came to another run only, or without an
        answer, is news here."""
        number, times = recorded
        is_latest = identity in self._latest
        if not number and is_latest:
            return True
        if times > 1 and (is_latest or 0 < self._first <= number <= self._forgotten):
            return True
        if times == 1:
            self._first = self._first or number
        self._latest[identity] = number
        if len(self._latest) > REMEMBERED:
            self._forgotten = max(self._forgotten, self._latest.popitem(last=False)[1])
        return False

    def remove(self, identity: bytes) -> None:
        """It was not shown after all."""
        self._latest.pop(identity, None)
