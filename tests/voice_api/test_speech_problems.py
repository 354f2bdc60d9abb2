"""Texts for the ear: what a voice reads as rubbish is named, and no other part of a text is shown."""

import re

import pytest
from any_text import any_text
from hypothesis import given, settings

from voicecli import manual
from voicecli.voice_api.speech_problems import has_words, in_words, speech_problems

[TABLE] = re.findall(r"^\| text \| warning \|\n.*?\n((?:\|.*\n)+)", manual.page("texts"), re.MULTILINE)


@pytest.mark.parametrize("row", TABLE.splitlines())
def test_the_warning_is_as_the_manual_says(row: str) -> None:
    text, warning = (cell.strip() for cell in row.strip("|").split(" | "))
    assert in_words(speech_problems(text.strip("`"))) == warning


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("Hello Anna, don’t “wait”: 5° – ½ € © … e.g. z.B. A. Miller, press * or #", []),
        ("snake_case 3.14 me.Then", []),
        ("می\u200cخواهم ක්\u200dෂ", []),  # joiners that belong to the word
        ("a\u200cb", ["invisible zero width non-joiner (U+200C)"]),
        ("a\u00adb\u202e", ["invisible soft hyphen (U+00AD)", "invisible right-to-left override (U+202E)"]),
        ("\ue000\x07", ["invisible U+E000", "invisible U+0007"]),
        ("4\ufe0f\u20e3 4", ["symbol combining enclosing keycap (U+20E3)"]),
        ("👨\u200d👩 👨", ["emoji man (U+1F468)"]),
        ("🎉🎉", ["emoji party popper (U+1F389)"]),
        ("mail a.b@example.com or www.example.com/a?b=1&c", ["a web or e-mail address"]),
        ("example.com", ["a web or e-mail address"]),
        ("bit.ly/3xYz", ["a web or e-mail address"]),
        ("clinic.example.co.uk, praxis.de. shop.sg", ["a web or e-mail address"]),
        ("Then wait.Do come.In at 9.To go: e.g. u.s. z.b. a.m. 2.de", []),
        ("Hello {name}", ["the character {"]),  # a call has no columns
        ("Line one\\nline two", ["the character \\"]),  # quotes of a shell keep it
        ("# Title\n* one\n`x` [a](b) _c_", ["Markdown"]),
        ("a &lt; b <br/> <!-- x", ["HTML"]),
        ("Q&A <", ["the character &", "the character <"]),
    ],
)
def test_each_problem_is_told_once(text: str, problems: list[str]) -> None:
    assert speech_problems(text) == problems


def test_of_many_the_first_are_named() -> None:
    assert in_words(speech_problems("🎉🔔→←&<>")).endswith("(U+2190), the character &, and 2 more")


@pytest.mark.parametrize("text", ["", "🎉 … — !", "\u200b\u3164", "_ * #", "€"])
def test_there_is_nothing_to_say(text: str) -> None:
    assert not has_words(text)


@pytest.mark.parametrize("text", ["a", "7", "你", "٤", "½"])
def test_there_is_something_to_say(text: str) -> None:
    assert has_words(text)


@settings(max_examples=50, deadline=None)
@given(any_text(20))
def test_no_letter_or_digit_is_shown(text: str) -> None:
    told = " ".join(speech_problems(f"secret482913 {text} <b>secret482913</b> secret482913@example.com"))
    assert "secret" not in told
    assert "482913" not in told
    assert "HTML" in told
