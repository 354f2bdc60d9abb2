"""Options as records."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from voicecli.calling.script import refuse_without
from voicecli.cli.options.outcome import OutcomeOptions
from voicecli.cli.options.records import given, with_records
from voicecli.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Pace:
    rate: Annotated[float, typer.Option("--rate", help="Calls a second.")] = 1.0
    slow: Annotated[bool, typer.Option()] = False


def test_each_field_is_an_option_and_the_record_is_handed_in(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[object] = []
    application = typer.Typer()

    @application.command()
    @with_records
    def send(ctx: typer.Context, file: str, pace: Pace, quiet: bool = False) -> None:
        """Send it."""
        seen.extend((ctx.info_name, file, pace, quiet))

    application(["a.csv", "--rate", "2.5"], prog_name="send", standalone_mode=False)
    assert seen == ["send", "a.csv", Pace(2.5), False]
    application(["--help"], standalone_mode=False)
    text = capsys.readouterr().out
    assert "Send it." in text
    assert text.index("--rate") < text.index("--slow") < text.index("--quiet")


def test_two_options_of_one_name_are_a_fault() -> None:
    def send(pace: Pace, rate: float = 2.0) -> None: ...

    with pytest.raises(TypeError, match="send has two options called rate"):
        with_records(send)


def test_options_that_were_given_are_told_by_their_names() -> None:
    assert given(OutcomeOptions()) == {}
    assert given(OutcomeOptions(hash_ends=True, confirm="1"), Pace(2.0)) == {
        "--confirm": "1",
        "--hash": True,
        "--rate": 2.0,
    }
    refuse_without("--wait", given(Pace()))
    with pytest.raises(InvalidInput, match="--slow has no effect without --wait"):
        refuse_without("--wait", given(Pace(slow=True)))
