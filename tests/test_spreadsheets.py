"""What a spreadsheet would take for a formula, and that nothing else is changed by the guard against it."""

import csv
import io

import pytest
from any_text import any_text
from hypothesis import given, settings, strategies as st

from voicecli.errors import Unreachable
from voicecli.spreadsheets import PIECE, guard, guard_csv, unguard

FORMULAS = (
    "=1+1",
    "+A1",
    "-cmd|'/c calc'!A1",
    "@SUM(1)",
    "\tx",
    "\rx",
    "'=1",
    "\uff1d1",
    "+33-1-99",
    "+",
    "-",
)
PLAIN = (
    "+33199001234",
    "+33 1 99 00 12 34",
    "-3.5",
    "-2010",
    "-1,234.5",
    "",
    "a=b",
    "'quoted'",
    "it's",
    " x",
)


def test_formulas_are_guarded_and_numbers_stay_readable() -> None:
    assert [guard(cell) for cell in FORMULAS] == [f"'{cell}" for cell in FORMULAS]
    assert [guard(cell) for cell in PLAIN] == [*PLAIN]


@given(st.text(st.sampled_from("'=+-@\t\r\n19a ."), max_size=6) | any_text(6))
def test_every_cell_is_read_again_as_it_was(cell: str) -> None:
    assert unguard(guard(cell)) == cell


@given(
    st.lists(st.lists(st.sampled_from([*FORMULAS, *PLAIN, 'a"b', "a,b", "\n="]), min_size=2), min_size=1),
    st.integers(1, 9),
)
@settings(max_examples=25)
def test_a_csv_is_guarded_in_whatever_pieces_it_comes(rows: list[list[str]], size: int) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    content = text.getvalue().encode()
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    written = b"".join(guard_csv(pieces)).decode()
    assert [*csv.reader(io.StringIO(written, newline=""))] == [[*map(guard, row)] for row in rows]


def test_rows_without_formulas_stay_as_they_are_to_the_byte() -> None:
    content = b'a,"b"\r\n"+33199001234", caf\xe9 ,\xff\n1,2'
    assert b"".join(guard_csv([content])) == content
    assert b"".join(guard_csv([b'=a,"b"\r\n1,"2"\n"x\ny",=3'])) == b'\'=a,b\r\n1,"2"\n"x\ny",\'=3'


def test_what_is_no_csv_is_told() -> None:
    with pytest.raises(Unreachable, match="can't be read as CSV"):
        [*guard_csv([b"a\rb,c\n"])]


def test_a_csv_is_given_on_in_pieces_that_are_full() -> None:
    row = b"x" * (PIECE - 2) + b"\r\n"
    assert list(guard_csv([row] * 5)) == [row * 2, row * 2, row]
