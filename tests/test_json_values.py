"""What comes from outside, read without trusting it."""

import json
from collections.abc import Callable

import orjson
import pytest

from voicecli.json_values import MAX_DEPTH, json_object

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
