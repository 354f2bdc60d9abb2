"""The rule by which the VCAs of our own calls are answered, played against a small model of 8x8."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import pytest

from voicecli.sandbox.reading import READINGS, Reading, Step, VcaMoments, steps
from voicecli.voice_api.callflow import HANGUP
from voicecli.voice_api.callflow_rules import Action, has_question, split_at_question
from voicecli.voice_api.replies import HANG_UP
from voicecli.voice_api.vca_continuation import continue_call
from voicecli.voice_api.webhook_events import Received, parse

TO, BRIDGED = "+33199001234", "+33199005678"
LATENCY = 0.3  # seconds from an event to its arrival here
RINGING = (2, 6, 20, 45)


def call(to: str = TO) -> Action:
    return {"action": "makeCall", "params": {"source": "+33199000000", "destination": to}}


def say(text: str = "The server room is too hot.") -> Action:
    return {"action": "say", "params": {"text": text, "voiceProfile": "en-GB-Emma", "repetition": 1}}


def question(text: str = "Press one to confirm.") -> Action:
    params = {"promptMessage": text, "voiceProfile": "en-GB-Emma", "maxDigits": 1}
    return {
        "action": "sayAndCapture",
        "params": {**params, "overallTimeout": 10_000, "digitTimeout": 5_000, "noOfTries": 2},
    }


FILE: Action = {"action": "playFile", "params": {"fileUrl": "https://example.com/a.mp3"}}
FLOWS: Mapping[str, Sequence[Action]] = {
    "text": [call(), say(), HANGUP],
    "texts": [call(), say("One."), say("Two."), say("Three."), HANGUP],
    "question": [call(), question(), HANGUP],
    "text, question": [call(), say(), question(), HANGUP],
    "texts, question": [call(), say("One."), say("Two."), question(), HANGUP],
    "question, text": [call(), question(), say("Thank you."), HANGUP],
    "two questions": [call(), question("First?"), question("Second?"), HANGUP],
    "question, text, question": [call(), question("First?"), say("Good."), question("Second?"), HANGUP],
    "file, question": [call(), FILE, question(), HANGUP],
    "question, bridge": [call(), question(), call(BRIDGED)],
    "text, bridge, text": [call(), say(), call(BRIDGED), say("Goodbye."), HANGUP],
    "bridge": [call(), call(BRIDGED)],
}
CASES = [*product(FLOWS, (True, False), RINGING)]
LONG = {
    "file, question"
}  # nobody knows how long a file is: silence may be the file, so it is asked once more


@dataclass
class Phone:
    """One call to 8x8, as a reading has it, whose VCAs the rule answers. ``presses`` is whether a key is
    pressed when there is a question, and ``repeated`` whether each VCA comes twice."""

    flow: Sequence[Action]
    reading: Reading
    presses: bool = True
    ringing: int = 6
    reports: bool = True  # whether VCSs arrive
    repeated: bool = False
    played: list[Action] = field(default_factory=list)
    ending: str = ""
    _now: float = 0.0
    _legs: int = 0
    _events: list[Received] = field(default_factory=list)

    def run(self) -> "Phone":
        left = steps(split_at_question(self.flow)[0])
        while left:
            step = left.pop(0)
            self.played.append(step.action)
            if step.kind == "hangup":
                self.ending = "hangup"
                return self
            digits = self._carry_out(step)
            if self.reading.sends_vca_after(step, legs=self._legs, left=left):
                left = self.reading.continued(self._answer(digits), left)
                if not left:
                    break
        self.ending = "-2003"
        return self

    def _carry_out(self, step: Step) -> str | None:
        match step.kind:
            case "makeCall":
                self._legs += 1
                to = BRIDGED if self._legs > 1 else TO
                self._report("CALL_INITIATED", to)
                self._now += self.ringing
                self._report("CALL_CONNECTED", to)
                if to == BRIDGED:
                    self._now += 20
                    self._report("CALL_DISCONNECTED", to)
            case "say":
                self._now += len(step.params["text"]) / 15  # type: ignore[arg-type]
            case "playFile":
                self._now += 10
            case "sayAndCapture":
                spoken = len(step.params["promptMessage"]) / 15  # type: ignore[arg-type]
                if self.presses:
                    self._now += spoken + 3
                    return "1"
                self._now += step.params["noOfTries"] * (spoken + 10)  # type: ignore[operator]
        return None

    def _report(self, status: str, to: str) -> None:
        if self.reports:
            self._events.append(self._event("CALL_STATUS", {"callStatus": status, "destination": to}))

    def _answer(self, digits: str | None) -> list[Step]:
        """What the reply to a VCA adds."""
        data = {"callStatus": "ACTION_COMPLETED", "destination": TO, "eventData": {"dtmf": digits}}
        event = self._event("CALL_ACTION", data)
        replies = []
        for _ in range(2 if self.repeated else 1):
            replies.append(continue_call(self.flow, accepted=0, earlier=self._events, event=event) or HANG_UP)
            self._events.append(event)
        assert len(set(map(str, replies))) == 1
        return steps(replies[0].callflow)

    def _event(self, kind: str, payload: Mapping[str, object]) -> Received:
        number = len(self._events) + 1
        moment = f"2026-11-28T09:{self._now // 60:02.0f}:{self._now % 60:06.3f}Z"
        content = {"eventId": f"e-{number}", "sessionId": "s", "timestamp": moment, **payload}
        body = json.dumps({"eventType": kind, "payload": content}).encode()
        event = parse(body)
        assert event is not None
        return Received(number, round((self._now + LATENCY) * 1e6), event, body)

    def wrong(self, most: int) -> Iterator[str]:
        """What is not as it should be, where each action may be heard ``most`` times."""
        whole = [*self.flow] if self.flow[-1] == HANGUP else [*self.flow, HANGUP]
        if self.ending != "hangup":
            yield f"ended with {self.ending}"
        if most == 1 and self.played != whole:
            yield "not each action once, in order"
        first = [self.played.index(one) for one in whole if one in self.played]
        if len(first) < len(whole):
            yield "something was left out"
        if first != sorted(first):
            yield "not in order"
        if any(self.played.count(one) > (1 if one["action"] == "makeCall" else most) for one in whole):
            yield "too often"


@pytest.mark.parametrize("reading", READINGS, ids="-".join)
def test_each_action_is_carried_out_in_order_and_nobody_is_dialled_twice(reading: Reading) -> None:
    """Where a VCA comes after a capture only, each action exactly once; else at most once more."""
    wrong, twice = {}, 0
    for name, presses, ringing in CASES:
        phone = Phone(FLOWS[name], reading, presses=presses, ringing=ringing).run()
        most = 1 if reading.vca is VcaMoments.CAPTURE and (presses or name not in LONG) else 2
        twice += len(phone.played) > len(set(map(str, phone.played)))
        if found := list(phone.wrong(most)):
            wrong[name, presses, ringing] = found, [action["action"] for action in phone.played]
    assert wrong == {}, f"{len(CASES) - len(wrong)} of {len(CASES)}, {twice} with something heard twice"


@pytest.mark.parametrize("reading", READINGS, ids="-".join)
@pytest.mark.parametrize("presses", [True, False])
def test_where_no_connection_is_reported_a_question_is_asked_once_more_at_most(
    reading: Reading, presses: bool
) -> None:
    """After a file, of which nobody knows how long it is, twice more. A call that bridges at once has nothing
    left that could be answered: it is carried out, and ends as 8x8 has it for an empty reply."""
    for name, ringing in product(FLOWS, RINGING):
        phone = Phone(FLOWS[name], reading, presses=presses, ringing=ringing, reports=False).run()
        wrong = list(phone.wrong(3 if name in LONG else 2))
        if name == "bridge":
            wrong = [] if phone.played[:2] == FLOWS[name] else wrong
        assert wrong == [], (name, ringing, [action["action"] for action in phone.played])


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("reading", READINGS, ids="-".join)
def test_a_vca_that_comes_again_gets_the_same_reply_and_moves_nothing(reading: Reading, step: int) -> None:
    for name, presses, ringing in CASES[::step]:
        once = Phone(FLOWS[name], reading, presses=presses, ringing=ringing).run()
        again = Phone(FLOWS[name], reading, presses=presses, ringing=ringing, repeated=True).run()
        assert again.played == once.played


def test_what_is_sent_ends_with_the_first_question() -> None:
    [first, second] = question("First?"), question("Second?")
    assert split_at_question([call(), say(), first, second, HANGUP]) == (
        [call(), say(), first],
        [second, HANGUP],
    )
    assert split_at_question([call(), say(), HANGUP]) == ([call(), say(), HANGUP], [])
    assert (has_question([call(), first]), has_question([call(), say(), HANGUP])) == (True, False)
