"""8x8's rules: what is broken is named by its status code, and what 8x8 takes passes."""

import pytest

from voicecli.voice_api.callflow import HANGUP, make_call
from voicecli.voice_api.callflow_rules import Action, problems

TO, SOURCE = "+33199001234", "+33199000000"
CALL = make_call(SOURCE, TO)


def say(**params: object) -> Action:
    return {"action": "say", "params": {"text": "hello", "voiceProfile": "en-US-BenjaminRUS", **params}}


def capture(**params: object) -> Action:
    prompt = {"promptMessage": "Press 1", "voiceProfile": "en-US-BenjaminRUS", **params}
    return {"action": "sayAndCapture", "params": prompt}


@pytest.mark.parametrize(
    ("code", "callflow"),
    [
        (-1007, [{"action": "dance"}]),
        (-1007, [{}]),
        (-1007, ["hangup"]),
        (-1009, []),
        (-1009, None),
        (-1009, "hangup"),
        (-1009, [CALL, {"action": "say"}]),
        (-1009, [CALL, {"action": "say", "params": []}]),
        (-1009, [CALL, {"action": "say", "params": {"voiceProfile": "x"}}]),
        (-1009, [CALL, say(repetition=4)]),
        (-1009, [CALL, say(repetition=1.0)]),
        (-1009, [CALL, say(repetition=True)]),
        (-1009, [CALL, say(speed=2.1)]),
        (-1009, [CALL, say(speed=float("nan"))]),
        (-1009, [CALL, say(text="x" * 3001)]),
        (-1009, [CALL, say(text=" ")]),
        (-1009, [CALL, {"action": "playFile", "params": {"fileUrl": "file:///etc/passwd"}}]),
        (-1010, [CALL, CALL, CALL]),
        (-1011, [make_call(SOURCE, f"{TO},{TO}")]),
        (-1011, [{"action": "makeCall", "params": {"source": SOURCE, "destination": [TO, TO]}}]),
        (-1012, [CALL, HANGUP, say()]),
        (-1012, [CALL, {"action": "hangup", "params": {"now": True}}]),
        (-1013, [say(), HANGUP]),
        (-1014, [make_call("me", TO)]),
        (-1016, [CALL, say(text="a\0b")]),
        (-1017, [make_call(SOURCE, "0123")]),
        (-1003, [CALL, capture(minDigits=2)]),
        (-1003, [CALL, capture(minDigits=3, maxDigits=2)]),
        (-1009, [CALL, capture(maxDigits=26)]),
        (-1005, [CALL, capture(digitTimeout=5000)]),
        (-1006, [CALL, capture(digitTimeout=5000, overallTimeout=4000)]),
        (-1008, [CALL, capture(completeOnHash=False)]),
        (-1018, [CALL, {"action": "executeScenario", "params": {"scenarioName": "s"}}]),
        (-1009, [CALL, capture(overallTimeout=0)]),
        (-1019, [{"action": "executeScenario", "params": {"scenarioName": ""}}]),
    ],
)
def test_a_broken_rule_is_named_by_its_status_code(code: int, callflow: object) -> None:
    assert code in [problem.status_code for problem in problems(callflow)]


@pytest.mark.parametrize(
    "callflow",
    [
        [CALL],
        [CALL, say(repetition=3, speed=0.5), {"action": "hangup", "params": {}}],
        [CALL, say(speed=2), make_call(SOURCE, "33199005678")],
        [CALL, capture(minDigits=1, maxDigits=4, digitTimeout=10_000, overallTimeout=10_000)],
        [CALL, capture(completeOnHash=False, maxDigits=1, noOfTries=None)],
        [{"action": "executeScenario", "params": {"scenarioName": "s"}}],
    ],
)
def test_what_8x8_takes_has_no_problems(callflow: object) -> None:
    assert list(problems(callflow)) == []


def test_a_question_may_have_as_many_characters_as_a_text() -> None:
    assert list(problems([CALL, capture(promptMessage="x" * 3000)])) == []
    assert [p.status_code for p in problems([CALL, capture(promptMessage="x" * 3001)])] == [-1009]


def test_a_reply_in_a_call_may_be_empty_and_need_not_make_a_call() -> None:
    assert list(problems([], in_call=True)) == []
    assert list(problems([say(), HANGUP], in_call=True)) == []
    assert [p.status_code for p in problems([CALL, CALL], in_call=True)] == [-1010]
    scenario = {"action": "executeScenario", "params": {"scenarioName": "s"}}
    assert [p.status_code for p in problems([scenario], in_call=True)] == [-1018]
