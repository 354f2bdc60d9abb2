"""Webhook events: read whatever their spelling, told in words, and never trusted."""

import json
from pathlib import Path

import pytest

from voicecli.voice_api import event_fields, webhook_events
from voicecli.voice_api.codes import describe_quality
from voicecli.voice_api.legs import Leg

SAMPLES = Path(__file__).parents[2].parent / "shared" / "8x8" / "payloads"


def event(event_type: str, **payload: object) -> webhook_events.Event:
    parsed = webhook_events.parse(json.dumps({"eventType": event_type, "payload": payload}).encode())
    assert parsed is not None
    return parsed


@pytest.mark.skipif(not SAMPLES.exists(), reason="8x8's own samples are not on this machine")
@pytest.mark.parametrize(
    ("sample", "kind", "words"),
    [
        ("vca-dtmf", "VCA", "digit 1"),
        ("vcs-call-received", "VCS", "a call came in"),
        ("vss-completed", "VSS", "completed, 13 s, MOS 4.5 excellent"),
        ("vss-error-no-coverage", "VSS", "error: no coverage for the requested area (-2004)"),
        ("vru-upload-completed", "VRU", "recording upload completed"),
        ("vnu-updates", "VNU", "virtual numbers changed: 2"),
    ],
)
def test_8x8s_own_samples_are_told_in_words(sample: str, kind: str, words: str) -> None:
    read = webhook_events.parse((SAMPLES / f"{sample}.json").read_bytes())
    assert read is not None
    assert (read.type, read.words) == (kind, words)


@pytest.mark.parametrize(
    ("data", "digits"),
    [
        ({"dtmf": "12"}, "12"),
        ("12", "12"),
        (None, None),
        ({"dtmf": None}, None),
        ({}, None),
        (12, None),
        ([], None),
    ],
)
def test_digits_are_read_in_every_spelling(data: object, digits: str | None) -> None:
    assert event("CALL_ACTION", eventData=data).digits == digits


@pytest.mark.parametrize("kind", ["CALL_ACTION", "CALL_STATUS"])
def test_digits_may_stand_beside_the_event_data(kind: str) -> None:
    """As 8x8's pages of 2025 have it."""
    assert event(kind, callStatus="DTMF_RECEIVED", dtmf="3").digits == "3"
    assert event(kind, callStatus="DTMF_RECEIVED", dtmf="3", eventData={"dtmf": "4"}).digits == "4"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"asrCaptured": "hello world", "dtmf": None}, 'no digits, heard "hello world"'),
        ({"asrCaptured": "one", "dtmf": "1"}, 'digit 1, heard "one"'),
        ({"asrCaptured": None, "dtmf": "1"}, "digit 1"),
        ({"asrCaptured": 5}, "no digits"),
    ],
)
def test_what_was_heard_is_told_and_is_no_digits(data: dict[str, object], words: str) -> None:
    read = event("CALL_ACTION", callStatus="ACTION_COMPLETED", eventData=data)
    assert read.words == words
    assert read.digits == data.get("dtmf")


@pytest.mark.parametrize(("status", "words"), [("RINGING", "ringing"), ("ANSWERED", "answered")])
def test_the_words_of_8x8s_introduction_are_told_too(status: str, words: str) -> None:
    assert event("CALL_STATUS", callStatus=status).words == words


def test_what_became_of_a_bridge_is_told_beside_the_outcome() -> None:
    legs = {
        "callA": {"callStatus": "COMPLETED", "callDuration": 13},
        "callB": {"callStatus": "NO ANSWER"},
    }
    read = event("SESSION_SUMMARY", sessionStatus="NO_ANSWER", lastAction="PLAY_TTS", details=legs)
    assert read.words == "completed, 13 s; bridge: no answer"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T00:00:01.25Z", 1_250_000),
        ("1970-01-01T02:00:01+02:00", 1_000_000),
        ("1970-01-01T00:00:01", 1_000_000),
        ("soon", None),
        ("", None),
    ],
)
def test_times_are_read_in_every_form(text: str, moment: int | None) -> None:
    assert event_fields.parse_time(text) == moment


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("NO ANSWER", "NO_ANSWER"), ("CANCELLED", "CANCELED"), ("BUSY", "BUSY"), ("NEW_THING", "NEW_THING")],
)
def test_older_spellings_and_new_values_of_an_outcome_are_understood(status: str, outcome: str) -> None:
    assert event("SESSION_SUMMARY", sessionStatus=status).outcome == outcome


@pytest.mark.parametrize("key", ["CallA", "callA"])
def test_the_first_leg_is_found_under_either_key(key: str) -> None:
    details = {"callB": {"destination": "+33199005678"}, key: {"destination": "+33199001234"}}
    assert event("SESSION_SUMMARY", details=details).destination == "+33199001234"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"{}", b'{"payload": 5}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_event_is_none(body: bytes) -> None:
    assert webhook_events.parse(body) is None


@pytest.mark.parametrize(
    "event_type",
    [
        "CALL_ACTION",
        "SESSION_SUMMARY",
        "CALL_STATUS",
        "CALL_RECORDING_STATUS",
        "VIRTUAL_NUMBER_UPDATE",
        "SOMETHING_NEW",
        "",
    ],
)
@pytest.mark.parametrize("junk", [None, 5, "x", [], {}, {"dtmf": []}, True, 1e308])
def test_junk_in_any_field_is_never_an_error(event_type: str, junk: object) -> None:
    names = (
        "sessionId",
        "sessionStatus",
        "details",
        "errorDetails",
        "eventData",
        "callStatus",
        "sipCode",
        "status",
        "totalNumbers",
        "destination",
    )
    read = event(event_type, **dict.fromkeys(names, junk))
    assert isinstance(read.words, str)
    assert isinstance(read.destination, str)
    assert isinstance(
        event(event_type, details={"callA": {"callQuality": junk, "callDuration": junk}}).words, str
    )


@pytest.mark.parametrize(
    ("mos", "word"),
    [(4.5, "excellent"), (4.3, "excellent"), (4.0, "good"), (3.6, "fair"), (3.1, "poor"), (3.0, "bad")],
)
def test_a_mean_opinion_score_is_named(mos: float, word: str) -> None:
    assert describe_quality(mos) == word


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"errorCode": -2010}, "error: trunk capacity exceeded (-2010)"),
        ({"errorCode": "-2010"}, "error: trunk capacity exceeded (-2010)"),
        ({"errorMsg": "boom"}, "error: boom"),
        ({}, "error"),
        ({"errorCode": -4242}, "error: error -4242 (-4242)"),
    ],
)
def test_an_error_is_told_as_far_as_it_is_known(error: dict[str, object], words: str) -> None:
    assert event("SESSION_SUMMARY", sessionStatus="ERROR", errorDetails=error).words == words


def test_a_sip_code_is_read_in_either_type() -> None:
    for code in (486, "486"):
        assert event("CALL_STATUS", callStatus="CALL_DISCONNECTED", sipCode=code).words == "ended: busy"


def test_of_a_text_that_is_too_long_its_first_thousand_characters_are_read() -> None:
    assert event("CALL_STATUS", destination="1" * 1_000).destination == "1" * 1_000
    assert event("CALL_STATUS", destination="1" * 1_001).destination == "1" * 1_000


def test_a_leg_is_told_by_what_8x8_says_of_it() -> None:
    [leg] = event("SESSION_SUMMARY", details={"callA": {"callDuration": 7}}).legs
    assert (leg.seconds, leg.connected) == (7, True)
    assert leg == Leg({"callDuration": 7})
    assert repr(leg) == "Leg(payload={'callDuration': 7})"
