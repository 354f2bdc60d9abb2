"""What comes from outside is shown, never obeyed, and can't hide or cover anything."""

import json

from voicecli.output.printable import MAX_MARKS, printable
from voicecli.output.rows import Column, TableRow, plain_row

ACUTE = "\u0301"


SCRIPTS = [
    "Zoë, Łódź, Ångström",
    "Vie\u0302\u0323t",
    "שָׁ֑לוֹם",
    "हिन्दी தமிழ் ไทย",
    "日本語 한국어",
    "❤\ufe0f 👍🏽",
    "+33••••1234 … → ✓",
    "e" + ACUTE * MAX_MARKS,
    "👩\u200d🚀 می\u200cخواهم क्\u200dष",
]


def test_letters_of_all_scripts_are_shown_as_they_are() -> None:
    for text in SCRIPTS:
        assert printable(text) == text


def test_marks_beyond_what_a_letter_can_have_are_escaped() -> None:
    assert printable("e" + ACUTE * 9) == "e" + ACUTE * 5 + "\\u0301" * 4
    assert printable("x\u20e0\u0489" + "\ufe0f" * 6) == "x\u20e0\u0489" + "\ufe0f" * 3 + "\\ufe0f" * 3
    flood = "a" + ACUTE * 10_000
    assert printable(flood).count(ACUTE) == MAX_MARKS
    assert json.loads(printable(json.dumps(flood, ensure_ascii=False))) == flood


def test_letters_without_a_shape_are_escaped() -> None:
    for letter in "\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u200b\u00ad\u2060\U000e0041":
        assert printable(f"a{letter}b") == f"a{json.dumps(letter)[1:-1]}b"


def test_joiners_that_join_nothing_are_escaped_and_hide_no_marks() -> None:
    for text in ("a\u200db", "é\u200d", "\u200cé", "é\u200d\u200dé", "ab\u200cé"):
        assert printable(text) == text.replace("\u200d", "\\u200d").replace("\u200c", "\\u200c")
    assert printable("a" + (ACUTE + "\u200d") * 100 + ACUTE).count(ACUTE) == MAX_MARKS


def test_a_row_in_a_pipe_has_none_of_them_either() -> None:
    row = plain_row(TableRow((Column("one", 4), Column("two", 0)), ("a" + ACUTE * 9, "\u3164"), {}))
    assert row == "a" + ACUTE * 5 + "\\u0301" * 4 + "  \\u3164"
