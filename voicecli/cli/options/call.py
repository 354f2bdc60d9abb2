"""Options that say how and from which number is called."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import duration

THE_CALL = "Call"
ValidFor = Annotated[
    timedelta | None,
    option(
        "TIME",
        "Start the call within this time or not at all: 30s, 10m, 2h. Default: 1h.",
        parser=duration,
        panel=THE_CALL,
    ),
]
Source = Annotated[
    str | None, option("NUMBER", "The caller ID. Default: OUTBOUND_PHONE_NUMBER.", "--from", panel=THE_CALL)
]


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Whether, when and from which number to call; None where it was not given."""

    PANEL: ClassVar[str] = "Call"

    once: Annotated[
        bool,
        flag(
            "Do not place the same call twice: not while an earlier one is under way, and not after "
            "one that was confirmed (without --confirm: completed). A call is the same if its --message-id "
            "is; without one, if text and number are."
        ),
    ] = False
    within: Annotated[
        timedelta | None,
        option("TIME", "With --once: for how long. Default: 10m.", parser=duration),
    ] = None
    message_id: Annotated[
        str | None,
        option(
            "ID",
            "Your own id for the call (clientRequestId); of several calls, each gets its number added. "
            "Default: a new UUID.",
        ),
    ] = None
    valid_for: ValidFor = None
    source: Source = None
    dry_run: Annotated[bool, flag("Show the request without sending it.")] = False


AT_MOST = (
    "Call nobody more often than this: 1/24h, 2/7d, or none for no limit. All calls in the store count but "
    "those that reached nobody."
)


@dataclass(frozen=True, slots=True)
class RecipientOptions:
    """Which numbers may be called."""

    PANEL: ClassVar[str] = "Recipients"

    call_unsubscribed: Annotated[bool, flag("Call even people who have unsubscribed.")] = False
    any_number: Annotated[
        bool, flag("Call numbers even if their range is unknown here, as long as their length is right.")
    ] = False
    at_most: Annotated[str | None, option("N/TIME", f"{AT_MOST} Default: VOICECLI_AT_MOST.")] = None
    region: Annotated[str | None, option("CC", "The country of national numbers, such as FR.")] = None
