"""Lengths of time: what people write, and what they are told."""

from datetime import timedelta

import pytest

from voicecli import durations
from voicecli.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("10m", 600), (" 2H ", 7200), ("1h30m", 5400), ("365d", 31_536_000)]
)
def test_a_length_of_time_is_read_as_people_write_it(text: str, seconds: int) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "0s", "10", "1m1h", "366d", "999999d", "-1s", "1.5h"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"is not a length of time|at most a year|more than 0s"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("5", "Did you mean 5s, 5m, 5h or 5d?"),
        ("5 minutes", "Did you mean 5m?"),
        ("2 Hrs, 30 min", "Did you mean 2h30m?"),
        ("2weeks", "Did you mean 14d?"),
        ("5ms", ""),
        ("3 months", ""),
        ("30 min 1 h", ""),
        ("0", ""),
    ],
)
def test_what_may_be_meant_is_suggested(text: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        durations.parse(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (80, "1 min 20 s"),
        (599, "9 min 59 s"),
        (725, "12 min"),
        (3_599, "1 h"),
        (7_500, "2 h 5 min"),
        (86_399, "1 d"),
        (4 * 86_400 + 3_600, "4 d 1 h"),
    ],
)
def test_a_length_of_time_is_told_as_exactly_as_people_want_it(seconds: float, words: str) -> None:
    assert durations.describe_duration(seconds) == words
