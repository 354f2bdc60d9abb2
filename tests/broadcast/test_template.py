"""Placeholders: what each person is told is made of the columns of the list."""

from string import Formatter

import pytest
from hypothesis import given, settings, strategies as st

from voicecli.broadcast.template import Template, other_placeholders
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
