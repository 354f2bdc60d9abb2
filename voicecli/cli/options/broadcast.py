"""Options of the commands about broadcasts."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from voicecli.cli.options.outcome import OUTCOME, HashEnds, Thanks, VcaElsewhere
from voicecli.cli.options.values import duration, one_of
from voicecli.errors import InvalidInput, quote
from voicecli.voice_api.codes import Outcome

_WHO = {"rich_help_panel": "Who is called"}
_PACE = {"rich_help_panel": "How fast, and when"}
_RETRY = {"rich_help_panel": "Whom to call again"}
_WORTH_ANOTHER = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.CANCELED, Outcome.FAILED, Outcome.ERROR)
Id = Annotated[str, typer.Argument(metavar="ID", help="The broadcast's, or the beginning of it.")]


@dataclass(frozen=True, slots=True)
class AudienceOptions:
    """Who on the list is called."""

    to_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column with the numbers. Default: phone.", **_WHO)
    ] = None
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave bad rows out, and call the others.", **_WHO)
    ] = False
    do_not_call: Annotated[
        str | None, typer.Option(metavar="FILE", help="A list of numbers that are not called.", **_WHO)
    ] = None
    call_unsubscribed: Annotated[
        bool, typer.Option("--call-unsubscribed", help="Call even those who have unsubscribed.", **_WHO)
    ] = False
    any_number: Annotated[
        bool,
        typer.Option(
            "--any-number", help="Call numbers of the right length in ranges that are not known.", **_WHO
        ),
    ] = False
    again: Annotated[
        bool, typer.Option("--again", help="This list was sent before: send it once more.", **_WHO)
    ] = False
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N", help="Only part K of N, for several machines; a number is always in one.", **_WHO
        ),
    ] = None
    region: Annotated[
        str | None,
        typer.Option(
            metavar="CC", help="National numbers on the list are numbers there, such as FR.", **_WHO
        ),
    ] = None

    def part(self) -> tuple[int, int]:
        """The shard, from 1, and how many there are: 2/8. Raises InvalidInput."""
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", self.shard or "1/1", re.ASCII)
        part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= part <= parts:
            raise InvalidInput(
                "--shard takes a part and how many there are, from 1/8 to 8/8, not "
                f"{quote(self.shard or '')}."
            )
        return part, parts


@dataclass(frozen=True, slots=True)
class BroadcastOutcomeOptions:
    """What becomes of the calls, and until when to stay."""

    vca_elsewhere: VcaElsewhere = False
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Stay until all outcomes are known: 0 only if all were completed.", **OUTCOME
        ),
    ] = False
    timeout: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=duration,
            help="How long to wait after the last call. Default: 5m.",
            **OUTCOME,
        ),
    ] = None
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS",
            help="Ask for a key, and wait: 0 only if all press one of these, such as 1 or 1,2.",
            **OUTCOME,
        ),
    ] = None
    digits: Annotated[
        str | None,
        typer.Option(
            metavar="N-M", help="Ask for a code of that many digits, such as 4-6, and wait.", **OUTCOME
        ),
    ] = None
    hash_ends: HashEnds = False
    thanks: Thanks = None

    @property
    def waits(self) -> bool:
        return self.wait or self.confirm is not None or self.digits is not None


@dataclass(frozen=True, slots=True)
class PaceOptions:
    """How fast the calls leave."""

    rate: Annotated[
        str | None,
        typer.Option(
            metavar="N/s",
            help="At most so many calls a second (5/s), minute (90/m) or hour (500/h).",
            **_PACE,
        ),
    ] = None
    concurrency: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=1000, help="Requests that are open at once. Default: 32.", **_PACE
        ),
    ] = None
    max_calls: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Stop after so many calls, whatever is left.", **_PACE),
    ] = None


@dataclass(frozen=True, slots=True)
class HoursOptions:
    """When people may be called, where they are."""

    quiet: Annotated[
        str | None,
        typer.Option(
            "--quiet",
            metavar="FROM-TO",
            help="Call nobody between these times of where they are, such as 21:00-08:00.",
            **_PACE,
        ),
    ] = None
    weekdays: Annotated[
        bool, typer.Option("--weekdays", help="Call only from Monday to Friday, where they are.", **_PACE)
    ] = False


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """Whom to call again, and when."""

    retry: Annotated[
        str | None,
        typer.Option(metavar="OUTCOMES", help="Call again after these, such as no-answer,busy.", **_RETRY),
    ] = None
    attempts: Annotated[
        int | None, typer.Option(metavar="N", min=2, max=20, help="How often in all. Default: 2.", **_RETRY)
    ] = None
    every: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME", parser=duration, help="How long after the last time. Default: 10m.", **_RETRY
        ),
    ] = None

    def outcomes(self) -> tuple[str, ...]:
        """The outcomes after which another attempt makes sense: no-answer,busy. Raises InvalidInput."""
        names = [outcome.value for outcome in Outcome if outcome in _WORTH_ANOTHER]
        words = [word for word in (self.retry or "").split(",") if word.strip()]
        return tuple(dict.fromkeys(one_of(word, names, "outcome to call again after") for word in words))
