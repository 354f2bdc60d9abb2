"""Which events of a listener are duplicates: 8x8 sends an event again where it got no answer.

``Event.identity`` (``voice_api.webhook_events``) says what is the same event. The store keeps each once and
counts how often it came (``store.event_recording``). Here is what this run has shown of those."""

from collections import OrderedDict

from voicecli.store.event_recording import Recorded

REMEMBERED = 10_000  # events that were shown, and replies of the application, for when they come again


class ShownEvents:
    """The numbers of the events that this run has shown."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[int, None] = OrderedDict()  # of the latest
        self._first = 0  # the lowest number that was new to this run, once there is one
        self._forgotten = 0  # the highest number that is not among the latest any more

    def add(self, recorded: Recorded) -> bool:
        """Whether it is a duplicate: it was shown before. What came to another run only, or without an
        answer, is news here."""
        number, times = recorded
        if times > 1 and (number in self._numbers or 0 < self._first <= number <= self._forgotten):
            return True
        if times == 1:
            self._first = self._first or number
        self._numbers[number] = None
        if len(self._numbers) > REMEMBERED:
            self._forgotten = max(self._forgotten, self._numbers.popitem(last=False)[0])
        return False

    def remove(self, number: int) -> None:
        """It was not shown after all."""
        self._numbers.pop(number, None)
