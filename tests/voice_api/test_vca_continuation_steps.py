"""The rule by which calls go on, step by step, and where reports are late, lost or without timestamps.

The 8x8 in it shares nothing with the sandbox, and is harsher in one point: a reply without actions, where
replies take the place of what was left, ends the call. Run as a script, it prints how many cases are right.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count, product
from typing import NamedTuple

import pytest

from voicecli.voice_api.callflow_rules import Action, split_at_question
from voicecli.voice_api.replies import HANG_UP, Reply
from voicecli.voice_api.vca_continuation import continue_call
from voicecli.voice_api.webhook_events import Event, Received

START = datetime(2026, 11, 28, 9, tzinfo=UTC)
HERS, THEIRS = "+33199001234", "+33199005678"
SPOKEN = 15  # characters a second
FILE, TALK, FIRST_DIGIT = 9.0, 30.0, 3.0  # seconds

A: Action = {"action": "makeCall", "params": {"source": "+33199000000", "destination": HERS}}
B: Action = {"action": "makeCall", "params": {"source": "+33199000000", "destination": THEIRS}}
END: Action = {"action": "hangup"}


def say(text: str) -> Action:
    return {"action": "say", "params": {"text": text, "voiceProfile": "en-US-BenjaminRUS", "repetition": 1}}


def play(name: str) -> Action:
    return {"action": "playFile", "params": {"fileUrl": f"https://example.com/{name}.mp3"}}


def ask(text: str) -> Action:
    params = {"promptMessage": text, "voiceProfile": "en-US-BenjaminRUS", "minDigits": 1, "maxDigits": 1}
    times = {"digitTimeout": 5_000, "overallTimeout": 10_000, "completeOnHash": False, "noOfTries": 3}
    return {"action": "sayAndCapture", "params": {**params, **times, "repetition": 1, "speed": 1.0}}


HELLO, BYE = say("Hello, this is the bakery."), say("Thank you, and good bye.")
OVEN, DOOR = ask("The oven is hot. Press one to confirm."), ask("Is the door closed? Press one.")
SONG = play("song")

FLOWS: dict[str, Sequence[Action]] = {
    "say": [A, HELLO, END],
    "say, say": [A, HELLO, BYE, END],
    "file": [A, SONG, END],
    "question": [A, OVEN, END],
    "say, question": [A, HELLO, OVEN, END],
    "question, text": [A, OVEN, BYE, END],
    "question, question": [A, OVEN, DOOR, END],
    "text, question, text, question": [A, HELLO, OVEN, BYE, DOOR, END],
    "question, bridge": [A, OVEN, B],
    "bridge": [A, B],
    "bridge, question": [A, B, OVEN, END],
    "say, bridge, text": [A, HELLO, B, BYE, END],
}
ENDLESS: dict[str, Sequence[Action]] = {
    "say without hangup": [A, HELLO],
    "say, say without hangup": [A, HELLO, BYE],
    "file without hangup": [A, SONG],
    "question at the end": [A, HELLO, OVEN],
    "question, bridge, text": [A, OVEN, B, BYE],
    "say, bridge": [A, HELLO, B],
    "question, bridge, question": [A, OVEN, B, DOOR],
}
READINGS = [f"{when} {how}" for when in ("capture", "say", "connect") for how in ("before", "instead")]
RINGING = (2.0, 10.0, 25.0, 45.0)


class Course(NamedTuple):
    """How a call went: what the person heard, in order, who was dialled, and whether a reply held no action
    where one was needed."""

    heard: Sequence[Action]
    dialled: Sequence[str]
    failed: bool


@dataclass
class Platform:
    """8x8, under one reading of its pages. ``lost`` names the VCSs that do not come, by status or number."""

    flow: Sequence[Action]
    reading: str
    pressed: bool
    ringing: float
    lost: frozenset[str] = frozenset()
    repeats: bool = False
    timestamps: bool = True
    spoken: float = SPOKEN
    events: list[Received] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    clock: float = 0.0
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def play(self) -> Course:
        when, how = self.reading.split()
        queue = list(split_at_question(self.flow)[0])
        heard, dialled, failed = list[Action](), list[str](), False
        while queue:
            action = queue.pop(0)
            heard.append(action)
            if action == END:
                break
            digits = self._act(action, dialled)
            is_asked = when != "capture" or action["action"] == "sayAndCapture" or not queue
            if (when == "connect") if action == A else is_asked:
                ignored = queue[:1] == [END]
                reply = self._ask(None if ignored else digits)
                queue = [*reply.callflow, *queue] if how == "before" else [*reply.callflow]
                failed |= not queue
            assert len(heard) < 40, "it goes on for ever"
        return Course(heard[1:], dialled, failed)

    def _act(self, action: Action, dialled: list[str]) -> str | None:
        params: dict[str, object] = action["params"]  # type: ignore[assignment]
        match action["action"]:
            case "makeCall":
                number = str(params["destination"])
                dialled.append(number)
                self._report("CALL_INITIATED", number)
                self.clock += self.ringing if number == HERS else 5.0
                self._report("CALL_CONNECTED", number)
                if number == THEIRS:
                    self.clock += TALK
                    self._report("CALL_DISCONNECTED", number)
            case "say":
                self.clock += len(str(params["text"])) / self.spoken
            case "playFile":
                self.clock += FILE
            case "sayAndCapture":
                prompt = len(str(params["promptMessage"])) / self.spoken
                if self.pressed:
                    self.clock += prompt + FIRST_DIGIT
                    return "1"
                self.clock += int(str(params["noOfTries"])) * (prompt + 10)
        return None

    def _report(self, status: str, number: str) -> None:
        if not self.lost & {status, number, "VCS"}:
            self.events.append(self._received("VCS", number, status))

    def _ask(self, digits: str | None) -> Reply:
        event = self._received("VCA", HERS, "ACTION_COMPLETED", {"dtmf": digits})
        for _ in range(2 if self.repeats else 1):
            self.replies.append(answer(self.flow, self.events, event))
            self.events.append(event)
        return self.replies[-1]

    def _received(self, kind: str, number: str, status: str, data: object = None) -> Received:
        moment = START + timedelta(seconds=self.clock)
        ids = {"eventId": f"event-{next(self.numbers)}", "sessionId": "session-1", "callStatus": status}
        stamp = {"timestamp": moment.isoformat()} if self.timestamps else {}
        payload = {**ids, "destination": number.removeprefix("+"), "eventData": data, **stamp}
        micros = int(moment.timestamp() * 1e6) + 150_000  # it takes its time to arrive
        return Received(len(self.events) + 1, micros, Event(kind, payload), b"")


def answer(flow: Sequence[Action], earlier: Sequence[Received], event: Received) -> Reply:
    return continue_call(flow, accepted=int(START.timestamp() * 1e6), earlier=earlier, event=event) or HANG_UP


def faults(case: Platform) -> str:
    """What is wrong with how a call went; nothing where it went as the reading allows."""
    went = case.play()
    wanted = case.flow[1:]
    heard = [action for action in went.heard if action != END]
    if [number for number in went.dialled if number != HERS] not in ([], [THEIRS]):
        return "dialled twice"
    for action in wanted:
        times = went.heard.count(action)
        if times == 0 and not (action == END and case.reading.startswith("capture")):
            return "shortened"
        if times > 2:
            return "heard three times"
    first = [action for index, action in enumerate(heard) if action not in heard[:index]]
    if first != [action for action in wanted if action != END]:
        return "out of order"
    if case.reading.startswith("capture"):
        if len(heard) != len(first):
            return "heard twice"
        if went.failed:
            return "failed"
    return ""


Cases = Callable[[dict[str, Sequence[Action]]], Iterator[tuple[str, Platform]]]


def all_cases(
    flows: dict[str, Sequence[Action]], ringing_times: Sequence[float] = RINGING
) -> Iterator[tuple[str, Platform]]:
    variants = product(flows.items(), READINGS, (True, False), ringing_times)
    for (name, flow), reading, pressed, ringing in variants:
        yield name, Platform(flow, reading, pressed, ringing)


@pytest.fixture(params=[RINGING[2:3], pytest.param(RINGING, marks=pytest.mark.soak)], ids=["short", "full"])
def cases(request: pytest.FixtureRequest) -> Cases:
    return lambda flows: all_cases(flows, request.param)


BRIDGES_AT_ONCE = {("bridge", "connect instead"), ("bridge, question", "connect instead")}


def figures(cases: Cases = all_cases) -> dict[str, Counter[str]]:
    """What became of each case, by reading."""
    counted: dict[str, Counter[str]] = {reading: Counter() for reading in READINGS}
    for name, case in cases(FLOWS):
        found = faults(case)
        counted[case.reading][f"{name}: {found}" if found else "right"] += 1
    return counted


def test_each_flow_goes_right_under_every_reading(cases: Cases) -> None:
    counted = figures(cases)
    of_captures = [counted[f"capture {how}"] for how in ("before", "instead")]
    assert all(set(found) == {"right"} for found in of_captures), counted
    wrong = {(what, reading) for reading, found in counted.items() for what in found if what != "right"}
    assert wrong == {(f"{name}: shortened", reading) for name, reading in BRIDGES_AT_ONCE}, counted


@pytest.mark.parametrize("spoken", [11, 24])
def test_voices_may_be_slow_or_fast(spoken: float, cases: Cases) -> None:
    wrong = {
        (name, case.reading)
        for name, case in cases(FLOWS)
        if faults(replace(case, spoken=spoken, events=[], replies=[]))
    }
    assert wrong <= BRIDGES_AT_ONCE


def test_flows_without_a_hangup_go_right_too(cases: Cases) -> None:
    assert {(name, case.reading, found) for name, case in cases(ENDLESS) if (found := faults(case))} == set()


@pytest.mark.parametrize("lost", ["CALL_CONNECTED", "VCS"])
def test_without_word_of_the_connection_things_are_heard_once_more_at_most(lost: str, cases: Cases) -> None:
    for name, case in cases(FLOWS | ENDLESS):
        if "bridge" not in name:
            assert faults(replace(case, lost=frozenset({lost}))) in ("", "heard twice"), (name, case)


@pytest.mark.soak
@pytest.mark.parametrize(
    "lost", ["CALL_CONNECTED", "CALL_INITIATED", "CALL_DISCONNECTED", THEIRS, HERS, "VCS"]
)
def test_nobody_is_dialled_twice_whatever_is_not_reported(lost: str, cases: Cases) -> None:
    found = {faults(replace(case, lost=frozenset({lost}))) for _, case in cases(FLOWS | ENDLESS)}
    assert "dialled twice" not in found


def test_the_same_vca_gets_the_same_reply_and_moves_nothing(cases: Cases) -> None:
    for name, case in cases(FLOWS):
        again = replace(case, repeats=True, events=[], replies=[])
        found = faults(again)
        assert again.replies[::2] == again.replies[1::2]
        assert not found or (name, case.reading) in BRIDGES_AT_ONCE
        for event in again.events:  # also much later, when others have come
            if event.event.type == "VCA":
                place = again.events.index(event)
                assert answer(case.flow, again.events, event) == answer(
                    case.flow, again.events[:place], event
                )


def test_events_without_timestamps_go_by_when_they_came(cases: Cases) -> None:
    wrong = {(name, case.reading) for name, case in cases(FLOWS) if faults(replace(case, timestamps=False))}
    assert wrong == BRIDGES_AT_ONCE


# -- single steps ------------------------------------------------------------------------------------


def events(*steps: tuple[float, str, dict[str, object]]) -> list[Received]:
    """Events of one call: seconds since its request, the type, and the payload's fields."""
    return [
        Received(
            number,
            int((START.timestamp() + seconds) * 1e6),
            Event(kind, {"eventId": f"event-{number}", "destination": HERS, **fields}),
            b"",
        )
        for number, (seconds, kind, fields) in enumerate(steps, 1)
    ]


CONNECTED = (5.0, "VCS", {"callStatus": "CALL_CONNECTED"})
LONG = say("x" * 600)  # 24 to 60 seconds
DIGITS_OF_2025 = {"callStatus": "DTMF_RECEIVED", "dtmf": "3"}


@pytest.mark.parametrize(
    ("flow", "steps", "reply"),
    [
        ([A, OVEN, BYE, END], [(9, "VCA", {"eventData": {"dtmf": "1"}})], [BYE, END]),
        ([A, OVEN, BYE, END], [(9, "VCA", {"eventData": "1"})], [BYE, END]),
        ([A, OVEN, BYE, END], [(9, "VCA", DIGITS_OF_2025)], [BYE, END]),
        ([A, OVEN, BYE, END], [(9, "VCA", {"eventData": {"asrCaptured": "one"}})], [OVEN]),
        # 3 tries of 5 s and a text of 39 characters: 19.7 s; and 18.7 with clocks that tell whole seconds
        ([A, OVEN, BYE, END], [CONNECTED, (25, "VCA", {})], [BYE, END]),
        ([A, OVEN, BYE, END], [CONNECTED, (22, "VCA", {})], [OVEN]),
        # without word of the connection it may have rung for a minute
        ([A, OVEN, BYE, END], [(65, "VCA", {})], [OVEN]),
        ([A, OVEN, BYE, END], [(80, "VCA", {})], [BYE, END]),
        # from the second VCA on since the one before, and each ends one action more
        ([A, OVEN, BYE, END], [CONNECTED, (6, "VCA", {}), (26, "VCA", {})], [BYE, END]),
        ([A, HELLO, BYE, OVEN, END], [CONNECTED, (6, "VCA", {}), (9, "VCA", {})], [BYE, OVEN]),
        ([A, OVEN, BYE, END], [CONNECTED, (6, "VCA", {}), (9, "VCA", {}), (12, "VCA", {})], [END]),
        # the text alone may have lasted that long
        ([A, LONG, OVEN, END], [CONNECTED, (60, "VCA", {})], [OVEN]),
        ([A, LONG, OVEN, END], [CONNECTED, (70, "VCA", {})], [END]),
        ([A, SONG, OVEN, END], [CONNECTED, (600, "VCA", {})], [OVEN]),
        ([A, SONG, OVEN, END], [CONNECTED, (600, "VCA", {}), (630, "VCA", {})], [END]),
        # numbers and scripts of many syllables are spoken slowly
        ([A, say("7" * 100), OVEN, END], [CONNECTED, (50, "VCA", {})], [OVEN]),
        ([A, say("\u4f60" * 100), OVEN, END], [CONNECTED, (50, "VCA", {})], [OVEN]),
        # a callflow that ends in its question has nothing more
        ([A, OVEN], [(9, "VCA", {"eventData": "1"})], None),
        ([A, OVEN], [(9, "VCA", {"eventData": "1"}), (12, "VCA", {})], None),
        # a bridge that may have begun
        ([A, B], [CONNECTED, (5, "VCA", {})], []),
        ([A, B, OVEN, END], [CONNECTED, (5, "VCA", {})], []),
        ([A, B], [CONNECTED, (7, "VCS", {"destination": THEIRS}), (30, "VCA", {})], None),
        ([A, HELLO, B], [(30, "VCA", {})], []),
        # nobody knows what a scenario does
        ([{"action": "executeScenario", "params": {"scenarioName": "x"}}], [(9, "VCA", {})], []),
    ],
)
def test_the_reply_is_what_is_left(
    flow: list[Action], steps: list[tuple[float, str, dict[str, object]]], reply: list[Action] | None
) -> None:
    *earlier, event = events(*steps)
    found = continue_call(flow, accepted=int(START.timestamp() * 1e6), earlier=earlier, event=event)
    assert (None if found is None else [*found.callflow]) == reply


if __name__ == "__main__":
    for reading, found in figures().items():
        print(reading, dict(found))
