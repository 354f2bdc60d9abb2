"""Scripts: the request of a call, what excludes what, and columns that are named like options."""

from dataclasses import replace
from datetime import timedelta

import pytest

from voicecli import callflow, phone, script
from voicecli.callflow import HANGUP, audio_message, make_call, voice_message
from voicecli.errors import InvalidInput
from voicecli.script import COLUMNS, Script, with_cells

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
    said = {"text": "Hello", "voiceProfile": callflow.DEFAULT_VOICE, "repetition": 1}
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
        (replace(SAYS, confirm="1", hash_ends=True), "--hash can't be given together with --confirm"),
        (replace(SAYS, hash_ends=True), "--hash has no effect"),
        (replace(SAYS, thanks="Thank you"), "--thanks has no effect"),
        (replace(SAYS, confirm="1", thanks=""), "successMessage: must be a text and not empty"),
        (replace(SAYS, confirm="12"), "--confirm takes keys"),
        (replace(SAYS, digits="6-4"), "--digits takes how many"),
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
    with pytest.raises(InvalidInput, match="3,999 characters with its digits spelled out"):
        replace(SAYS, spell_digits=True).check_text(digits)


def test_what_is_said_does_not_show() -> None:
    assert "482913" not in repr(Script(SOURCE, "482913", confirm="1", thanks="482913"))


# -- columns -----------------------------------------------------------------------------------------


def test_a_column_is_an_option_however_it_is_written() -> None:
    for name in ("valid-for", "valid_for", "Valid For", " VALID-FOR "):
        assert script.option(name) == "valid-for"
    assert [script.option(name) for name in ("name", "source", "")] == [None, None, None]


def test_each_column_sets_its_option() -> None:
    cells = {
        "message": "Bonjour",
        "repeat": "3",
        "voice": "fr-FR-Marie",
        "speed": "0.8",
        "spell-digits": "Yes",
        "digits": "4-6",
        "hash": "1",
        "thanks": "Merci",
        "valid-for": "1h30m",
        "from": "+33 1 99 00 56 78",
    }
    assert with_cells(SAYS, cells) == Script(
        "+33199005678",
        "Bonjour",
        repeat=3,
        voice="fr-FR-Marie",
        speed=0.8,
        spell_digits=True,
        digits="4-6",
        hash_ends=True,
        thanks="Merci",
        valid_for=timedelta(minutes=90),
    )
    assert with_cells(SAYS, {"confirm": "1,2"}).confirm == "1,2"
    assert COLUMNS.keys() == cells.keys() | {"play", "confirm"}


def test_an_empty_cell_leaves_what_there_is_and_no_is_an_answer() -> None:
    slow = replace(SAYS, speed=0.5, spell_digits=True)
    assert with_cells(slow, {"speed": " ", "spell-digits": ""}) == slow
    assert with_cells(slow, {"spell-digits": "FALSE"}).spell_digits is False


def test_a_file_takes_the_place_of_a_text_and_the_other_way_round() -> None:
    plays = with_cells(replace(SAYS, voice="en-GB-Emma", repeat=2), {"play": AUDIO})
    assert plays == replace(PLAYS, repeat=2)
    assert with_cells(PLAYS, {"message": "Hello"}) == SAYS


@pytest.mark.parametrize("cells", [{"play": AUDIO, "message": "Hello"}, {"play": AUDIO, "voice": "v"}])
def test_a_row_that_contradicts_itself_is_refused_by_the_check(cells: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="together with --play"):
        with_cells(SAYS, cells).check()


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("repeat", "x", "repeat must be a whole number from 1 to 10, not 'x'."),
        ("repeat", "11", "repeat must be a whole number from 1 to 10, not '11'."),
        ("speed", "nan", "speed must be a number from 0.5 to 2, not 'nan'."),
        ("speed", "fast", "speed must be a number from 0.5 to 2, not 'fast'."),
        ("spell-digits", "maybe", "spell-digits must be yes or no, not 'maybe'."),
        ("hash", "2", "hash must be yes or no, not '2'."),
        (
            "play",
            "a.ogg",
            "play must be the http or https URL of an mp3 or wav file, not 'a.ogg'.",
        ),
        ("confirm", "12", "confirm must be keys of a telephone, such as 1 or 1,2, not '12'."),
        ("digits", "6-4", "digits must be how many, such as 6 or 4-6, up to 25, not '6-4'."),
        (
            "valid-for",
            "soon",
            "valid-for must be a length of time such as 30s, 10m, 2h or 30d, up to a year, not 'soon'.",
        ),
        ("from", "me", "from must be a number in international form, such as +33199000000, not 'me'."),
        ("voice", "a\tb", "voice must be the name of a voice such as en-US-BenjaminRUS, not 'a\\tb'."),
        ("thanks", "a\0b", "thanks must be a text of at most 3,000 characters that can be sent."),
    ],
)
def test_a_cell_that_can_t_be_read_names_its_column_and_what_is_allowed(
    name: str, cell: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as failed:
        with_cells(SAYS, {name: cell})
    assert failed.value.message == message


def test_a_cell_that_is_long_is_not_shown_in_part() -> None:
    with pytest.raises(InvalidInput, match=r"not what was given \(80 characters\)"):
        with_cells(SAYS, {"repeat": "9" * 80})
