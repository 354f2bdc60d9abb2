"""How ``--at-most`` is written."""

from datetime import timedelta

import pytest

from voicecli.at_most import AtMost
from voicecli.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "calls", "within", "words"),
    [
        ("1/24h", 1, timedelta(days=1), "once in 24h"),
        (" 2 / 7D ", 2, timedelta(days=7), "2 times in 7d"),
        ("1/1d", 1, timedelta(days=1), "once in 24h"),
        ("10/1h30m", 10, timedelta(minutes=90), "10 times in 90m"),
    ],
)
def test_it_is_read_and_written(text: str, calls: int, within: timedelta, words: str) -> None:
    limit = AtMost.parse(text)
    assert limit == (calls, within)
    assert limit is not None
    assert limit.words == words
    assert AtMost.parse(str(limit)) == limit


def test_none_is_no_limit() -> None:
    assert AtMost.parse("None") is None


@pytest.mark.parametrize(
    "text", ["", "1", "0/24h", "1/0h", "1/", "/24h", "1/24", "1/400d", "once", "1/2/3h", "-1/24h"]
)
def test_what_it_is_not(text: str) -> None:
    with pytest.raises(InvalidInput, match="such as 1/24h"):
        AtMost.parse(text)


def test_what_is_meant_is_suggested() -> None:
    with pytest.raises(InvalidInput) as caught:
        AtMost.parse("1/d")
    assert caught.value.hint == "Did you mean 1/1d?"
