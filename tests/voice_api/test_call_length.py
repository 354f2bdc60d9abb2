"""How long a call can take until its last question is answered."""

import pytest

from voicecli.voice_api.call_length import FILE_AT_MOST, longest_until_answered
from voicecli.voice_api.callflow import HANGUP, Action, make_call

CALL = make_call("+33199000000", "+33199001234")


def say(text: str, **params: object) -> Action:
    return {"action": "say", "params": {"text": text, **params}}


def ask(text: str, **params: object) -> Action:
    return {"action": "sayAndCapture", "params": {"promptMessage": text, **params}}


TEN, ONE_TRY = "ten-letter", {"noOfTries": 1, "overallTimeout": 5_000}
TWICE: Action = {"action": "playFile", "params": {"repetition": 2}}


@pytest.mark.parametrize(
    ("callflow", "seconds"),
    [
        ([CALL, say(TEN), HANGUP], 0),
        ([CALL, ask(TEN, **ONE_TRY)], 60 + 1 + 5),
        ([CALL, ask(TEN, noOfTries=3, overallTimeout=10_000, repetition=2)], 60 + 3 * (2 + 10)),
        ([CALL, ask(TEN)], 60 + 3 * (1 + 30)),  # the longest of 8x8's defaults
        ([CALL, ask(TEN, **ONE_TRY, successMessage=TEN, failureMessage=TEN)], 60 + 3 + 5),
        ([CALL, say(TEN, repetition=3, speed=0.5), ask("", **ONE_TRY), say("more"), HANGUP], 60 + 6 + 5),
        ([CALL, ask(TEN, **ONE_TRY), say(TEN), ask(TEN, **ONE_TRY), HANGUP], 60 + 6 + 1 + 6),
        ([CALL, say("1" * 10), ask("", **ONE_TRY)], 60 + 5 + 5),  # a digit is a word
        (
            [CALL, {"action": "playFile", "params": {"repetition": 2}}, ask("", **ONE_TRY)],
            60 + 2 * FILE_AT_MOST + 5,
        ),
        ([CALL, {"action": "sayAndCapture", "params": "none"}], 60 + 3 * 30),
    ],
)
def test_the_ringing_the_texts_and_the_tries(callflow: list[Action], seconds: float) -> None:
    assert longest_until_answered(callflow) == pytest.approx(seconds)
