"""Lists of people: however they are written, each person is read as meant, or the list is refused."""

import csv
import io
import json
import re
from collections.abc import Sequence
from itertools import permutations

import pytest
from any_text import any_text
from hypothesis import assume, given, settings, strategies as st

from voicecli.broadcast.lists import encodings
from voicecli.broadcast.lists.recipients import Recipients, column, read
from voicecli.errors import InvalidInput
from voicecli.spreadsheets import formula_text

ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "cp1252",
)


def values(content: bytes | str) -> list[Sequence[str]]:
    people = list(read(content if isinstance(content, bytes) else content.encode()))
    assert [person.problem for person in people] == [""] * len(people)
    return [list(person.values) for person in people]


def problems(people: Recipients) -> dict[int, str]:
    return {person.line: person.problem for person in people if person.problem}


@pytest.mark.parametrize(
    "content",
    [
        "phone,name\n+33199001234,Ann\n+33199005678,Bob\n",
        "phone;name\r\n+33199001234;Ann\r\n+33199005678;Bob",
        "phone\tname\r+33199001234\tAnn\r+33199005678\tBob\r",
        "phone|name\n+33199001234 | Ann\n\n   \n +33199005678| Bob\n\n\n",
        "\n\nphone , name\n+33199001234, Ann\n+33199005678,Bob",
        '"phone","name"\n"+33199001234","Ann"\n"+33199005678","Bob"\n',
        '"phone", "name"\n"+33199001234", "Ann"\n"+33199005678", "Bob"\n',
        "phone,name,\n+33199001234,Ann,\n+33199005678,Bob,\n,,\n",
        "phone,name,,,\n+33199001234,Ann\n+33199005678,Bob,,,,\n",
        "sep=;\r\nphone;name\r\n+33199001234;Ann\r\n+33199005678;Bob\r\n",
        "sep=\t\nphone\tname\n+33199001234\tAnn\n+33199005678\tBob\n",
        '"sep=:"\nphone:name\n+33199001234:Ann\n+33199005678:Bob\n',
        '{"phone": "+33199001234", "name": "Ann"}\n\n{"name": "Bob", "phone": "+33199005678"}\n',
    ],
)
def test_a_list_is_read_in_each_of_its_forms(content: str) -> None:
    assert read(content.encode()).columns == ("phone", "name")
    assert values(content) == [["+33199001234", "Ann"], ["+33199005678", "Bob"]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("phone;text\n+33199001234;Hello, Ann, there\n+33199005678;Hello, Bob", "Hello, Ann, there"),
        ("phone,text\n+33199001234,a;b;c\n+33199005678,d;e;f\n", "a;b;c"),
        ('phone,"what; or, who"\n+33199001234,"a, ""b"""\n', 'a, "b"'),
        ("phone,text\n+33199001234,5\" pipe\n+33199005678,it's\n", '5" pipe'),
        ('phone,text\n+33199001234,"two\r\nlines"\n+33199005678,x\n', "two\r\nlines"),
        ("phone,text\n+33199001234,a\u2028b\x0bc\x85d\n", "a\u2028b\x0bc\x85d"),
        ("phone,text\n+33199001234,\u00a0 x\u00a0\n", "x"),
    ],
)
def test_a_delimiter_counts_only_where_it_parts_values(content: str, expected: str) -> None:
    assert values(content)[0] == ["+33199001234", expected]


@pytest.mark.parametrize(
    "content",
    [
        "+33 1 99 00 12 34\n+33199005678\n",
        "\ufeff# on call\n\n  +33 1 99 00 12 34  \r\n# and\r\n+33199005678",
        '"+33 1 99 00 12 34"\n"+33199005678"\n',
        "+33 1 99 00 12 34,\n+33199005678;\n",
    ],
)
def test_plain_lines_are_numbers(content: str) -> None:
    assert read(content.encode()).columns == ("phone",)
    assert values(content) == [["+33 1 99 00 12 34"], ["+33199005678"]]


def test_what_is_no_number_in_plain_lines_is_left_to_the_caller() -> None:
    assert values("0199001234\nAnn,+33199001234\n") == [["0199001234"], ["Ann,+33199001234"]]


def test_a_heading_alone_in_its_line_is_a_heading() -> None:
    people = read(b"mobile\n+33199001234\n")
    assert (people.columns, [tuple(person[:3]) for person in people]) == (
        ("mobile",),
        [(2, ["+33199001234"], "")],
    )


def test_a_heading_may_begin_with_a_number_sign() -> None:
    assert read(b"#,phone\n1,+33199001234\n").columns == ("#", "phone")


def test_the_line_is_that_of_the_file() -> None:
    content = b'sep=,\r\n\r\nphone,text\r\n1,"a\r\nb\rc"\n\n2,x\r3,\xc3\xa9\n,\n4,y'
    people = read(content)
    assert [(person.line, person.values[0]) for person in people] == [(4, "1"), (8, "2"), (9, "3"), (11, "4")]
    assert people.at(9).values == ["3", "é"]
    assert len(people) == 4
    for line in (0, 5, 10, 12, 2**40):
        with pytest.raises(LookupError):
            people.at(line)


def test_a_record_that_does_not_fit_says_so_and_the_rest_is_read() -> None:
    people = read(b'phone,name,time\n1,a\n2,b,c,d\n3,"b"x,c\n4,b,c\n5,b,c,,\n6,"b\n"c,x\n7,b,c\n')
    assert problems(people) == {
        2: "has 2 of 3 columns",
        3: "has 4 columns, the heading 3",
        4: "has something between a closing quote and the next delimiter",
        7: "has something between a closing quote and the next delimiter",
    }
    assert [person.values[0] for person in people if not person.problem] == ["4", "5", "7"]
    assert all(len(person.values) == 3 for person in people)


def test_json_values_become_text_as_they_are_written() -> None:
    people = read(
        b'{"phone": 33199001234, "price": 1.10, "id": 123456789012345678901234567890}\n'
        b'{"phone": " x ", "yes": true, "no": false, "none": null}\n'
    )
    assert people.columns == ("phone", "price", "id", "yes", "no", "none")
    assert [person.values for person in people] == [
        ["33199001234", "1.10", "123456789012345678901234567890", "", "", ""],
        ["x", "", "", "true", "false", ""],
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"a": 1', "is not valid JSON: it ends too early (column 8)"),
        ("1,2", "is not valid JSON: there is more behind its end (column 2)"),
        ("[1]", "is not a JSON object"),
        ('"text"', "is not a JSON object"),
        ('{"a": [1]}', "has more than one value in 'a'"),
        ('{"a": {"b": 1}}', "has more than one value in 'a'"),
        ('{"a": 1, "a": 2}', "has a name twice"),
        ('{"a": NaN}', "is not valid JSON: NaN is no number"),
        ('{"a": "\\ud800"}', "has half of a character in 'a'"),
        ('{"a": ' + "[" * 100_000 + "}", "is not valid JSON: too deep"),
    ],
)
def test_a_line_that_is_no_flat_object_says_so(line: str, problem: str) -> None:
    people = read(f'{{"a": "x"}}\n{line}\n{{"a": "y"}}\n'.encode())
    assert [tuple(person[:3]) for person in people] == [(1, ["x"], ""), (2, [""], problem), (3, ["y"], "")]
    assert people.at(2).problem == problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "list is empty"),
        (b"\xef\xbb\xbf", "list is empty"),
        (b"\xff\xfe", "list is empty"),
        (b" \r\n\n\t\n", "list is empty"),
        (b"# nobody yet\n", "list is empty"),
        (b"phone,name\n", "list is empty"),
        (b"phone,name\n\n,\n", "list is empty"),
        (b"sep=;\n", "list is empty"),
        (b"Ann,+33199001234\nBob,+33199005678\n", "no heading"),
        (b"33199001234\t12\n33199005678\t13\n", "no heading"),
        (b"+33199001234,+33199005678\n", "no heading"),
        (b"phone,name,phone\n1,2,3\n", "two columns 'phone'"),
        (b"phone,,name\n1,2,3\n", "Column 2 of the list has no name"),
        (b"phone,name\n1,a\0b\n", "no known text encoding"),
        (b"PK\3\4\0\0\1\2\xff\x81", "damaged"),
        (b"phone,name\n1,\x81\xff\n", "no known text encoding"),
        (b"\xef\xbb\xbfphone,name\n1,\xe9\n", "no known text encoding"),
        (b"\xff\xfephone", "no known text encoding"),
        (b'[{"phone": "+33199001234"}]', "JSON array"),
        (b'[\n{"phone": "+33199001234"}\n]', "JSON array"),
        (b"<html><table><tr><td>phone</td></tr></table></html>", "HTML or XML"),
        (b'<?xml version="1.0"?>\n<office:document>', "HTML or XML"),
    ],
)
def test_what_is_no_list_of_people_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        read(content)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('phone,text\n1,a\n2,"b\n3,c\n4,d\n', "Line 3 of the list opens a quote that is never closed"),
        ('phone,text\n1,a\n2,"b', "Line 3 of the list opens"),
        ('phone,text,more\n1,"a\r\n b", "c\n3,c,d\n', "Line 3 of the list opens"),
        ('phone,"text\n1,a\n2,b\n', "Line 1 of the list opens"),
        ('\ufeff"phone,text\n1,a\n2,b\n', "Line 1 of the list opens"),
        ('phone,text\n1,"a' + "\n1,a" * 50_000, "Line 2 of the list opens"),
        ("phone,text\n1,a\n2," + "x" * 200_000 + "\n", "Line 3 of the list has a value of more than 131,072"),
        (
            'phone,text,more\n1,"a\nb","' + "x\n" * 100_000 + '"\n',
            "Line 3 of the list has a value of more than",
        ),
    ],
)
def test_a_quote_that_is_not_closed_is_refused_with_its_line(content: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        len(read(content.encode()))


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-32", "utf-32"),
        ("cp1252", "windows-1252"),
    ],
)
def test_the_encoding_is_found_and_told(encoding: str, name: str) -> None:
    content = "phone,name\n+33199001234,Zoë – 5 €\n".encode(encoding)
    people = read(content)
    assert (people.encoding, values(content)) == (name, [["+33199001234", "Zoë – 5 €"]])


def test_a_character_across_the_pieces_of_a_long_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "_PIECE", 7)
    content = "phone,name\n" + "1,aé€😀\n" * 30
    for encoding in ("utf-8", "utf-16", "utf-32"):
        people = read(content.encode(encoding))
        assert (people.encoding, {person.values[1] for person in people}) == (encoding, {"aé€😀"})


def test_a_column_is_found_by_its_name_or_nearly_so() -> None:
    columns = ("Phone", " name", "NAME", "time")
    assert [column(columns, name) for name in ("Phone", "phone ", " name", "NAME", "Time")] == [0, 0, 1, 2, 3]
    with pytest.raises(InvalidInput, match="no column 'tiem'; the nearest is 'time'") as caught:
        column(columns, "tiem")
    assert caught.value.hint == "Its columns are: 'Phone', ' name', 'NAME', 'time'."
    with pytest.raises(InvalidInput, match="no column 'Name'"):
        column(columns, "Name")


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=8)
awkward = st.text(st.sampled_from("\"',;|\t a#={é"), max_size=6)


@pytest.mark.soak
@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(texts | awkward, texts | awkward, texts | awkward), min_size=1, max_size=8),
    breaks=st.sampled_from(["", "\r", "\n", "\r\n"]),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(ENCODINGS),
)
def test_what_a_program_wrote_is_read_as_it_was(
    rows: list[tuple[str, str, str]], breaks: str, delimiter: str, end: str, encoding: str
) -> None:
    written = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if breaks else csv.QUOTE_MINIMAL
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(("phone", "name", "time"))
    expected = []
    for row in [(a, f"b{breaks}{b}", c) for a, b, c in rows]:
        line = 1 + len(re.findall("\r\n?|\n", written.getvalue()))
        expected.append((line, [formula_text(value.strip()) for value in row], ""))
        writer.writerow(row)
    try:
        content = written.getvalue().encode(encoding)
        assume(encoding != "cp1252" or content.isascii() or not is_utf8(content))
    except UnicodeEncodeError:
        assume(False)
    people = read(content)
    assert people.columns == ("phone", "name", "time")
    assert [tuple(person[:3]) for person in people] == expected
    assert [tuple(people.at(line)[:3]) for line, _, _ in expected] == expected
    assert list(people) == [people.at(person.line) for person in people]


def is_utf8(content: bytes) -> bool:
    try:
        return bool(content.decode())
    except UnicodeDecodeError:
        return False


def as_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else json.dumps(value)


@pytest.mark.soak
@settings(max_examples=200, deadline=None)
@given(
    people=st.lists(
        st.dictionaries(texts, texts | st.integers() | st.booleans() | st.none(), min_size=1, max_size=4),
        min_size=1,
        max_size=8,
    ),
    ascii_only=st.booleans(),
    encoding=st.sampled_from(ENCODINGS[:-1]),
)
def test_json_lines_are_read_as_they_were_written(
    people: list[dict[str, object]], ascii_only: bool, encoding: str
) -> None:
    content = "\n".join(json.dumps(person, ensure_ascii=ascii_only) for person in people).encode(encoding)
    found = read(content)
    assert found.columns == tuple(dict.fromkeys(name for person in people for name in person))
    for person, record in zip(people, found, strict=True):
        assert record.values == [as_text(person.get(name)) for name in found.columns]
        assert found.at(record.line) == record


def test_a_record_is_found_whichever_was_read_before_it() -> None:
    people = read(b"phone\n1\n2\n3\n4\n5\n")
    asked = [record for two in permutations(list(people), 2) for record in two]
    assert [people.at(record.line) for record in asked] == asked


@pytest.mark.soak
@settings(max_examples=200, deadline=None)
@given(
    content=st.binary(max_size=60)
    | any_text(60).map(lambda text: text.encode("utf-8", "ignore"))
    | st.lists(
        st.sampled_from(["a", "+3319900", "1234", '"', '"', ",", ";", "\n", "\r", "\t", " ", "#", "{", "}"]),
        max_size=40,
    ).map(lambda parts: "".join(parts).encode())
)
def test_anything_is_read_or_refused(content: bytes) -> None:
    try:
        people = read(content)
        records = list(people)
    except InvalidInput:
        return
    assert len(people) == len(records) > 0
    assert [people.at(record.line) for record in records] == records
    assert all(len(record.values) == len(people.columns) for record in records)
