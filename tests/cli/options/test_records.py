"""Options as records."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from voicecli.cli.options.records import with_records


@dataclass(frozen=True, slots=True)
class Pace:
    rate: Annotated[float, typer.Option("--rate", help="Calls a second.")] = 1.0
    slow: Annotated[bool, typer.Option("--slow")] = False


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
