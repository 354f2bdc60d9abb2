"""Values of options, as people write them."""

import pytest
import typer

from voicecli.cli.options import values


@pytest.mark.parametrize(
    ("text", "seconds"), [("15", 15), ("0.5", 0.5), ("15s", 15), ("0.5s", 0.5), ("2m", 120), ("1m30s", 90)]
)
def test_seconds_may_have_a_unit(text: str, seconds: float) -> None:
    assert values.seconds(0.1, 600)(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "0s", "11m", "nan", "soon", "15 years"])
def test_what_is_no_number_of_seconds_in_the_range_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"^{text!r} is not a number of seconds from 0.1 to 600"):
        values.seconds(0.1, 600)(text)
