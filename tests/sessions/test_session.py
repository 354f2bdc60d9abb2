"""Sessions: what is known of one call, whatever came of it and in whatever order."""

import json
from typing import Any

import pytest
from past import NUMBER, SESSION, SOURCE, event

from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.captures import MAX_CAPTURES
from voicecli.sessions.session import Session, SessionRecord
from voicecli.sessions.summary import Summary
from voicecli.voice_api import event_fields, webhook_events
from voicecli.voice_api.webhook_events import Received

START = 1_700_000_000_000_000


def received(*documents: dict[str, Any]) -> list[Received]:
    kept = []
    for index, document in enumerate(documents):
        body = json.dumps(document).encode()
        read = webhook_events.parse(body)
        assert read is not None
        kept.append(Received(index + 1, START + index * 1_000_000, read, body))
    return kept


def placed(state: AttemptState = AttemptState.ACCEPTED, session_id: str | None = SESSION) -> Attempt:
    return Attempt(1, START - 500_000, state, session_id, "request-1", SOURCE, NUMBER)


def record(*documents: dict[str, Any]) -> SessionRecord:
    webhook_events = received(*documents)
    return SessionRecord(Session.of(None, webhook_events), webhook_events)


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
    assert (session.summary.seconds, session.summary.mos, session.digits) == (14, 4.4, "12")
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
    assert session.summary == Summary()
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
    assert (session.status, session.summary.error) == ("ERROR", "trunk capacity exceeded (-2010)")
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
        assert isinstance(session.summary.error, str)
        assert isinstance(session.destination, str)
        assert all(isinstance(leg.words, str) for leg in legs)
    fields = ("callQuality", "callDuration", "callStatus", "initiatedTimestamp", "disconnectedTimestamp")
    strange = event("VSS", "BUSY", details={"callA": dict.fromkeys(fields, junk)})
    assert isinstance(record(strange).legs[0].words, str)


# -- what was pressed ----------------------------------------------------------------------------------


def moment(second: float) -> str:
    return f"2026-11-28T04:00:{second:06.3f}Z"


def pressed(kind: str, digits: object, second: float = 0, **fields: object) -> dict[str, Any]:
    status = "ACTION_COMPLETED" if kind == "VCA" else "DTMF_RECEIVED"
    return event(kind, status, digits=digits, timestamp=moment(second), **fields)


def asking(asks: str | None) -> Attempt:
    return placed()._replace(asks=asks)


@pytest.mark.parametrize(
    ("asks", "entries", "captures", "digits", "confirmed"),
    [
        (None, [("VCA", "1")], ["1"], "1", False),
        ("", [("VCA", "1111"), ("VCA", "2222")], ["1111", "2222"], "2222", True),
        ("", [("VCA", "1234#")], ["1234"], "1234", True),
        ("", [("VCA", "#")], [], None, False),
        ("", [("VCA", None)], [], None, False),
        ("", [("VCA", "#"), ("VCS", "7")], ["7"], "7", True),
        ("1", [("VCA", "1"), ("VCA", "2")], ["1", "2"], "1", True),
        ("1,2", [("VCA", "3"), ("VCA", "2"), ("VCA", "1")], ["3", "2", "1"], "2", True),
        ("1", [("VCA", "1#")], ["1"], "1", True),
        ("1", [("VCA", "12")], ["12"], "12", False),
        ("#", [("VCA", "#")], ["#"], "#", True),
        ("1,#", [("VCA", "1#")], ["1#"], "1#", False),
        ("1", [("VCS", "1")], ["1"], "1", True),
        ("1", [("VCS", "1"), ("VCA", "2")], ["2"], "2", False),
        ("", [("VCS", "1"), ("VCS", "2"), ("VCA", "12")], ["12"], "12", True),
    ],
)
def test_what_was_pressed(
    asks: str | None,
    entries: list[tuple[str, object]],
    captures: list[str],
    digits: str | None,
    *,
    confirmed: bool,
) -> None:
    """In the order of the timestamps; the last entry counts, but what was confirmed stays so."""
    webhook_events = received(*(pressed(kind, what, second) for second, (kind, what) in enumerate(entries)))
    for arriving in (webhook_events, webhook_events[::-1]):
        session = Session.of(asking(asks), arriving)
        assert (session.captures, session.digits, session.confirmed) == (captures, digits, confirmed)


@pytest.mark.parametrize(
    ("pressed_keys", "digits", "result", "confirmed", "final"),
    [
        ([], None, None, False, False),
        ([("VCA", "1")], "1", "confirmed", True, True),
        ([("VCA", {"dtmf": "2"}), ("VCA", "5")], "5", None, False, False),
        ([("VCA", "5"), ("VCA", "2")], "2", "later", False, False),
        ([("VCA", "9"), ("VCA", "1")], "9", "stop", False, True),
        ([("VCA", "1"), ("VCA", "9")], "1", "confirmed", True, True),
        ([("VCA", "9#")], "9", "stop", False, True),
        ([("VCA", "99")], "9", "stop", False, True),
        ([("VCA", "91")], "91", None, False, False),
        ([("VCS", "9")], "9", "stop", False, True),
        ([("VCS", "9"), ("VCA", "#")], "9", "stop", False, True),
    ],
)
def test_a_key_has_its_name(
    pressed_keys: list[tuple[str, object]],
    digits: str | None,
    result: str | None,
    *,
    confirmed: bool,
    final: bool,
) -> None:
    """The first that is accepted, or says to want no more calls, stays; else the last one counts."""
    asks = placed()._replace(asks="1", key_names="1=confirmed,2=later,9=stop")
    webhook_events = received(*(pressed(kind, what, at) for at, (kind, what) in enumerate(pressed_keys)))
    for arriving in (webhook_events, webhook_events[::-1]):
        session = Session.of(asks, arriving)
        assert (session.digits, session.result, session.confirmed) == (digits, result, confirmed)
        assert session.is_final == final
        assert session.answers == ({} if digits is None else {"keys": digits})


def test_when_it_was_confirmed_is_known_only_where_an_event_says_so() -> None:
    timed = Session.of(asking("1"), received(pressed("VCA", {"dtmf": "1"}, 5)))
    assert timed.confirmed_at == event_fields.parse_time(moment(5))
    untimed = Session.of(asking("1"), received(event("VCA", "ACTION_COMPLETED", digits="1", timestamp=None)))
    assert (untimed.confirmed, untimed.confirmed_at) == (True, None)


def test_times_are_compared_as_times() -> None:
    early = pressed("VCA", "1") | {}
    early["payload"]["timestamp"] = "2026-11-28T06:00:01+02:00"
    late = pressed("VCA", "2", 1.5)
    assert Session.of(None, received(late, early)).captures == ["1", "2"]


def test_digits_beside_an_inbound_call_are_none_that_were_asked_for() -> None:
    came_in = event("VCA", "CALL_RECEIVED", digits="1")
    session = Session.of(asking("1"), received(came_in))
    assert (session.digits, session.confirmed, session.vca_seen) == (None, False, False)


def test_memory_is_bounded_whatever_is_pressed() -> None:
    wrong = [pressed("VCA", "9", second / 10) for second in range(2, 2 + 5 * MAX_CAPTURES)]
    session = Session.of(asking("1"), received(*wrong, pressed("VCA", "1", 0.1)))
    assert (len(session.captures), session.digits, session.confirmed) == (MAX_CAPTURES, "1", True)


# -- how it ended --------------------------------------------------------------------------------------


def summed_up(status: str, *legs: str, end: float = 0, **fields: object) -> dict[str, Any]:
    """A summary with legs that ended so."""
    details = {f"call{'AB'[index]}": {"callStatus": leg} for index, leg in enumerate(legs)}
    return event("VSS", "COMPLETED", sessionStatus=status, details=details, endTime=moment(end), **fields)


@pytest.mark.parametrize(
    ("status", "legs", "outcome", "bridge"),
    [
        # 8x8's table of two legs: the session's status is the second one's.
        ("NO_ANSWER", ["COMPLETED", "NO_ANSWER"], "COMPLETED", "NO_ANSWER"),
        ("NO ANSWER", ["COMPLETED", "NO ANSWER"], "COMPLETED", "NO_ANSWER"),
        ("BUSY", ["COMPLETED", "BUSY"], "COMPLETED", "BUSY"),
        ("FAILED", ["COMPLETED", "FAILED"], "COMPLETED", "FAILED"),
        ("ERROR", ["COMPLETED", "ERROR"], "COMPLETED", "ERROR"),
        ("COMPLETED", ["COMPLETED", "COMPLETED"], "COMPLETED", "COMPLETED"),
        ("COMPLETED", ["COMPLETED", ""], "COMPLETED", "UNKNOWN"),
        # An ERROR that the bridge does not explain is the session's: a reply that failed.
        ("ERROR", ["COMPLETED", "COMPLETED"], "ERROR", "COMPLETED"),
        ("ERROR", ["COMPLETED"], "ERROR", None),
        ("FAILED", ["COMPLETED"], "FAILED", None),
        # FAILED covers busy and no answer.
        ("FAILED", ["BUSY"], "BUSY", None),
        ("FAILED", ["NO ANSWER"], "NO_ANSWER", None),
        ("ERROR", ["CANCELLED"], "CANCELED", None),
        ("FAILED", ["ERROR"], "FAILED", None),
        ("BUSY", ["NO_ANSWER"], "BUSY", None),
        # What somebody said stays so.
        ("COMPLETED_UNSUBSCRIBED", ["COMPLETED", "COMPLETED"], "COMPLETED_UNSUBSCRIBED", "COMPLETED"),
        ("UNSUBSCRIBED", ["COMPLETED", "BUSY"], "UNSUBSCRIBED", "BUSY"),
        ("SOMETHING_NEW", ["COMPLETED"], "SOMETHING_NEW", None),
        ("BUSY", ["odd", "BUSY"], "BUSY", "BUSY"),
        ("completed", [], "COMPLETED", None),
    ],
)
def test_how_it_ended_for_the_person_who_was_called(
    status: str, legs: list[str], outcome: str, bridge: str | None
) -> None:
    session = Session.of(None, received(summed_up(status, *legs)))
    summary = session.summary
    assert (summary.outcome, summary.bridge, summary.session_status) == (outcome, bridge, status)
    assert ("bridge: " in session.words) == (bridge is not None)


def test_a_caller_who_came_in_was_not_called() -> None:
    legs = {"callA": {"callStatus": "COMPLETED", "callDirection": "INBOUND"}, "callB": {"callStatus": "BUSY"}}
    session = Session.of(None, received(event("VSS", "BUSY", details=legs)))
    assert (session.outcome, session.summary.bridge) == ("BUSY", "BUSY")


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (("NO_ANSWER", 1), ("COMPLETED", 2), "COMPLETED"),
        (("COMPLETED", 1), ("NO_ANSWER", 2), "NO_ANSWER"),
        (("NO_ANSWER", 1), ("COMPLETED", 1), "COMPLETED"),
        (("COMPLETED", 1), ("UNSUBSCRIBED_CONTACT", 1), "UNSUBSCRIBED_CONTACT"),
        (("FAILED", 1), ("BUSY", 1), "BUSY"),
    ],
)
def test_of_several_summaries_the_one_that_ended_last_counts(
    first: tuple[str, float], second: tuple[str, float], outcome: str
) -> None:
    webhook_events = received(*(summed_up(status, end=end) for status, end in (first, second)))
    for arriving in (webhook_events, webhook_events[::-1]):
        assert Session.of(None, arriving).outcome == outcome


@pytest.mark.parametrize("extra", [{"SourceRefId": "null"}, {"sipCode": 200}, {"nobodyListedThis": [1]}])
def test_a_leg_is_read_by_its_status_whatever_else_is_in_it(extra: dict[str, object]) -> None:
    """8x8's samples have a SourceRefId with a capital and the text null; a sipCode is told to be 200 for
    connected calls only typically."""
    leg = {"callStatus": "NO ANSWER", "source": SOURCE, "destination": NUMBER, **extra}
    summary = event("VSS", "COMPLETED", sessionStatus="FAILED", details={"CallA": leg}, **extra)
    session = Session.of(None, received(summary))
    assert (session.outcome, session.source, session.destination) == ("NO_ANSWER", SOURCE, NUMBER)


@pytest.mark.parametrize("last_action", ["PLAY_TTS", "SAY", "NOBODY_LISTED_THIS", None])
def test_the_last_action_says_nothing_of_how_it_ended(last_action: str | None) -> None:
    summary = event("VSS", "COMPLETED", lastAction=last_action, clientRequestId=None)
    session = Session.of(placed(), received(summary))
    assert (session.outcome, session.id) == ("COMPLETED", SESSION)


def test_a_summary_with_an_end_counts_before_one_without() -> None:
    without = event("VSS", "COMPLETED")
    del without["payload"]["endTime"]
    for arriving in ([without, summed_up("BUSY")], [summed_up("BUSY"), without]):
        assert Session.of(None, received(*arriving)).outcome == "BUSY"


def test_a_summary_without_a_status_is_none() -> None:
    session = Session.of(None, received(event("VSS", "COMPLETED", sessionStatus=None)))
    assert (session.outcome, session.status, session.words) == (None, "OPEN", "no summary yet")


# -- on the way ----------------------------------------------------------------------------------------


def test_8x8s_first_status_of_our_call_is_no_call_that_came_in() -> None:
    came_in = event("VCS", "CALL_RECEIVED")
    assert Session.of(None, received(came_in)).words == "a call came in; no summary yet"
    ours = Session.of(placed(), received(came_in))
    assert ours.words == "dialling; no summary yet"


@pytest.mark.parametrize("word", ["CALL_CONNECTED", "ANSWERED"])
def test_it_is_known_when_the_person_answered(word: str) -> None:
    connected = event("VCS", word, timestamp=moment(6))
    bridged = event("VCS", "CALL_CONNECTED", number="+33199005678", timestamp=moment(2))
    again = event("VCS", "CALL_CONNECTED", timestamp=moment(9))
    for arriving in ([connected, bridged, again], [again, bridged, connected]):
        session = Session.of(placed(), received(*arriving))
        assert session.connected_at == event_fields.parse_time(moment(6))
        assert session.answered


def test_an_event_of_another_session_changes_nothing() -> None:
    session = Session.of(placed(), received(event("VCS", "CALL_INITIATED")))
    for other in ("another", ""):
        assert not session.see(received(event("VSS", "BUSY", other))[0])
    assert (session.id, session.outcome) == (SESSION, None)
