"""Which events and calls are shown: the options that say so, each written once, and what they choose."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from voicecli.cli.options import values
from voicecli.cli.options.values import one_of, webhook_types
from voicecli.sessions.session import Session
from voicecli.voice_api import codes
from voicecli.voice_api.webhook_events import Received

STATUSES = sorted({status for statuses in codes.STATUSES.values() for status in statuses})
SHOWN = {"rich_help_panel": "Display"}

To = Annotated[str | None, typer.Option(metavar="NUMBER", help="Show only calls to this number.", **SHOWN)]
MaskNumbers = Annotated[bool, typer.Option("--mask-numbers", help="Show numbers as +33••••1234.", **SHOWN)]


@dataclass(frozen=True, slots=True)
class Filters:
    """What is shown; None where all is. ``destination`` has its +."""

    types: tuple[str, ...] | None = None
    session: str | None = None
    destination: str | None = None
    status: str | None = None

    def event(self, received: Received) -> bool:
        event = received.event
        return (
            (self.types is None or event.type in self.types)
            and (self.status is None or event.status == self.status)
            and self._about(event.session_id, event.destination)
        )

    def call(self, call: Session) -> bool:
        of_status = self.status is None or call.outcome in (None, self.status)
        return of_status and self._about(call.id, call.destination)

    def _about(self, session_id: str, destination: str) -> bool:
        return (self.session is None or session_id.startswith(self.session)) and (
            self.destination is None or is_number(destination, self.destination)
        )


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """The options that say which events are shown."""

    PANEL: ClassVar[str] = "Display"

    only: Annotated[
        str | None,
        typer.Option(metavar="TYPES", help="Show only these types of events, such as vca,vss."),
    ] = None
    session: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Show only this session; the beginning of its id is enough."),
    ] = None
    to: To = None
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Show only this status, such as BUSY.")
    ] = None

    def chosen(self) -> Filters:
        """The filters that were asked for. Raises InvalidInput."""
        return Filters(
            types=None if self.only is None else webhook_types(self.only),
            session=self.session,
            destination=None if self.to is None else values.number("--to", self.to),
            status=None if self.status is None else one_of(self.status, STATUSES, "status"),
        )


def is_number(reported: str, number: str) -> bool:
    """Whether a number as 8x8 reports it, with a + or without, is this one, which has its +."""
    return f"+{reported.lstrip('+')}" == number
