"""What comes from outside, read without trusting it."""

import json
from collections.abc import Callable

import orjson
import pytest

from voicecli.json_values import MAX_DEPTH, JsonProblem, json_object

Reader = Callable[[bytes], object]


@pytest.mark.parametrize("loads", [json.loads, orjson.loads])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_an_object_has_at_most_so_many_levels(loads: Reader, opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        inner = levels - 1
        return f'{{"first": [1], "a": {opening * inner}1{closing * inner}, "last": {{}}}}'.encode()

    assert json_object(nested(MAX_DEPTH), loads) == json.loads(nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 1, 990, 1_020, 100_000):
        assert json_object(nested(levels), loads) is None


def test_a_wide_object_is_not_deep() -> None:
    wide = {"a": [[{}, []] for _ in range(1_000)]}
    assert json_object(json.dumps(wide).encode()) == wide


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"a"', b"{}}"])
def test_anything_else_is_none(body: bytes) -> None:
    assert json_object(body) is None
    assert json_object(body, orjson.loads) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ("it is empty", 1, 1)),
        ('[{"action": "say", ', ("it ends too early", 1, 20)),
        ("[1,\n 2,\n\n]", ("there is a comma too many", 2, 3)),
        ('{"a": 1, }', ("there is a comma too many", 1, 8)),
        ("[{'a': 1}]", ("texts and names stand in straight double quotes", 1, 3)),
        ("[“a”]", ("texts and names stand in straight double quotes", 1, 2)),
        ("{a: 1}", ("a name has no double quotes", 1, 2)),
        ('{"a" 1}', ("a colon is missing", 1, 6)),
        ('{"a": "say "hi""}', ("a comma is missing, or a quote inside of a text has no backslash", 1, 13)),
        ('{"a": "x\ny"}', ("a text has a line break or a tab in it: write \\n or \\t", 1, 9)),
        ('{"a": "C:\\x"}', ("a backslash inside of a text is not written twice", 1, 10)),
        ('{"a": "b', ("a quote is left open", 1, 7)),
        ("[1}", ("a } closes nothing, or a value is missing", 1, 3)),
        ("[True]", ("true, false and null have small letters", 1, 2)),
        ("[yes]", ("that is no value", 1, 2)),
        ("[1] 2", ("there is more behind its end", 1, 5)),
    ],
)
def test_what_is_wrong_with_json_is_said_in_plain_words(text: str, problem: tuple[str, int, int]) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    assert JsonProblem.of(caught.value) == problem
