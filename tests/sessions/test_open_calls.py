"""What the events say of each call so far."""

from typing import Any

import pytest

from voicecli.sessions import open_calls as calls
from voicecli.sessions.open_calls import OpenCalls, is_overdue
from voicecli.voice_api.webhook_events import Event, Received


def event(kind: str, session: str = "s-1", *, at: float = 0, times: int = 1, **payload: Any) -> Received:
    content = Event(kind, {"sessionId": session, **payload})
    return Received(1, int(at * 1e6), content, b"", times, again=times > 1)


def test_a_call_is_open_until_its_summary() -> None:
    seen = OpenCalls()
    seen.see(event("VCS", callStatus="CALL_INITIATED", source="+1", destination="+2"))
    call = seen.open["s-1"]
    assert (call.source, call.destination, call.news, call.outcome) == ("+1", "+2", "dialling", None)
    closed = seen.see(event("VSS", sessionStatus="CANCELLED", at=3))
    assert closed is not None
    assert closed.session is call
    assert (call.outcome, call.first, call.last) == ("CANCELED", 0, 3_000_000)
    assert (dict(seen.open), seen.outcomes) == ({}, {"CANCELED": 1})


def test_what_comes_late_or_again_opens_nothing_and_counts_nothing() -> None:
    seen = OpenCalls()
    seen.see(event("VSS", sessionStatus="BUSY"))
    assert seen.see(event("VCS", callStatus="CALL_INITIATED")) is None
    assert seen.see(event("VSS", sessionStatus="BUSY", times=2)) is None
    assert seen.see(event("VNU", "")) is None
    assert (dict(seen.open), seen.outcomes) == ({}, {"BUSY": 1})


@pytest.mark.parametrize(
    ("status", "seconds", "overdue"),
    [("CALL_CONNECTED", 599, False), ("CALL_CONNECTED", 601, True), ("CALL_DISCONNECTED", 61, True)],
)
def test_a_call_without_a_summary_for_too_long_is_overdue(status: str, seconds: float, overdue: bool) -> None:
    seen = OpenCalls()
    seen.see(event("VCS", callStatus=status))
    assert is_overdue(seen.open["s-1"], seconds) is overdue


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_CALLS", 10)
    seen = OpenCalls()
    for number in range(100):
        seen.see(event("VCS", f"open-{number}"))
        seen.see(event("VSS", f"closed-{number}", sessionStatus="BUSY"))
    assert list(seen.open) == [f"open-{number}" for number in range(90, 100)]
    assert seen.outcomes == {"BUSY": 100}
    assert len(seen._closed) == 10


def test_outcomes_that_nobody_knows_are_counted_together_when_there_are_too_many() -> None:
    seen = OpenCalls()
    for number in range(calls.MAX_OUTCOMES + 3):
        seen.see(event("VSS", f"s-{number}", sessionStatus=f"NEW_{number}"))
    assert len(seen.outcomes) == calls.MAX_OUTCOMES + 1
    assert seen.outcomes["OTHER"] == 3


def test_a_recording_is_no_call() -> None:
    seen = OpenCalls()
    assert seen.see(event("VRU", status="UPLOAD_COMPLETED")) is None
    assert len(seen.open) == 0


def test_a_later_summary_corrects_what_was_counted() -> None:
    seen = OpenCalls()
    seen.see(event("VSS", sessionStatus="NO_ANSWER", endTime="2026-11-28T04:00:00Z"))
    change = seen.see(event("VSS", sessionStatus="COMPLETED", endTime="2026-11-28T04:00:01Z"))
    assert change is not None
    assert (change.session.outcome, change.corrects) == ("COMPLETED", True)
    assert seen.see(event("VSS", sessionStatus="BUSY", endTime="2026-11-28T03:59:59Z")) is None
    assert seen.outcomes == {"COMPLETED": 1}
