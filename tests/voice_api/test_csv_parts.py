"""Parts of one CSV, joined into it."""

import csv
import io

import pytest
from hypothesis import given, settings, strategies as st

from voicecli.errors import Unreachable
from voicecli.voice_api.csv_parts import MAX_HEADER, CsvParts

CELL = st.text('a",;\r\n é\u2028😀', max_size=8)


def join(*parts: list[bytes]) -> tuple[bytes, CsvParts]:
    csv_parts = CsvParts()
    return b"".join(csv_parts.joined(parts)), csv_parts


def test_the_header_stands_there_once_and_every_row_on_a_line_of_its_own() -> None:
    text, parts = join(
        [b"a,b\r\n1,", b"2\r\n"], [b"a,b\r\n"], [b"\xef\xbb\xbfa,b\n3,4"], [b"a,", b"b\n5,6\n"]
    )
    assert text == b"a,b\n1,2\r\n3,4\n5,6\n"
    assert (parts.parts, parts.rows) == (4, 3)


def test_a_header_without_rows_or_line_end_is_a_part() -> None:
    text, parts = join([b"a,b"], [b"a,b\n1,2"])
    assert (text, parts.rows) == (b"a,b\n1,2\n", 1)


def whatever_was_in_the_parts_is_in_the_whole(tables: list[list[tuple[str, str]]], size: int) -> None:
    parts = []
    for table in tables:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("name", "text"), *table])
        content = text.getvalue().encode()
        parts.append([content[start : start + size] for start in range(0, len(content), size)])
    joined, counted = join(*parts)
    rows = list(csv.reader(io.StringIO(joined.decode(), newline="")))
    assert rows == [["name", "text"], *([*row] for table in tables for row in table)]
    assert (counted.parts, counted.rows) == (len(tables), len(rows) - 1)


def parts_of(cell: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[tuple[str, str]]]]:
    return st.lists(st.lists(st.tuples(cell, cell), max_size=4), min_size=1, max_size=3)


@settings(deadline=None, max_examples=25)  # the machine may be busy
@given(parts_of(CELL), st.integers(1, 7))
def test_what_was_in_the_parts_is_in_the_whole_however_it_was_cut(
    tables: list[list[tuple[str, str]]], size: int
) -> None:
    whatever_was_in_the_parts_is_in_the_whole(tables, size)


@pytest.mark.soak
@settings(deadline=None)
@given(
    parts_of(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)), st.integers(1, 7)
)
def test_any_text_in_the_parts_is_in_the_whole(tables: list[list[tuple[str, str]]], size: int) -> None:
    whatever_was_in_the_parts_is_in_the_whole(tables, size)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (b"a,b\n1,2\n", b"b,a\n2,1\n", "Part 2 of the export has other columns than the first"),
        (b"a,b\n", b"", "Part 2 of the export is no CSV file"),
        (b"<html>\n", b"", "Part 1 of the export is no CSV file"),
        (b'{"error": 1}', b"", "Part 1 of the export is no CSV file"),
        (b"PK\x03\0\0\n", b"", "Part 1 of the export is no CSV file"),
        (b"x" * (MAX_HEADER + 1), b"", "Part 1 of the export is no CSV file"),
    ],
)
def test_what_can_not_be_joined_is_told(first: bytes, second: bytes, says: str) -> None:
    with pytest.raises(Unreachable, match=says):
        join([first], [second])
