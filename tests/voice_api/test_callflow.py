"""Callflows: how a message becomes actions, and 8x8's rules."""

from datetime import UTC, datetime, timedelta

import pytest

from voicecli import phone
from voicecli.errors import InvalidInput
from voicecli.voice_api.callflow import HANGUP, Action, call_request, make_call, request_from_json
from voicecli.voice_api.messages import Capture, audio_message, voice_message

TO, SOURCE = "+33199001234", "+33199000000"
CALL = make_call(SOURCE, TO)
NOW = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def repetitions(request_actions: tuple[Action, ...]) -> list[object]:
    return [action["params"]["repetition"] for action in request_actions[1:-1]]  # type: ignore[index]


@pytest.mark.parametrize(
    ("repeat", "split"), [(1, [1]), (2, [2]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (10, [3, 3, 3, 1])]
)
def test_repetitions_are_split_into_actions_of_three(repeat: int, split: list[int]) -> None:
    assert repetitions(voice_message(TO, "hi", source=SOURCE, repeat=repeat).callflow) == split
    played = audio_message(TO, "https://example.com/a.mp3", source=SOURCE, repeat=repeat)
    assert repetitions(played.callflow) == split


def test_a_message_is_a_call_a_text_and_a_hangup() -> None:
    request = voice_message("+33 1 99 00 12 34", "hi", source=SOURCE, speed=1.5)
    said = {"text": "hi", "voiceProfile": "en-US-BenjaminRUS", "speed": 1.5, "repetition": 1}
    assert request.callflow == (CALL, {"action": "say", "params": said}, HANGUP)


def test_a_question_is_the_last_action_since_a_hangup_behind_it_makes_8x8_ignore_the_digits() -> None:
    request = voice_message(TO, "Press 1", source=SOURCE, capture=Capture())
    assert [action["action"] for action in request.callflow] == ["makeCall", "sayAndCapture"]


@pytest.mark.parametrize(
    "capture",
    [Capture(), Capture(4, 8, complete_on_hash=True), Capture(timeout=timedelta(milliseconds=1500))],
)
def test_a_question_leaves_nothing_to_8x8s_defaults_which_differ_between_its_pages(capture: Capture) -> None:
    request = voice_message(TO, "Press 1", source=SOURCE, capture=capture)
    params = request.callflow[-1]["params"]
    assert isinstance(params, dict)
    names = "promptMessage voiceProfile speed repetition minDigits maxDigits digitTimeout overallTimeout"
    assert params.keys() == {*names.split(), "completeOnHash", "noOfTries"}
    assert 0 < params["digitTimeout"] < params["overallTimeout"]


def test_codes_are_spelled_out_in_the_thanks_too() -> None:
    capture = Capture(success_message="Thank you, AB12.")
    request = voice_message(TO, "Press 1, code 1234", source=SOURCE, spell_digits=True, capture=capture)
    params = request.callflow[1]["params"]
    assert params["promptMessage"] == "Press 1, code 1, 2, 3, 4;"  # type: ignore[index]
    assert params["successMessage"] == "Thank you, A, B, 1, 2;"  # type: ignore[index]


def test_a_request_carries_its_ids_and_its_time_of_validity() -> None:
    request = call_request([CALL, HANGUP], message_id="order-7", valid_for=timedelta(minutes=10), now=NOW)
    assert request.body() == {
        "validUntil": "2026-03-01T12:40:15.250Z",
        "clientRequestId": "order-7",
        "clientActionId": "order-7_20260301_123015",
        "callflow": [CALL, HANGUP],
    }


def test_each_request_without_an_id_gets_its_own() -> None:
    ids = {voice_message(TO, "hi", source=SOURCE).client_request_id for _ in range(50)}
    assert len(ids) == 50


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"empty \(0 characters\)"),
        (" \t\n", "nothing to say: 3 characters"),
        ("\x1b\x07", "nothing to say: 2 characters"),
        ("\u200b\u202e", "nothing to say: 2 characters"),
        ("🎉 … — !", "nothing to say: 7 characters, and no letter or digit"),
        ("x" * 3001, "has 3,001 characters; 8x8 takes at most 3,000"),
        ("a\0b", "can't be sent"),
        ("a\ud800b", "can't be sent"),
    ],
)
def test_a_text_that_cannot_be_said_is_refused_with_the_count(text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        voice_message(TO, text, source=SOURCE)


def test_three_thousand_characters_are_taken_and_spelling_counts() -> None:
    voice_message(TO, "1" * 3000, source=SOURCE)
    with pytest.raises(InvalidInput, match="8,999 characters with its codes spelled out"):
        voice_message(TO, "1" * 3000, source=SOURCE, spell_digits=True)
    with pytest.raises(InvalidInput, match="has 1,000,001 characters; 8x8"):  # at once
        voice_message(TO, "1-" * 500_000 + "x", source=SOURCE, spell_digits=True)


@pytest.mark.parametrize("options", [{"repeat": 0}, {"repeat": 11}, {"speed": 0.4}, {"speed": float("nan")}])
def test_what_is_out_of_range_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="must be from"):
        voice_message(TO, "hi", source=SOURCE, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.mp3",
        "example.com/a.mp3",
        "https:///a.mp3",
        "https://example.com/a.ogg",
        "https://[bad/a.mp3",
        "https://example.com/a b.mp3",
        "",
        "https://example.com/\n.mp3",
    ],
)
def test_a_url_that_8x8_cannot_play_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="can't be played"):
        audio_message(TO, url, source=SOURCE)


@pytest.mark.parametrize(
    "url", ["https://example.com/a.WAV", "http://example.com/audio?id=7", "https://x.io/v1.2/a"]
)
def test_a_url_without_an_ending_is_left_to_8x8(url: str) -> None:
    audio_message(TO, url, source=SOURCE)


def test_a_caller_id_is_taken_as_people_write_it() -> None:
    request = voice_message(TO, "hi", source="+33 1 99 00 00 00")
    assert request.callflow[0] == CALL


def test_what_is_said_does_not_show_in_a_request() -> None:
    assert "482913" not in repr(voice_message(TO, "Your code is 482913", source=SOURCE))


@pytest.mark.parametrize("valid_for", [timedelta(0), timedelta(-1), timedelta.max])
def test_a_time_of_validity_is_bounded(valid_for: timedelta) -> None:
    with pytest.raises(InvalidInput, match="at most a year"):
        voice_message(TO, "hi", source=SOURCE, valid_for=valid_for)


def test_a_request_out_of_json_keeps_what_the_json_says() -> None:
    document = {"callflow": [CALL, HANGUP], "clientRequestId": "theirs", "clientActionId": "level-1"}
    request = request_from_json(document)
    assert (request.client_request_id, request.client_action_id) == ("theirs", "level-1")
    assert request_from_json(document, message_id="mine").client_request_id == "mine"


def test_a_request_out_of_json_is_refused_for_what_is_wrong_in_it() -> None:
    with pytest.raises(InvalidInput, match=r"\$\.callflow\[0\]\.params\.voiceProfile"):
        request_from_json([{"action": "say", "params": {"text": "x"}}], to=phone.parse(TO), source=SOURCE)
    for until in ("2001-01-01T00:00:00Z", "2099-01-01", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(InvalidInput, match="validUntil"):
            request_from_json({"callflow": [CALL], "validUntil": until})


@pytest.mark.parametrize(
    ("action", "hint"),
    [
        ({"action": "Say", "params": {}}, "Did you mean say instead of 'Say'?"),
        ({"action": "playfile"}, "Did you mean playFile instead of 'playfile'?"),
        ({"action": "shout"}, "For an example see voicecli help calls"),
        ({"action": ["say"]}, "For an example see voicecli help calls"),
        (
            {"action": "playFile", "params": {"url": "https://example.com/a.mp3"}},
            "Did you mean fileUrl instead of 'url'?",
        ),
        ({"action": "say", "params": {"voiceProfile": "x"}}, "For an example see voicecli help calls"),
        (
            {"action": "say", "params": {"voiceProfile": "x", "txt": "hi"}},
            "Did you mean text instead of 'txt'?",
        ),
    ],
)
def test_the_action_or_param_that_is_meant_is_suggested(action: Action, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        request_from_json([action], to=phone.parse(TO), source=SOURCE)
    assert caught.value.hint.startswith(hint)
