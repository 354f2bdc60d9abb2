"""What a call that was waited for exits with: every outcome, with and without digits."""

import pytest

from voicecli.cli.exit_codes import ExitCode
from voicecli.cli.results import Result, outcome_code, overall
from voicecli.events import Event, Received
from voicecli.sessions.pending import Awaited
from voicecli.vocabulary import Outcome

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


def awaited(status: str | None, digits: str | None = None, *, asks: bool = False) -> Awaited:
    call = Awaited("m-1", "+33199001234", "s-1", asks, frozenset({"1"}) if asks else frozenset())
    if digits is not None:
        call.see(Received(1, 0, Event("VCA", {"sessionId": "s-1", "eventData": digits}), b""))
    if status is not None:
        call.see(Received(2, 0, Event("VSS", {"sessionId": "s-1", "sessionStatus": status}), b""))
    return call


def test_every_outcome_has_its_code() -> None:
    assert set(CODES) == set(Outcome)
    for outcome, code in CODES.items():
        assert outcome_code(awaited(outcome)) == code
        assert outcome_code(awaited(outcome, asks=True)) == (code or 16)
        assert outcome_code(awaited(outcome, "2", asks=True)) == (code or 16)
        assert outcome_code(awaited(outcome, "1", asks=True)) == 0


@pytest.mark.parametrize(
    ("status", "code"), [("NO ANSWER", 10), ("CANCELLED", 12), ("SOMETHING_NEW", 14), (None, 8)]
)
def test_older_newer_and_missing_words_have_one_too(status: str | None, code: int) -> None:
    assert outcome_code(awaited(status)) == code


@pytest.mark.parametrize(
    ("codes", "code"),
    [([0, 0], 0), ([0, 11], 7), ([11, 11], 7), ([9, 9], 9), ([9, 0], 7), ([11], 11), ([4], 4)],
)
def test_several_calls_have_one_code(codes: list[int], code: int) -> None:
    assert overall([Result(ExitCode(one), "", {}) for one in codes]) == code
