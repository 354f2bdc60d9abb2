"""What a call that was waited for exits with: every outcome, with and without digits."""

import pytest

from voicecli.calling.endings import Ending, ending_of
from voicecli.calling.results import CallResults, Result, failed_result
from voicecli.cli.exit_codes import (
    ExitCode,
    all_calls_code,
    result_code,
    until_confirmed_code,
    waited_calls_code,
)
from voicecli.errors import OutcomeUnknown, PlacedBefore, Refused, VoicecliError
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.pending import PendingCall
from voicecli.voice_api.callflow import call_request, make_call
from voicecli.voice_api.codes import Outcome
from voicecli.voice_api.webhook_events import Event, Received

CODES = {
    Outcome.COMPLETED: 0,
    Outcome.NO_ANSWER: 10,
    Outcome.BUSY: 11,
    Outcome.CANCELED: 12,
    Outcome.FAILED: 13,
    Outcome.ERROR: 14,
    Outcome.COMPLETED_UNSUBSCRIBED: 15,
    Outcome.COMPLETED_UNSUB_ERROR: 15,
    Outcome.UNSUBSCRIBED_CONTACT: 15,
}
REQUEST = call_request([make_call("+33199000000", "+33199001234")])
REFUSED = failed_result(REQUEST, Refused("No.", status_code=-1014))
LOST = failed_result(REQUEST, OutcomeUnknown("Gone."))
BEFORE = failed_result(REQUEST, PlacedBefore("Twice."))


def ended(one: Ending) -> Result:
    return Result(one, "", {})


def exit_code(status: str | None, digits: str | None = None, *, asks: bool = False) -> ExitCode:
    keys = "1" if asks else None
    call = PendingCall(Attempt(1, 0, AttemptState.ACCEPTED, "s-1", "m-1", "", "+33199001234", asks=keys))
    if digits is not None:
        call.see(Received(1, 0, Event("VCA", {"sessionId": "s-1", "eventData": digits}), b""))
    if status is not None:
        call.see(Received(2, 0, Event("VSS", {"sessionId": "s-1", "sessionStatus": status}), b""))
    return result_code(ended(ending_of(call)))


def test_every_outcome_has_its_code() -> None:
    assert set(CODES) == set(Outcome)
    for outcome, code in CODES.items():
        assert exit_code(outcome) == code
        assert exit_code(outcome, asks=True) == (code or 16)
        assert exit_code(outcome, "2", asks=True) == (code or 16)
        assert exit_code(outcome, "1", asks=True) == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("NO ANSWER", 10),
        ("no_answer", 10),
        ("CANCELLED", 12),
        ("cancelled", 12),
        ("Unsubscribed", 15),
        ("UNSUBSCRIBED_NEWLY", 15),
        ("SOMETHING_NEW", 14),
        (None, 8),
    ],
)
def test_older_newer_and_missing_words_have_one_too(status: str | None, code: int) -> None:
    assert exit_code(status) == code


def test_every_ending_has_a_code() -> None:
    assert {one: result_code(ended(one)) for one in Ending if one is not Ending.NOT_ACCEPTED}
    assert result_code(failed_result(REQUEST, VoicecliError("A fault."))) == 1


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([ended(Ending.DONE), ended(Ending.ACCEPTED)], 0),
        ([ended(Ending.DONE), ended(Ending.BUSY)], 7),
        ([ended(Ending.BUSY), ended(Ending.BUSY)], 7),
        ([BEFORE, BEFORE], 9),
        ([BEFORE, ended(Ending.DONE)], 7),
        ([ended(Ending.BUSY)], 11),
        ([REFUSED], 4),
    ],
)
def test_several_calls_have_one_code(results: list[Result], code: int) -> None:
    assert all_calls_code(results) == code


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([ended(Ending.BUSY), REFUSED, ended(Ending.DONE)], 0),
        ([ended(Ending.BUSY), REFUSED], 16),
        ([ended(Ending.OUT_OF_TIME), ended(Ending.NOT_CONFIRMED)], 8),
        ([LOST, ended(Ending.BUSY)], 6),
        ([LOST, ended(Ending.DONE)], 0),
        ([REFUSED, BEFORE], 9),
        ([BEFORE, REFUSED], 4),
    ],
)
def test_an_alert_has_one_code(results: list[Result], code: int) -> None:
    assert until_confirmed_code(results) == code


@pytest.mark.parametrize(
    ("calls", "code"),
    [
        (CallResults([ended(Ending.BUSY), REFUSED]), 16),
        (CallResults([ended(Ending.BUSY)], OutcomeUnknown("Gone.")), 6),
        (CallResults([ended(Ending.NOT_CONFIRMED), LOST], only_told=True), 16),
        (CallResults([REFUSED, BEFORE], only_told=True), 7),
    ],
)
def test_what_ended_the_waiting_decides_the_code(calls: CallResults, code: int) -> None:
    assert waited_calls_code(calls, until_confirmed=True) == code
