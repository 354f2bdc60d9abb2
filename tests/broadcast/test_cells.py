"""Columns of a list that are named like options."""

from dataclasses import replace
from datetime import timedelta

import pytest

from voicecli.broadcast.cells import COLUMNS, apply_cells, option_of_column
from voicecli.calling.script import Script
from voicecli.errors import InvalidInput

SOURCE, AUDIO = "+33199000000", "https://example.com/a.mp3"
SAYS, PLAYS = Script(SOURCE, "Hello"), Script(SOURCE, play=AUDIO)


def test_a_column_is_an_option_however_it_is_written() -> None:
    for name in ("valid-for", "valid_for", "Valid For", " VALID-FOR "):
        assert option_of_column(name) == "valid-for"
    assert [option_of_column(name) for name in ("name", "source", "")] == [None, None, None]


def test_each_column_sets_its_option() -> None:
    cells = {
        "repeat": "3",
        "voice": "fr-FR-Marie",
        "speed": "0.8",
        "spell-digits": "Yes",
        "thanks": "Merci",
        "valid-for": "1h30m",
        "from": "+33 1 99 00 56 78",
    }
    assert apply_cells(SAYS, cells) == Script(
        "+33199005678",
        "Hello",
        repeat=3,
        voice="fr-FR-Marie",
        speed=0.8,
        spell_digits=True,
        thanks="Merci",
        valid_for=timedelta(minutes=90),
    )
    assert COLUMNS.keys() == cells.keys() | {"play"}


def test_an_empty_cell_leaves_what_there_is_and_no_is_an_answer() -> None:
    slow = replace(SAYS, speed=0.5, spell_digits=True)
    assert apply_cells(slow, {"speed": " ", "spell-digits": ""}) == slow
    assert apply_cells(slow, {"spell-digits": "FALSE"}).spell_digits is False


def test_a_file_takes_the_place_of_a_text() -> None:
    plays = apply_cells(replace(SAYS, voice="en-GB-Emma", repeat=2), {"play": AUDIO})
    assert plays == replace(PLAYS, repeat=2)


def test_a_row_that_contradicts_itself_is_refused_by_the_check() -> None:
    with pytest.raises(InvalidInput, match="together with --play"):
        apply_cells(SAYS, {"play": AUDIO, "voice": "v"}).check()


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("repeat", "x", "repeat must be a whole number from 1 to 10, not 'x'."),
        ("repeat", "11", "repeat must be a whole number from 1 to 10, not '11'."),
        ("speed", "nan", "speed must be a number from 0.5 to 2, not 'nan'."),
        ("speed", "fast", "speed must be a number from 0.5 to 2, not 'fast'."),
        ("spell-digits", "maybe", "spell-digits must be yes or no, not 'maybe'."),
        (
            "play",
            "a.ogg",
            "play must be the http or https URL of an mp3 or wav file, not 'a.ogg'.",
        ),
        (
            "valid-for",
            "soon",
            "valid-for must be a length of time such as 30s, 10m or 30d, not 'soon'.",
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
        apply_cells(SAYS, {name: cell})
    assert failed.value.message == message


def test_a_cell_that_is_long_is_not_shown_in_part() -> None:
    with pytest.raises(InvalidInput, match=r"not what was given \(80 characters\)"):
        apply_cells(SAYS, {"repeat": "9" * 80})
