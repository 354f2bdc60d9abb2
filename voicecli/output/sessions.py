"""Sessions as rows, and one of them as a timeline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from voicecli import phone
from voicecli.clock import iso
from voicecli.output.event_rows import (
    EventRow,
    describe_event,
    describe_parties,
    local_time,
    masked_data,
    outcome_style,
    party_cells,
    session_cell,
    session_style,
)
from voicecli.output.json_fields import with_former_names
from voicecli.output.rows import Cell, Column, Line, Row
from voicecli.sessions.session import UNKNOWN, Session, SessionRecord
from voicecli.voice_api.webhook_events import Received

_START, _OUTCOME = Column("start", 19), Column("outcome", 0, least=24)
_TIMELINE = (Column("time", 10), Column("event", 6), Column("what happened", 0))


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session. With ``masked``, numbers can be recognised but not called."""

    record: SessionRecord
    masked: bool = False

    @property
    def session(self) -> Session:
        return self.record.session

    @property
    def identifier(self) -> str:
        return self.session.id or self.session.client_request_id

    def cells(self) -> Sequence[Cell]:
        session = self.session
        source, destination, words = map(self.shown, (session.source, session.destination, session.words))
        return (
            (_START, local_time(session.start), "dim"),
            (*session_cell(self.identifier)[:2], session_style(session.id)),
            *party_cells(source, destination),
            (_OUTCOME, words, self.style),
        )

    @property
    def style(self) -> str:
        return "red" if self.session.status == UNKNOWN else outcome_style(self.session.outcome)

    def data(self) -> Mapping[str, object]:
        return masked_data(self._data()) if self.masked else self._data()

    def whole(self) -> Mapping[str, object]:
        """All that is known of it, for programs."""
        events = [EventRow(kept).data() for kept in self.record.events]
        data = {**self._data(), "legs": [leg.payload for leg in self.record.legs], "events": events}
        return masked_data(data) if self.masked else data

    def _data(self) -> Mapping[str, object]:
        session = self.session
        known = {
            "record": "session",
            "sessionId": session.id or None,
            "clientRequestId": session.client_request_id or None,
            "placedBy": session.attempt and session.attempt.placed_by,
            "startTime": iso(session.start),
            "source": session.source,
            "destination": session.destination,
            "status": session.status,
            "sessionStatus": session.summary.session_status,
            "outcome": session.outcome,
            "bridge": session.summary.bridge,
            "callDuration": session.summary.seconds,
            "mos": session.summary.mos,
            "digits": session.digits,
            "result": session.result,
            "answers": session.answers,
            "captures": list(session.captures),
            "errorCode": session.summary.error_code,
            "errorMsg": session.summary.error or None,
            "words": session.words,
        }
        return with_former_names("session", known)

    def shown(self, text: str) -> str:
        return phone.mask_numbers(text) if self.masked else text


@dataclass(frozen=True, slots=True)
class _TimelineRow:
    """One line of a timeline; ``after`` is in microseconds since the start."""

    after: int
    event: str
    words: str
    style: str

    @property
    def identifier(self) -> str:
        return self.event

    def cells(self) -> Sequence[Cell]:
        seconds = round(self.after / 1e6, 1) or 0.0  # not -0.0
        texts = (f"{seconds:+,.1f} s".rjust(10), self.event, self.words)
        return [*zip(_TIMELINE, texts, ("dim", "bold", self.style), strict=True)]

    def data(self) -> Mapping[str, object]:
        return {"after": self.after, "event": self.event, "words": self.words}


def timeline(row: SessionRow) -> Iterator[Line | Row]:
    """All that is known of a session, from its start to its end."""
    session, shown = row.session, row.shown
    yield f"Session {session.id}" if session.id else "A call whose session is not known", "bold"
    yield shown(session.words), row.style
    parties = describe_parties(shown(session.source), shown(session.destination))
    yield f"{parties}  {local_time(session.start)}".strip(), ""
    if session.client_request_id:
        yield f"clientRequestId {session.client_request_id}", "dim"
    if session.attempt is not None and session.attempt.placed_by is not None:
        yield f"Placed by {session.attempt.placed_by}", "dim"
    yield "", ""
    if session.answer:
        yield _TimelineRow(0, "placed", session.answer, "")
    for kept in row.record.events:
        yield _timeline_row(kept, session.start, shown(describe_event(kept, session.describe(kept.event))))
    if row.record.legs:
        yield "", ""
    for letter, leg in zip("ABCDEFGH", row.record.legs, strict=False):
        yield f"Leg {letter}: {describe_parties(shown(leg.source), shown(leg.destination))}: {leg.words}", ""


def _timeline_row(kept: Received, start: int, said: str) -> _TimelineRow:
    again = f" (came {kept.times} times)" if kept.times > 1 else ""
    return _TimelineRow(
        kept.received - start, kept.event.type, said + again, outcome_style(kept.event.outcome)
    )
