"""Tells that events wait on this machine for the store that a team shares, and that they are in it."""

from typing import TYPE_CHECKING

from voicecli.listener.event_keeper import SpoolState
from voicecli.listener.webhook_watch import WarningText
from voicecli.plurals import counted

if TYPE_CHECKING:
    from voicecli.listener.webhook_watch import Notify


class SpoolNews:
    """``see`` each change. That the store is away, and that it is back, is told once."""

    def __init__(self, notify: "Notify") -> None:
        self.state = SpoolState(0, None, 0)
        self._notify = notify
        self._told_away = False
        self._told_brought_in = 0

    def see(self, state: SpoolState) -> None:
        if state.brought_in < self.state.brought_in:  # the writing process is another one
            self._told_brought_in = 0
        before, self.state = self.state, state
        if state.refused is not None and state.refused != before.refused:
            self._tell(WarningText(f"Warning: {state.refused} So an event stays on this machine."))
        if state.reason is not None and not self._told_away:
            self._told_away = True
            meanwhile = "Events are kept on this machine until the store can be used again."
            self._tell(WarningText(f"Warning: {state.reason} {meanwhile}"))
        elif state.reason is None and not state.waiting and self._is_news():
            brought_in = state.brought_in - self._told_brought_in
            which = counted(brought_in, "event that waited is", "events that waited are")
            back = "The store can be used again"
            self._tell(f"{back}: {which} in it." if brought_in else f"{back}.")
            self._told_away, self._told_brought_in = False, state.brought_in

    def end(self) -> None:
        """Tell of those that could not be brought in until the end."""
        if waiting := self.state.waiting:
            which = counted(waiting, "event waits", "events wait")
            advice = "voicecli listen brings them in when it is started again."
            self._tell(WarningText(f"Warning: {which} on this machine for the store: {advice}"))

    def _is_news(self) -> bool:
        return self._told_away or self.state.brought_in > self._told_brought_in

    def _tell(self, words: str) -> None:
        waiting, reason, brought_in, refused = self.state
        record = {"waiting": waiting, "broughtIn": brought_in - self._told_brought_in, "reason": reason}
        self._notify(words, {"record": "spool", **record, "refused": refused})
