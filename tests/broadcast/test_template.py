"""Placeholders: what each person is told is made of the columns of the list."""

from string import Formatter

import pytest
from hypothesis import given, settings, strategies as st

from voicecli.broadcast.template import CallflowTemplate, Template, other_placeholders
from voicecli.errors import InvalidInput

COLUMNS = ("phone", "name", " Time ")
ANN = ("+33199001234", "Ann", "10:30")


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("Hello {name}, see you at {time}.", ("name", "time"), "Hello Ann, see you at 10:30."),
        ("{name}", ("name",), "Ann"),
        ("{ Name } and {name} and {name}", ("Name", "name"), "Ann and Ann and Ann"),
        ("100% of {{name}}, %s %(a)s {{}}", (), "100% of {name}, %s %(a)s {}"),
        ("100% {name} %s %%", ("name",), "100% Ann %s %%"),
        ("{{{name}}}", ("name",), "{Ann}"),
        ("Hello", (), "Hello"),
        ("", (), ""),
        ("{name}\n{phone}", ("name", "phone"), "Ann\n+33199001234"),
    ],
)
def test_placeholders_become_values(text: str, names: tuple[str, ...], said: str) -> None:
    template = Template(text)
    assert template.names == names
    assert template.bind(COLUMNS)(ANN) == said


def test_a_value_is_not_read_as_a_template() -> None:
    assert Template("Hello {name}").bind(COLUMNS)(("", "{phone} %s", "")) == "Hello {phone} %s"


@pytest.mark.parametrize(
    ("text", "character"),
    [("secret {name", 8), ("secret }", 8), ("{}", 1), ("{ }", 1), ("a {b {name}", 3), ("{{{name}}", 9)],
)
def test_a_brace_that_belongs_to_nothing_is_refused_without_showing_the_text(
    text: str, character: int
) -> None:
    with pytest.raises(InvalidInput, match=f"brace at character {character} ") as caught:
        Template(text)
    assert "secret" not in caught.value.message + caught.value.hint


def test_a_placeholder_that_is_no_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="no column 'naem'; the nearest is 'name'") as caught:
        Template("a secret for {naem}").bind(COLUMNS)
    assert "'phone', 'name', ' Time '" in caught.value.hint
    assert "secret" not in caught.value.message + caught.value.hint


CODES = ("phone", "name", "code", "Pin:spelled", "pin")
BEN = ("+33199005678", "Ben", "AB-12", "not a pin", "4711")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Code {code:spelled}", "Code A, B, 1, 2;"),
        ("{ Code : Spelled }. Bye", "A, B, 1, 2; Bye"),
        ("{code:spelled}, {name}", "A, B, 1, 2; Ben"),
        ("Is it {code:spelled}?", "Is it A, B, 1, 2?"),
        ("{name}{code:spelled}{pin:spelled}{name}", "Ben A, B, 1, 2; 4, 7, 1, 1; Ben"),
        ("No.{code:spelled}min 100% {code}", "No. A, B, 1, 2; min 100% AB-12"),
        ("{Pin:spelled}", "not a pin"),  # a column named exactly so
    ],
)
def test_a_code_is_spelled_out(text: str, said: str) -> None:
    assert Template(text).bind(CODES)(BEN) == said


def test_a_code_is_spelled_out_in_a_callflow() -> None:
    document = {"callflow": [{"action": "say", "params": {"text": "Code {code:spelled}."}}]}
    template = CallflowTemplate(document)
    assert template.names == ("code:spelled",)
    assert "Code A, B, 1, 2;" in str(template.bind(CODES)(BEN))


def test_a_value_with_nothing_to_spell_out_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        Template("{code:spelled}").bind(CODES)(("", "", "-/-", "", ""))
    assert caught.value.message == "code has no letter or digit to spell out."


@pytest.mark.parametrize(
    ("name", "hint"),
    [("code:spell", "To spell it out: {code:spelled}."), ("cod:spelled", "columns are: 'phone'")],
)
def test_a_spelled_placeholder_that_is_no_column_is_refused(name: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match="no column") as caught:
        Template(f"{{{name}}}").bind(CODES)
    assert hint in caught.value.hint


def test_placeholders_of_other_programs_are_found() -> None:
    text = "$name ${name} $names %Name% <time> [ Time ] {{name}} {name} $5 100% <b>"
    found = other_placeholders(text, ["phone", "name", " Time ", ""])
    assert found == {"$name": "name", "%Name%": "name", "{{name}}": "name", "<time>": "Time"}


@pytest.mark.soak
@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("{}ab %"), max_size=12))
def test_braces_mean_what_they_mean_to_python(text: str) -> None:
    try:
        said = Template(text).bind(("a", "b"))(("1", "2"))
    except InvalidInput:
        return
    parts = [(literal, name) for literal, name, _, _ in Formatter().parse(text)]
    values = {"a": "1", "b": "2"}
    assert said == "".join(literal + (values[name.strip()] if name else "") for literal, name in parts)
