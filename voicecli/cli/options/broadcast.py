"""Options of the commands about broadcasts."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

import typer

from voicecli import phone
from voicecli.cli.options.call import AT_MOST, RecipientOptions
from voicecli.cli.options.outcome import TIMEOUT, OutcomeOptions
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import MAX_ROWS, duration, one_of, whole
from voicecli.errors import InvalidInput, quote
from voicecli.voice_api.codes import Outcome

_WORTH_ANOTHER = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.CANCELED, Outcome.FAILED, Outcome.ERROR)
Id = Annotated[str, typer.Argument(metavar="ID", help="The broadcast's id, or its beginning.")]


@dataclass(frozen=True, slots=True)
class AudienceOptions:
    """Who on the list is called."""

    PANEL: ClassVar[str] = "Recipients"

    to_column: Annotated[str | None, option("NAME", "The column with the phone numbers. Default: phone.")] = (
        None
    )
    sheet: Annotated[str | None, option("NAME", "The sheet of a workbook. Default: the first.")] = None
    hidden: Annotated[bool, flag("Take hidden rows of a sheet, too.")] = False
    skip_invalid: Annotated[bool, flag("Leave out invalid rows, and call the others.")] = False
    all_faults: Annotated[bool, flag("Show all invalid rows, not only three of each kind.")] = False
    do_not_call: Annotated[str | None, option("FILE", "A list of numbers not to call.")] = None
    again: Annotated[bool, flag("Send a list again that was sent before.")] = False
    try_on: Annotated[
        str | None,
        option("NUMBER", "Call only this number, your own, with what the first person would hear."),
    ] = None
    shard: Annotated[
        str | None, option("K/N", "Call only part K of N, to share a list among N machines.")
    ] = None

    def own_number(self, recipients: RecipientOptions) -> phone.PhoneNumber | None:
        """The number of --try-on. Raises InvalidInput."""
        if self.try_on is None:
            return None
        return phone.parse(self.try_on, recipients.region, any_number=recipients.any_number)

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


# Of a broadcast that was begun before: without them, as they were then.
KeptConcurrency = Annotated[
    int | None, option("N", "How many requests may be open at once.", parser=whole(1, 1000))
]
KeptTimeout = Annotated[
    timedelta | None,
    option("TIME", TIMEOUT, parser=duration, panel=OutcomeOptions.PANEL),
]
KeptAtMost = Annotated[str | None, option("N/TIME", AT_MOST, "--at-most", panel=AudienceOptions.PANEL)]


@dataclass(frozen=True, slots=True)
class PaceOptions:
    """How fast the calls leave."""

    PANEL: ClassVar[str] = "Pace and hours"

    rate: Annotated[
        str | None, option("N/s", "Place at most N calls a second (5/s), a minute (90/m) or an hour (500/h).")
    ] = None
    concurrency: KeptConcurrency = None
    max_calls: Annotated[
        int | None, option("N", "Stop after N calls; resume calls the others.", parser=whole(1, MAX_ROWS))
    ] = None


@dataclass(frozen=True, slots=True)
class FirstPaceOptions(PaceOptions):
    """The same where the broadcast begins."""

    concurrency: KeptConcurrency = 32


@dataclass(frozen=True, slots=True)
class HoursOptions:
    """When people may be called, where they are."""

    PANEL: ClassVar[str] = "Pace and hours"

    not_between: Annotated[
        str | None,
        option("FROM-TO", "Call nobody between these times in each person's time zone, such as 21:00-08:00."),
    ] = None
    weekdays: Annotated[bool, flag("Call only from Monday to Friday, in each person's time zone.")] = False
    start_at: Annotated[
        str | None,
        option(
            "TIME",
            'Wait until then: 10:00 (today or tomorrow), 2026-11-30T10:00 or "10:00 Europe/Paris". Without a '
            "zone it is the time in --region, else on this machine.",
        ),
    ] = None

    def start(self, region: str | None) -> datetime | None:
        """When to begin; None for at once. Raises InvalidInput."""
        if self.start_at is None:
            return None
        from voicecli.broadcast.start_time import parse_start

        return parse_start(self.start_at, region)


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """Whom to call again, and when."""

    PANEL: ClassVar[str] = "Retries"

    retry: Annotated[
        str | None, option("OUTCOMES", "Call again after these outcomes, such as no-answer,busy.")
    ] = None
    attempts: Annotated[
        int | None, option("N", "With --retry: how many calls in all. Default: 2.", parser=whole(2, 20))
    ] = None
    every: Annotated[
        timedelta | None,
        option("TIME", "With --retry: the time between two calls. Default: 10m.", parser=duration),
    ] = None

    def outcomes(self) -> tuple[str, ...]:
        """The outcomes after which another attempt makes sense: no-answer,busy. Raises InvalidInput."""
        names = [outcome.value for outcome in Outcome if outcome in _WORTH_ANOTHER]
        words = [word for word in (self.retry or "").split(",") if word.strip()]
        return tuple(dict.fromkeys(one_of(word, names, "outcome for --retry") for word in words))
