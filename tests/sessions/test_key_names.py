"""What keys mean: how people write it, and what is kept of it."""

import pytest

from voicecli.errors import InvalidInput
from voicecli.sessions.key_names import KeyNames, answers_of, answers_text, result_of

KEYS = "1=confirmed,2=reschedule,9=stop"


@pytest.mark.parametrize(
    ("text", "accept", "accepted"),
    [
        (KEYS, None, "12"),
        (KEYS, "confirmed", "1"),
        (" 1 = confirmed, 2=reschedule ,9=STOP", "confirmed, reschedule", "12"),
        ("1=ja,2=ja,3=n\u00e4chste-Woche", None, "123"),
        ("1=yes,2=yes,3=no", "yes", "12"),
        ("*=yes,#=no", "no", "#"),
        ("9=stop", None, ""),
        ("1=ใช่,2=ไม่", "ใช่", "1"),  # Thai and Hindi put marks on letters
        ("1=हाँ,2=नहीं", "नहीं", "2"),
        ("1=Yes,2=yes,3=no", "YES", "12"),
        ("１＝ja，２＝nein", "nein", "2"),  # in full width
    ],
)
def test_all_names_but_stop_are_accepted_unless_some_are_named(
    text: str, accept: str | None, accepted: str
) -> None:
    assert KeyNames.parse(text, accept).accepted == frozenset(accepted)


@pytest.mark.parametrize(
    ("text", "accept", "words", "hint"),
    [
        ("", None, "not ''", "one word"),
        ("1,2", None, "not '1'", "Did you mean --confirm 1,2?"),
        ("12", None, "not '12'", "Did you mean --confirm 1,2?"),
        ("1=", None, "not '1='", "one word"),
        ("1=confirmed,", None, "not ''", "No blank after a comma, or all in quotes."),
        ("confirmed=1", None, "not 'confirmed=1'", "The key comes first: 1=confirmed."),
        ("1:confirmed", None, "not '1:confirmed'", "1=confirmed"),
        ("1=next week", None, "not '1=next week'", "A name is one word: 1=next-week."),
        ("1=2", None, "not '1=2'", "one word"),
        ("1=ใช่ ครับ!", None, "not '1=ใช่ ครับ!'", "1=ใช่-ครับ."),
        ("12=yes", None, "not '12=yes'", "A key is 0 to 9"),
        ("1=" + "x" * 31, None, "takes keys with names", ""),
        ("1=a,1=b", None, "names the key 1 twice: a and b", "Several keys may have one name"),
        (KEYS, "rescheduled", "not 'rescheduled'", "confirmed, reschedule, stop"),
        (KEYS, "", "not ''", "confirmed, reschedule, stop"),
        (KEYS, "confirmed,STOP", "can't take stop", ""),
        ("1=yes;2=no", None, "not '1=yes;2=no'", "Commas part them: 1=yes,2=no."),
        ("1=yes 9=stop", None, "not '1=yes 9=stop'", "Commas part them: 1=yes,9=stop."),
        ("9=stop calls", None, "not '9=stop calls'", "A name is one word: 9=stop."),
        ("9=opt out", None, "not '9=opt out'", "A name is one word: 9=stop."),
        ("9=stop-calls", None, "is named stop, not 'stop-calls'", "9=stop"),
        ("9=Stopp", None, "is named stop, not 'Stopp'", "9=stop"),
        ("1=yes,9=unsubscribe", None, "is named stop, not 'unsubscribe'", "9=stop"),
    ],
)
def test_what_is_wrong_is_told_with_what_may_be_meant(
    text: str, accept: str | None, words: str, hint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        KeyNames.parse(text, accept).check()
    assert words in caught.value.message
    assert hint in caught.value.hint


def test_names_are_the_same_however_they_are_written() -> None:
    """Else one of two names that look alike would have its own count, and people who pressed stop none."""
    keys = KeyNames.parse("1=Confirmed,2=Later,3=later,4=cafe\u0301,9=ＳＴＯＰ")
    assert [*keys.names.values()] == ["confirmed", "Later", "Later", "caf\u00e9", "stop"]


@pytest.mark.parametrize("accept", [None, "reschedule"])
@pytest.mark.parametrize("text", [KEYS, "9=stop", "1=confirmed", "1=confirmed,2=confirmed,3=confirmed"])
def test_an_attempt_has_all_of_it(text: str, accept: str | None) -> None:
    keys = KeyNames.parse(text, accept if "reschedule" in text else None)
    assert KeyNames.stored(keys.asks, keys.stored_names) == keys


def test_keys_that_confirm_are_kept_as_in_former_versions() -> None:
    """Which read them, too."""
    keys = KeyNames.of_confirm("21")
    assert (keys.asks, keys.stored_names, keys.as_text()) == ("1,2", None, "1=confirmed,2=confirmed")
    assert KeyNames.parse("9=stop").asks == "-", "it is not empty, which any digits would answer"
    assert KeyNames.stored("", None) is KeyNames.stored(None, None) is None


def test_an_answer_is_known_by_its_question() -> None:
    keys = KeyNames.parse(KEYS)
    assert (result_of(keys, "2"), answers_of(keys, "2")) == ("reschedule", {"keys": "2"})
    assert (result_of(keys, "5"), answers_of(keys, "5")) == (None, {"keys": "5"})
    assert (result_of(None, "1234"), answers_of(None, "1234")) == (None, {"digits": "1234"})
    assert (result_of(keys, None), answers_of(keys, None)) == (None, {})
    several = [{}, {"keys": "2"}, {"menu": "2", "code": "12"}]
    assert [answers_text(one) for one in several] == ["", "2", "menu=2, code=12"]
