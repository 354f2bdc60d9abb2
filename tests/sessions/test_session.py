"""Sessions: what is known of one call, whatever came of it and in whatever order."""

import json
from typing import Any

import pytest
from past import NUMBER, SESSION, SOURCE, event

from voicecli import events
from voicecli.events import Received
from voicecli.sessions.attempts import Attempt, AttemptState
from voicecli.sessions.session import Session, SessionRecord

START = 1_700_000_000_000_000


def received(*documents: dict[str, Any]) -> list[Received]:
    kept = []
    for index, document in enumerate(documents):
        body = json.dumps(document).encode()
        read = events.parse(body)
        assert read is not None
        kept.append(Received(index + 1, START + index * 1_000_000, read, body))
    return kept


def placed(state: AttemptState = AttemptState.ACCEPTED, session_id: str | None = SESSION) -> Attempt:
    return Attempt(1, START - 500_000, state, session_id, "request-1", SOURCE, NUMBER)


def record(*documents: dict[str, Any]) -> SessionRecord:
    events = received(*documents)
    return SessionRecord(Session.of(None, events), events)


def test_a_call_that_is_over_is_told_by_its_summary() -> None:
    session = Session.of(
        None,
        received(
            event("VCS", "CALL_INITIATED"),
            event("VCA", "ACTION_COMPLETED", digits="12"),
            event("VSS", "COMPLETED", clientRequestId="mine"),
        ),
    )
    assert (session.id, session.client_request_id, session.start) == (SESSION, "mine", START)
    assert (session.source, session.destination) == (SOURCE, NUMBER)
    assert (session.outcome, session.status) == ("COMPLETED", "COMPLETED")
    assert (session.seconds, session.mos, session.digits) == (14, 4.4, "12")
    assert session.words == "completed, 14 s, MOS 4.4 excellent, pressed 12"


def test_it_begins_when_it_was_placed() -> None:
    session = Session.of(placed(), received(event("VSS", "BUSY")))
    assert (session.start, session.answer, session.words) == (START - 500_000, "accepted", "busy after 2 s")


def test_events_may_come_in_any_order() -> None:
    session = Session.of(None, received(event("VSS", "NO_ANSWER"), event("VCS", "CALL_DISCONNECTED")))
    assert (session.status, session.words) == ("NO_ANSWER", "no answer after 30 s")


def test_without_a_summary_a_call_is_open() -> None:
    session = Session.of(None, received(event("VCS", "CALL_INITIATED"), event("VCS", "CALL_CONNECTED")))
    assert (session.outcome, session.status) == (None, "OPEN")
    assert (session.seconds, session.mos, session.error, session.bridge) == (None, None, "", None)
    assert session.words == "answered; no summary yet"


@pytest.mark.parametrize(
    ("state", "session_id", "status", "words"),
    [
        (AttemptState.ACCEPTED, SESSION, "OPEN", "accepted; nothing was reported yet"),
        (AttemptState.UNKNOWN, None, "UNKNOWN", "no answer came: it may have been placed"),
        (AttemptState.SENDING, None, "UNKNOWN", "no answer came: it may have been placed"),
    ],
)
def test_a_call_of_which_nothing_was_reported_is_told_by_its_placing(
    state: AttemptState, session_id: str | None, status: str, words: str
) -> None:
    session = Session.of(placed(state, session_id), [])
    assert (session.id, session.status, session.words) == (session_id or "", status, words)
    assert (session.source, session.destination) == (SOURCE, NUMBER)


def test_a_call_in_doubt_that_was_reported_is_in_doubt_no_more() -> None:
    session = Session.of(placed(AttemptState.UNKNOWN, None), received(event("VSS", "BUSY")))
    assert (session.id, session.status, session.answer) == (SESSION, "BUSY", "no answer came")


def test_digits_are_those_that_were_captured_else_those_that_were_pressed() -> None:
    pressed = event("VCS", "DTMF_RECEIVED", digits="1")
    assert Session.of(None, received(pressed)).digits == "1"
    assert Session.of(None, received(pressed, event("VCA", "ACTION_COMPLETED", digits="12"))).digits == "12"


def test_an_error_is_told_with_its_code() -> None:
    session = Session.of(None, received(event("VSS", "ERROR", error=-2010)))
    assert (session.status, session.error) == ("ERROR", "trunk capacity exceeded (-2010)")
    assert session.words == "error: trunk capacity exceeded (-2010)"


def test_each_leg_is_told_in_words() -> None:
    [leg] = record(event("VSS", "COMPLETED")).legs
    assert (leg.source, leg.destination) == (SOURCE, NUMBER)
    assert leg.words == "completed, rang 6 s, talked 14 s, MOS 4.4 excellent, loss 0 %, jitter 12 ms"
    [leg] = record(event("VSS", "NO_ANSWER")).legs
    assert leg.words == "no answer, rang 30 s"


@pytest.mark.parametrize("junk", [None, 5, "x", [], {}, {"callA": 5}, {"callA": {}}, True, -1, 1e308])
def test_strange_fields_are_never_an_error(junk: object) -> None:
    names = (
        "details",
        "errorDetails",
        "eventData",
        "callStatus",
        "clientRequestId",
        "source",
        "sessionStatus",
    )
    for kind in ("VSS", "VCA", "VCS", "VRU"):
        document = event(kind, "BUSY" if kind == "VSS" else "CALL_RECEIVED", **dict.fromkeys(names, junk))
        session, legs = record(document).session, record(document).legs
        assert isinstance(session.words, str)
        assert isinstance(session.status, str)
        assert isinstance(session.error, str)
        assert isinstance(session.destination, str)
        assert all(isinstance(leg.words, str) for leg in legs)
    fields = ("callQuality", "callDuration", "callStatus", "initiatedTimestamp", "disconnectedTimestamp")
    strange = event("VSS", "BUSY", details={"callA": dict.fromkeys(fields, junk)})
    assert isinstance(record(strange).legs[0].words, str)
