"""What is known of one call, from its placing and from all that was reported of it: the one fold of events.

8x8 resends events and keeps no order. So nothing here depends on when an event arrived or how often: what is
known is the same after any order and any repetition of the same events.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.captures import PressedKeys
from voicecli.sessions.key_names import KeyNames, answers_of, result_of
from voicecli.sessions.summary import Summary
from voicecli.voice_api.legs import Leg
from voicecli.voice_api.webhook_events import Event, Received

OPEN, UNKNOWN = "OPEN", "UNKNOWN"
"""What a session's status is while it has no outcome: its summary has not come; or nobody knows whether it
was placed at all."""
_LATE = 1 << 62  # later than any timestamp
_IN_DOUBT = (AttemptState.SENDING, AttemptState.UNKNOWN)
_CONNECTED = ("CALL_CONNECTED", "ANSWERED")
_PROGRESS = (
    "CALL_INITIATED",
    "CALL_RECEIVED",
    "RINGING",
    *_CONNECTED,
    "ACTION_COMPLETED",
    "DTMF_RECEIVED",
    "CALL_UPDATED",
    "CALL_DISCONNECTED",
)
"""The order in which a call goes through these; it decides between events of the same moment."""


_NO_SUMMARY = Summary()


class Session:
    """One call. ``see`` its events; ``attempt`` is the request that placed it, None for one that was not
    placed from here. It keeps no bodies, and is bounded in memory.

    ``first`` and ``last`` are when it was first and last heard of, ``summarised`` when its first summary
    came: microseconds since 1970, by this machine's clock; None before that.
    """

    __slots__ = (
        "_destination",
        "_latest",
        "_source",
        "attempt",
        "connected_at",
        "disconnected",
        "first",
        "id",
        "keys",
        "last",
        "pressed",
        "summarised",
        "summary",
        "vca_seen",
    )

    def __init__(self, attempt: Attempt | None = None) -> None:
        self.attempt = attempt
        self.id = (attempt and attempt.session_id) or ""
        """Nothing where 8x8 has not told it."""
        self.keys = None if attempt is None else KeyNames.stored(attempt.asks, attempt.key_names)
        """What keys mean; None also for a call that was not placed from here."""
        self.first: int | None = None
        self.last: int | None = None
        self.summarised: int | None = None
        self.summary = _NO_SUMMARY
        self.connected_at: int | None = None
        """When the person who was called answered, as a VCS told it: microseconds since 1970."""
        self.disconnected = False
        """Whether a leg is known to have ended."""
        self.vca_seen = False
        """Whether 8x8 has asked what comes next, and so told what was pressed, if anything was."""
        self.pressed = PressedKeys(self.keys)
        self._latest: tuple[int, int, str] | None = None  # when, how far, and the words for it
        self._source = self._destination = (_LATE, "")  # as it was first told, and when

    @classmethod
    def of(cls, attempt: Attempt | None, received: Iterable[Received]) -> Self:
        """The session that these events tell of."""
        session = cls(attempt)
        for one in received:
            session.see(one)
        return session

    def see(self, received: Received) -> bool:
        """Take in an event; whether it changed what is known. One of another session or of none does not."""
        event, arrived = received.event, received.received
        if not event.session_id or event.session_id != (self.id or event.session_id):
            return False
        changed = self.first is None
        self.id = event.session_id
        self.first = arrived if self.first is None else min(self.first, arrived)
        self.last = arrived if self.last is None else max(self.last, arrived)
        match event.type:
            case "VSS":
                return self._see_summary(event, arrived) or changed
            case "VCA" | "VCS":
                return self._see_progress(event, arrived) or changed
        return changed

    # -- what became of it ---------------------------------------------------------------------------

    @property
    def outcome(self) -> str | None:
        """How it ended for the person who was called; None as long as no summary came."""
        return self.summary.outcome

    @property
    def status(self) -> str:
        """The outcome, or what is known instead."""
        return self.outcome or (UNKNOWN if self._in_doubt else OPEN)

    @property
    def answered(self) -> bool:
        """Whether somebody is known to have answered."""
        return self.connected_at is not None or self.summary.answered

    @property
    def asks(self) -> str | None:
        """As in ``Attempt``; None also for a call that was not placed from here."""
        return None if self.attempt is None else self.attempt.asks

    # -- what was pressed ----------------------------------------------------------------------------

    @property
    def captures(self) -> Sequence[str]:
        """What was pressed, one entry for each time that something was, in the order of their timestamps."""
        return self.pressed.entries

    @property
    def digits(self) -> str | None:
        """The last entry, or the first that is final: what was confirmed stays so."""
        return self.pressed.answer

    @property
    def result(self) -> str | None:
        """The name of the key that was pressed; None where it has none."""
        return result_of(self.keys, self.digits)

    @property
    def answers(self) -> dict[str, str]:
        """What was typed, by the name of its question."""
        return answers_of(self.keys, self.digits)

    @property
    def confirmed(self) -> bool:
        """Whether the call asks for something, and that was pressed."""
        if self.asks is None:
            return False
        return self.digits is not None if self.keys is None else self.digits in self.keys.accepted

    @property
    def wants_answer(self) -> bool:
        """Whether it is done only with an answer: not where the only key is the one for no more calls."""
        return self.asks is not None and (self.keys is None or bool(self.keys.accepted))

    @property
    def is_final(self) -> bool:
        """Whether that was pressed, or the key by which somebody says to want no more calls."""
        return self.confirmed if self.keys is None else self.pressed.is_final

    @property
    def confirmed_at(self) -> int | None:
        """When that was pressed (microseconds since 1970); None where it was not, or no event said."""
        return (self.pressed.answered_at or None) if self.confirmed else None

    # -- who and when --------------------------------------------------------------------------------

    @property
    def start(self) -> int:
        """When it was placed, else when it was first heard of: microseconds since 1970, UTC."""
        return (self.first or 0) if self.attempt is None else self.attempt.placed

    @property
    def client_request_id(self) -> str:
        if self.attempt is not None:
            return self.attempt.client_request_id
        return self.summary.client_request_id

    @property
    def source(self) -> str:
        """As we have it, else as the summary has, which knows the whole session, else as first told."""
        placed = "" if self.attempt is None else self.attempt.source
        return placed or self.summary.source or self._source[1]

    @property
    def destination(self) -> str:
        placed = "" if self.attempt is None else self.attempt.destination
        return placed or self.summary.destination or self._destination[1]

    # -- in words ------------------------------------------------------------------------------------

    @property
    def words(self) -> str:
        """What became of it."""
        if self.outcome is not None:
            return self.summary.words + self._pressed
        if self.first is not None:
            return f"{self.news}; no summary yet" if self.news else "no summary yet"
        if self._in_doubt:
            return "no answer came: it may have been placed"
        return "accepted; nothing was reported yet"

    @property
    def _pressed(self) -> str:
        if not self.captures:
            return ""
        has_name = self.result is not None and self.keys is not None and self.keys.stored_names is not None
        return f", pressed {' '.join(self.captures)}" + (f" ({self.result})" if has_name else "")

    @property
    def news(self) -> str:
        """What is known to have happened last, before the summary; nothing where nothing is."""
        return "" if self._latest is None else self._latest[2]

    def describe(self, event: Event) -> str:
        """An event of this call in words: one that is ours is not one that came in, though 8x8's first VCS of
        a call that was placed says CALL_RECEIVED."""
        ours = self.attempt is not None and event.type == "VCS" and event.status == "CALL_RECEIVED"
        return "dialling" if ours else event.words

    @property
    def answer(self) -> str:
        """What 8x8 said to the request; nothing for a call that was not placed from here."""
        if self.attempt is None:
            return ""
        return "no answer came" if self.attempt.state in _IN_DOUBT else "accepted"

    # ------------------------------------------------------------------------------------------------

    def _see_summary(self, event: Event, arrived: int) -> bool:
        summary = Summary.read(event)
        if summary is None:
            return False
        self.summarised = arrived if self.summarised is None else min(self.summarised, arrived)
        if not summary.replaces(self.summary):
            return False
        self.summary = summary
        return True

    def _see_progress(self, event: Event, arrived: int) -> bool:
        at, status = event.timestamp, event.status
        changed = self._see_parties(event, at)
        if event.type == "VCA" and status != "CALL_RECEIVED":
            changed |= not self.vca_seen
            self.vca_seen = True
        if event.type == "VCS" and status == "CALL_DISCONNECTED":
            changed |= not self.disconnected
            self.disconnected = True
        if event.type == "VCS" and status in _CONNECTED and self._is_first_leg(event):
            connected = arrived if at is None else at
            if self.connected_at is None or connected < self.connected_at:
                self.connected_at = connected
                changed = True
        if event.digits is not None and status != "CALL_RECEIVED":
            changed |= self.pressed.add(event, at or 0)
        latest = (at or 0, _PROGRESS.index(status) if status in _PROGRESS else -1, self.describe(event))
        if self._latest is None or latest > self._latest:
            self._latest = latest
            changed = True
        return changed

    def _see_parties(self, event: Event, at: int | None) -> bool:
        before = self._source, self._destination
        when = _LATE - 1 if at is None else at
        if event.source:
            self._source = min(self._source, (when, event.source))
        if event.destination:
            self._destination = min(self._destination, (when, event.destination))
        return before != (self._source, self._destination)

    def _is_first_leg(self, event: Event) -> bool:
        called = "" if self.attempt is None else self.attempt.destination
        return not called or event.destination.lstrip("+") in ("", called.lstrip("+"))

    @property
    def _in_doubt(self) -> bool:
        """Whether it is not known to have been placed: no answer came to its request, and no event."""
        return self.attempt is not None and self.attempt.state in _IN_DOUBT and self.first is None


class SessionRecord(NamedTuple):
    """A session with its events, in the order in which they came."""

    session: Session
    events: Sequence[Received]

    @property
    def legs(self) -> Sequence[Leg]:
        """As the summary that counts has them."""
        for received in self.events:
            if Summary.read(received.event) == self.session.summary:
                return received.event.legs
        return []
