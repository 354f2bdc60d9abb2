"""The options that say which events and calls are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

from voicecli.cli.options.common import FILTERS
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.values import number, one_of, webhook_types
from voicecli.voice_api import codes

if TYPE_CHECKING:
    from voicecli.sessions.session import Session
    from voicecli.voice_api.webhook_events import Received

STATUSES = sorted({status for statuses in codes.STATUSES.values() for status in statuses})
DISPLAY = "Display"

To = Annotated[
    str | None,
    option("NUMBER", "Show only calls to this number.", parser=partial(number, "--to"), panel=FILTERS),
]
MaskNumbers = Annotated[bool, flag("Show numbers as +33••••1234.", "--mask-numbers", panel=DISPLAY)]


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """Which events are shown; None where all are. ``to`` has its +."""

    PANEL: ClassVar[str] = FILTERS

    only: Annotated[
        Sequence[str] | None,
        option("TYPES", "Show only these types of events, such as vca,vss.", parser=webhook_types),
    ] = None
    session: Annotated[
        str | None, option("ID", "Show only this session; the beginning of its id is enough.")
    ] = None
    to: To = None
    status: Annotated[
        str | None,
        option(
            "STATUS",
            "Show only this status, such as BUSY.",
            parser=partial(one_of, names=STATUSES, what="status"),
        ),
    ] = None

    def shows_event(self, received: "Received") -> bool:
        event = received.event
        return (
            (self.only is None or event.type in self.only)
            and (self.status is None or event.status == self.status)
            and self._is_about(event.session_id, event.destination)
        )

    def shows_call(self, call: "Session") -> bool:
        of_status = self.status is None or call.outcome in (None, self.status)
        return of_status and self._is_about(call.id, call.destination)

    def _is_about(self, session_id: str, destination: str) -> bool:
        return (self.session is None or session_id.startswith(self.session)) and (
            self.to is None or is_number(destination, self.to)
        )


def is_number(reported: str, number: str) -> bool:
    """Whether a number as 8x8 reports it, with a + or without, is this one, which has its +."""
    return f"+{reported.lstrip('+')}" == number
