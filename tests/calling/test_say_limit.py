"""-1010: a message of several ``say`` that an account does not take is said by one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import NUMBER, Program, RunningSandbox
from engine_world import World, number

from voicecli.broadcast.policy import Policy
from voicecli.calling.say_limit import in_one_say
from voicecli.store.broadcasts import RowState
from voicecli.voice_api.callflow import HANGUP, Action, CallRequest, call_request, make_call
from voicecli.voice_api.messages import voice_message

SOURCE = "+33199000000"


@pytest.fixture
def strict() -> Iterator[RunningSandbox]:
    """A sandbox that takes one ``say`` in a callflow."""
    with RunningSandbox(time_scale=1000, seed=1, one_say=True, count=True) as running:
        yield running


def said(body: Mapping[str, Any]) -> list[tuple[str, int]]:
    says = [action["params"] for action in body["callflow"] if action["action"] == "say"]
    return [(params["text"], params["repetition"]) for params in says]


def message(text: str, repeat: int) -> CallRequest:
    return voice_message(NUMBER, text, source=SOURCE, repeat=repeat, speed=1.5)


def say(text: str, **params: object) -> Action:
    return {"action": "say", "params": {"text": text, "voiceProfile": "en-GB-Emma", **params}}


def test_the_text_is_there_as_often_as_it_was_to_be_said() -> None:
    one = in_one_say(message("Fire", 5))
    assert one is not None
    assert said(one.body()) == [("Fire. Fire. Fire. Fire. Fire", 1)]
    assert one.callflow[1]["params"] == {
        "text": "Fire. Fire. Fire. Fire. Fire",
        "voiceProfile": "en-US-BenjaminRUS",
        "speed": 1.5,
        "repetition": 1,
    }
    fire = in_one_say(message("Fire!", 4))
    assert fire is not None
    assert said(fire.body()) == [("Fire! Fire! Fire! Fire!", 1)]


@pytest.mark.parametrize(
    "request_",
    [
        message("Hello", 3),
        message("x" * 749, 4),
        call_request([make_call(SOURCE, NUMBER), say("One"), say("Two"), HANGUP]),
        call_request([make_call(SOURCE, NUMBER), say("One"), say("One", speed=2), HANGUP]),
        call_request([make_call(SOURCE, NUMBER), say("One"), make_call(SOURCE, NUMBER), say("One"), HANGUP]),
    ],
)
def test_what_is_something_else_or_too_long_is_not_put_together(request_: CallRequest) -> None:
    assert in_one_say(request_) is None


def test_a_message_that_is_refused_is_sent_as_one_say(run: Program, strict: RunningSandbox) -> None:
    done = run("call", NUMBER, "Fire", "--repeat", "4", env=strict.environment)
    assert done.code == 0, done
    assert len(strict.sandbox.sessions) == 1
    assert [said(body) for body in strict.sandbox.requested] == [[("Fire. Fire. Fire. Fire", 1)]]


def test_for_a_file_the_hint_says_how_often_it_can_be_played(run: Program, strict: RunningSandbox) -> None:
    play = ("--play", "https://example.com/notice.mp3")
    done = run("call", NUMBER, *play, "--repeat", "4", env=strict.environment)
    assert done.code == 4
    assert "--repeat 3" in done.err
    assert run("call", NUMBER, *play, "--repeat", "3", env=strict.environment).code == 0


def test_a_broadcast_does_so_too_and_is_refused_once(strict: RunningSandbox, tmp_path: Path) -> None:
    world = World(tmp_path / "home", strict)
    world.plan([number(1), number(2)])
    world.run(
        Policy(concurrency=1),
        request=lambda row, own: voice_message(
            row.destination, "Fire", source=SOURCE, repeat=4, message_id=own
        ),
    )
    assert [world.row(line).state for line in (1, 2)] == [RowState.ACCEPTED] * 2
    assert [said(body) for body in strict.sandbox.requested] == [[("Fire. Fire. Fire. Fire", 1)]] * 2
    assert strict.sandbox.refusals.total() == 1
    world.journal.close()
    world.store.close()
