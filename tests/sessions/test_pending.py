"""A call that is waited for: what its events tell, in whatever order and form they come."""

import pytest

from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.pending import DIGITS_DUE, PendingCall
from voicecli.voice_api.codes import Outcome
from voicecli.voice_api.webhook_events import Event, Received

NUMBER = "+33199001234"


def pending(asks: str | None = None, *, session: str | None = "s-1") -> PendingCall:
    return PendingCall(Attempt(1, 0, AttemptState.ACCEPTED, session, "m-1", "", NUMBER, asks=asks))


def received(number: int, kind: str, session: str = "s-1", **fields: object) -> Received:
    event = Event(kind, {"sessionId": session, **fields})
    return Received(number, 1_000_000 * number, event, b"")


def summary(number: int = 9, status: str = "COMPLETED", **fields: object) -> Received:
    return received(number, "VSS", sessionStatus=status, **fields)


def pressed(number: int, digits: object) -> Received:
    return received(number, "VCA", callStatus="ACTION_COMPLETED", eventData=digits)


def test_it_is_settled_by_its_summary() -> None:
    call = pending()
    assert call.observe(received(1, "VCS", callStatus="CALL_INITIATED")) == "dialling"
    assert not call.is_settled(1)
    assert call.observe(summary()) == "completed"
    assert call.is_settled(9)
    assert (call.outcome, call.describe_ending()) == ("COMPLETED", "completed")


def test_what_is_about_another_session_is_no_news() -> None:
    call = pending()
    assert call.observe(received(1, "VSS", "s-2", sessionStatus="BUSY")) is None
    assert call.observe(received(2, "VSS", "", sessionStatus="BUSY")) is None
    assert not call.is_settled(2)


def test_an_event_is_news_once() -> None:
    call = pending()
    assert call.observe(pressed(1, "1")) == "digit 1"
    assert call.observe(pressed(1, "1")) is None


def test_a_summary_without_a_status_settles_nothing() -> None:
    call = pending()
    call.observe(received(1, "VSS"))
    assert not call.is_settled(1)


def test_only_the_summary_with_its_id_names_a_lost_call() -> None:
    lost = pending(session=None)
    assert not lost.names(summary(clientRequestId="m-2").event)
    assert not lost.names(summary().event)
    assert not lost.names(received(1, "VCS", clientRequestId="m-1").event)
    assert not lost.names(received(1, "VSS", "", clientRequestId="m-1").event)
    assert lost.names(summary(clientRequestId="m-1").event)
    assert not pending().names(summary(clientRequestId="m-1").event)


def test_the_summary_of_a_call_to_somebody_else_names_nothing() -> None:
    legs = {"callA": {"destination": "33199001235"}}
    assert not pending(session=None).names(summary(clientRequestId="m-1", details=legs).event)
    own = {"CallA": {"destination": "33199001234"}}
    assert pending(session=None).names(summary(clientRequestId="m-1", details=own).event)


def test_what_was_confirmed_stays_so() -> None:
    call = pending("1")
    for number, digits in enumerate(("2", "1", "3")):
        call.observe(pressed(number, digits))
    assert call.digits == "1"


@pytest.mark.parametrize("digits", ["123#", "123"])
def test_the_key_that_ends_a_code_is_no_part_of_it(digits: str) -> None:
    call = pending("")
    call.observe(pressed(1, digits))
    assert call.digits == "123"


@pytest.mark.parametrize("digits", ["1", {"dtmf": "1"}])
def test_a_listed_digit_confirms_in_both_forms(digits: object) -> None:
    call = pending("1")
    call.observe(pressed(1, digits))
    assert call.confirmed
    call.observe(summary())
    assert call.describe_ending() == "confirmed with 1; completed"


def test_digits_that_the_summary_overtook_are_waited_for() -> None:
    call = pending("1")
    call.observe(summary(9))
    assert not call.is_settled(9)
    assert call.is_settled(9 + DIGITS_DUE)
    call.observe(pressed(10, "1"))
    assert call.is_settled(10)
    assert call.confirmed


@pytest.mark.parametrize("digits", [None, {"dtmf": None}, {}, 1, [], True])
def test_no_digits_are_no_confirmation(digits: object) -> None:
    call = pending("1")
    call.observe(pressed(1, digits))
    call.observe(summary())
    assert call.is_settled(9)
    assert not call.confirmed
    assert call.describe_ending() == "not confirmed, nothing was pressed; completed"


@pytest.mark.parametrize("status", [status for status in Outcome if status is not Outcome.COMPLETED])
def test_where_nobody_answered_no_digits_are_waited_for(status: str) -> None:
    call = pending("1")
    call.observe(summary(status=status))
    assert call.is_settled(9)
    assert "confirmed" not in call.describe_ending()


def test_a_failed_reply_may_overtake_what_was_pressed_too() -> None:
    """ERROR after somebody answered: what they pressed may still come, and counts."""
    call = pending("1")
    call.observe(summary(status="ERROR", details={"callA": {"callStatus": "COMPLETED", "callDuration": 3}}))
    assert not call.is_settled(9)
    call.observe(pressed(10, "1"))
    assert call.is_settled(10)
    assert call.describe_ending() == "confirmed with 1; error, 3 s"


def test_a_later_summary_corrects_an_earlier_one() -> None:
    call = pending()
    call.observe(summary(9, "NO_ANSWER", endTime="2026-11-28T04:00:00Z"))
    call.observe(summary(10, "COMPLETED", endTime="2026-11-28T04:00:01Z"))
    assert call.describe_ending() == "completed"


def test_any_digits_will_do_where_none_are_listed() -> None:
    call = pending("")
    call.observe(pressed(1, "482913"))
    call.observe(summary())
    assert call.confirmed
    assert call.describe_ending() == "digits 482913; completed"
