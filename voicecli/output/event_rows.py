"""Events and calls as table rows, the same in all commands."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from voicecli import phone
from voicecli.clock import iso
from voicecli.output.colours import READABLE
from voicecli.output.json_fields import with_former_names
from voicecli.output.rows import Cell, Column
from voicecli.sessions.open_calls import is_overdue, silent_for
from voicecli.sessions.session import Session
from voicecli.voice_api.webhook_events import Received

_STYLES = {"COMPLETED": "green", "NO_ANSWER": "yellow", "BUSY": "yellow", "CANCELED": "yellow"}
_NUMBERED = ("number", "phone", "msisdn", "source", "destination", "caller", "callee")  # fields with one
_NUMBER, _DAY = Column("number", 7), Column("time", 19, narrow=False)
_DAY_OF_YEAR, _TIME = Column("time", 14, narrow=True), Column("time", 8)
_EVENT, _TYPE, _SESSION, _WHAT = (
    Column("event", 5),
    Column("type", 4),
    Column("session", 8),
    Column("what happened", 0, least=24),
)
_PARTIES, _TO = Column("from → to", 27, narrow=False), Column("to", 12, narrow=True)


def session_cell(session_id: str) -> Cell:
    """The beginning of a session's id, in a colour that is the same everywhere and every time."""
    return _SESSION, session_id[:8], session_style(session_id)


def party_cells(source: str, destination: str) -> tuple[Cell, Cell]:
    """Who calls whom; where there is little room, only who is called."""
    return (_PARTIES, describe_parties(source, destination), ""), (_TO, destination, "")


def session_style(session_id: str) -> str:
    """The colour of a session, the same everywhere and every time."""
    return f"color({READABLE[zlib.crc32(session_id.encode(errors='replace')) % len(READABLE)]})"


def outcome_style(outcome: str | None) -> str:
    """The style of an outcome; none for an event without one."""
    return "" if outcome is None else _STYLES.get(outcome, "red")


class EventRow(NamedTuple):
    """One event. With ``masked``, numbers can be recognised but not called; ``dated``, as one of the past, it
    begins with its number and the day."""

    kept: Received
    masked: bool = False
    dated: bool = False

    @property
    def identifier(self) -> str:
        return str(self.kept.id)

    def cells(self) -> Sequence[Cell]:
        kept, event = self.kept, self.kept.event
        shown = (event.source, event.destination, describe_event(kept))
        source, destination, last = map(phone.mask_numbers, shown) if self.masked else shown
        kind = "dim" if kept.again else "bold"
        style = "dim" if kept.again else outcome_style(event.outcome)
        common = (session_cell(event.session_id), *party_cells(source, destination), (_WHAT, last, style))
        if not self.dated:
            clock = _clock(kept.received // 1_000_000)
            return (_TIME, clock, "dim"), (_EVENT, event.type, kind), *common
        time = local_time(kept.received)
        number, day = (_NUMBER, f"{kept.id:>7}", ""), (_DAY, time, "dim")
        return number, day, (_DAY_OF_YEAR, time[5:], "dim"), (_TYPE, event.type, kind), *common

    def data(self) -> Mapping[str, object]:
        kept, event = self.kept, self.kept.event
        data = {
            "record": "duplicate" if kept.again else "event",
            "id": kept.id or None,  # one that waits for a shared store has none yet
            "received": iso(kept.received),
            "type": event.type,
            "sessionId": event.session_id,
            "source": event.source,
            "destination": event.destination,
            "outcome": event.outcome,
            **({} if event.bridge is None else {"bridge": event.bridge}),
            "digits": event.digits,
            **({} if event.asr_captured is None else {"asrCaptured": event.asr_captured}),
            "words": event.words,
            "reply": kept.reply,
            "remarks": list(kept.remarks),
            "times": kept.times,
            "payload": event.payload,
        }
        return masked_data(data) if self.masked else data


@dataclass(frozen=True, slots=True)
class CallRow:
    """The current state of one call. ``now`` is in seconds since 1970."""

    call: Session
    now: float
    masked: bool = False

    @property
    def identifier(self) -> str:
        return self.call.id

    def cells(self) -> Sequence[Cell]:
        call = self.call
        shown = (call.source, call.destination, self._words)
        source, destination, words = map(phone.mask_numbers, shown) if self.masked else shown
        style = outcome_style(call.outcome)
        if call.outcome is None and is_overdue(call, self.now):
            words += f"; no summary for {int(silent_for(call, self.now))} s"
            style = "red"
        return (
            (_TIME, _clock(call.start // 1_000_000), "dim"),
            session_cell(call.id),
            *party_cells(source, destination),
            (_WHAT, words, style),
        )

    def data(self) -> Mapping[str, object]:
        call = self.call
        data = {
            "record": "call",
            "sessionId": call.id,
            "source": call.source,
            "destination": call.destination,
            "startTime": iso(call.start),
            "lastEventTime": iso(call.last or call.start),
            "sessionStatus": call.summary.session_status,
            "outcome": call.outcome,
            **({} if call.summary.bridge is None else {"bridge": call.summary.bridge}),
            "digits": call.digits,
            "words": self._words,
        }
        document = with_former_names("live call", data)
        return masked_data(document) if self.masked else document

    @property
    def _words(self) -> str:
        return self.call.news if self.call.outcome is None else self.call.words


def describe_parties(source: str, destination: str) -> str:
    """Who calls whom; empty if that is unknown."""
    return f"{source} → {destination}" if source or destination else ""


def describe_event(kept: Received, described: str = "") -> str:
    """What happened (``described``, if the call is known), with our reply and the remarks."""
    if kept.again:
        return f"duplicate, ×{kept.times}"
    text = described or kept.event.words
    text += f"; our reply: {kept.reply}" if kept.reply is not None else ""
    return f"{text} ({'; '.join(kept.remarks)})" if kept.remarks else text


def local_time(microseconds: int) -> str:
    """Date and time in this machine's time zone, from microseconds since 1970."""
    return _local(microseconds // 1_000_000, "%Y-%m-%d %H:%M:%S")


def _clock(seconds: int) -> str:
    """The time of day in this machine's time zone."""
    return _local(seconds, "%H:%M:%S")


@lru_cache(16)
def _local(seconds: int, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime(form)


def masked_data(data: Mapping[str, object]) -> Mapping[str, object]:
    """A JSON document with its phone numbers masked."""
    return {name: _masked(item, name) for name, item in data.items()}


def _masked(value: object, name: str = "") -> object:
    """The value with its phone numbers masked; ``name`` is its field."""
    match value:
        case dict():
            return {name: _masked(item, name) for name, item in value.items()}
        case list() | tuple():
            return [_masked(item, name) for item in value]
        case str():
            return phone.mask_numbers(value)
        case int() if any(word in name.lower() for word in _NUMBERED):
            return phone.mask_numbers(str(value))
        case _:
            return value
