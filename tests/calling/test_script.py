"""Scripts: the request of a call, and what excludes what."""

from dataclasses import replace
from datetime import timedelta

import pytest

from voicecli import phone
from voicecli.account import DEFAULT_VOICE
from voicecli.calling.script import Script
from voicecli.errors import InvalidInput
from voicecli.voice_api.callflow import HANGUP, make_call
from voicecli.voice_api.messages import audio_message, voice_message

TO, SOURCE, AUDIO = "+33199001234", "+33199000000", "https://example.com/a.mp3"
SAYS, PLAYS = Script(SOURCE, "Hello"), Script(SOURCE, play=AUDIO)


def test_a_request_is_that_of_a_voice_message() -> None:
    says = Script(SOURCE, "code 12", repeat=4, voice="en-GB-Emma", speed=1.5, spell_digits=True)
    made = voice_message(
        TO, "code 12", source=SOURCE, repeat=4, voice_profile="en-GB-Emma", speed=1.5, spell_digits=True
    )
    assert says.request(TO).callflow == made.callflow


def test_a_request_of_a_file_is_that_of_an_audio_message() -> None:
    made = audio_message(TO, AUDIO, source=SOURCE, repeat=2)
    assert replace(PLAYS, repeat=2).request(phone.parse(TO)).callflow == made.callflow


def test_what_was_not_asked_for_is_what_one_gets_by_default() -> None:
    request = SAYS.request(TO, message_id="m-1")
    said = {"text": "Hello", "voiceProfile": DEFAULT_VOICE, "repetition": 1}
    assert request.callflow == (make_call(SOURCE, TO), {"action": "say", "params": said}, HANGUP)
    assert request.client_request_id == "m-1"


def test_digits_are_captured() -> None:
    code = replace(SAYS, digits="4-6", hash_ends=True, thanks="Thank you").request(TO).callflow[1]
    wanted = {"minDigits": 4, "maxDigits": 6, "completeOnHash": True, "successMessage": "Thank you"}
    assert code["params"].items() >= {**wanted, "overallTimeout": 30_000}.items()  # type: ignore[attr-defined]
    key = replace(SAYS, confirm="1,2").request(TO).callflow[1]
    assert key["params"].items() >= {"minDigits": 1, "maxDigits": 1, "completeOnHash": False}.items()  # type: ignore[attr-defined]


def test_the_keys_that_confirm_are_those_that_were_named() -> None:
    assert replace(SAYS, confirm="1, #").confirming() == {"1", "#"}
    assert SAYS.confirming() == frozenset()
    with pytest.raises(InvalidInput, match="have names"):
        replace(SAYS, keys="1=yes,9=stop").confirming()


def test_a_number_that_was_checked_is_not_checked_again() -> None:
    """1,000,000 of them would take minutes; 8x8's own rules are checked all the same."""
    in_no_range = "+33999999999"
    destination = SAYS.request(in_no_range).callflow[0]["params"]["destination"]  # type: ignore[index]
    assert destination == in_no_range
    with pytest.raises(InvalidInput, match="-1017"):
        SAYS.request("nobody")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(PLAYS, text="Hello"), "MESSAGE can't be given together with --play"),
        (replace(PLAYS, voice="v", speed=1.0), "--voice and --speed can't be given together with --play"),
        (replace(PLAYS, spell_digits=True), "--spell-digits can't be given"),
        (replace(PLAYS, confirm="1"), "--confirm can't be given"),
        (replace(PLAYS, play="ftp://example.com/a.mp3"), "must be an http or https URL"),
        (replace(SAYS, confirm="1", digits="4"), "--digits can't be given together with --confirm"),
        (replace(SAYS, keys="9=unsubscribe"), "is named stop, not 'unsubscribe'"),
        (replace(SAYS, confirm="1", hash_ends=True), "--hash can't be given together with --confirm"),
        (replace(SAYS, hash_ends=True), "--hash has no effect"),
        (replace(SAYS, thanks="Thank you"), "--thanks has no effect"),
        (replace(SAYS, confirm="1", thanks=""), "--thanks: The message is empty"),
        (replace(SAYS, confirm="12"), "--confirm takes keys"),
        (replace(PLAYS, keys="1=yes"), "--keys can't be given"),
        (replace(SAYS, keys="1=yes", digits="4"), "--digits can't be given together with --keys"),
        (replace(SAYS, keys="1=yes", confirm="1"), "--keys can't be given together with --confirm"),
        (replace(SAYS, keys="1=yes", hash_ends=True), "--hash can't be given together with --keys"),
        (replace(SAYS, accept="yes"), "--accept has no effect"),
        (replace(SAYS, keys="1"), "--keys takes keys with names"),
        (replace(SAYS, digits="6-4"), "--digits takes a number of digits"),
        (replace(SAYS, confirm="1", repeat=4), "from 1 to 3 times"),
        (replace(SAYS, repeat=0), "from 1 to 10"),
        (replace(SAYS, speed=float("nan")), "from 0.5 to 2"),
        (replace(SAYS, voice=" "), "voice profile is empty"),
        (replace(SAYS, valid_for=timedelta(0)), "more than nothing"),
        (replace(SAYS, source="me"), "-1014"),
    ],
)
def test_what_is_wrong_for_every_call_is_told_before_the_first(wrong: Script, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        wrong.check()


@pytest.mark.parametrize(
    "fine", [SAYS, PLAYS, Script("", "Hello"), Script(SOURCE), replace(SAYS, confirm="1", thanks="Thank you")]
)
def test_a_script_may_wait_for_its_source_and_text(fine: Script) -> None:
    fine.check()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "nothing to say"),
        ("x" * 3001, "3,001 characters"),
        ("a\0b", "can't be sent"),
    ],
)
def test_a_text_is_checked_alone(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        SAYS.check_text(text)


def test_a_text_that_is_spelled_out_is_counted_so() -> None:
    digits = "1" * 2_000
    SAYS.check_text(digits)
    with pytest.raises(InvalidInput, match="5,999 characters with its codes spelled out"):
        replace(SAYS, spell_digits=True).check_text(digits)


def test_what_is_said_does_not_show() -> None:
    assert "482913" not in repr(Script(SOURCE, "482913", confirm="1", thanks="482913"))
