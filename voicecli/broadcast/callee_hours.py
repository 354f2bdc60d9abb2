"""Quiet hours of a broadcast's people, each in the time zones of their number (``phone.time_zones``,
``quiet_hours.Hours``): who may be called now, and when those may be who may not."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from voicecli import phone
from voicecli.quiet_hours import HORIZON, Hours
from voicecli.voice_api.callflow import CallRequest

Zones = tuple[str, ...]
"""The names of a number's time zones."""
LEAST_TO_BEGIN = timedelta(minutes=1)  # until the quiet hours begin


class CalleeHours:
    """Without ``hours`` people may be called at any time."""

    def __init__(self, hours: Hours | None) -> None:
        self._hours = hours
        self._openings: dict[Zones, datetime | None] = {}  # as they are shown

    def zones(self, destination: str) -> Zones:
        """Those of a number, where they matter."""
        return () if self._hours is None else phone.time_zones(destination)

    def quiet_zones(self, destination: str) -> Zones | None:
        """The time zones of a number, where it may not be called now; None where it may."""
        if self._hours is None:
            return None
        zones = phone.time_zones(destination)
        return None if self.is_open(zones) else zones

    def is_open(self, zones: Zones, moment: datetime | None = None) -> bool:
        """Whether people there can be called at that moment, or now, and for long enough that 8x8 can begin
        to."""
        if self._hours is None:
            return True
        moment = moment or datetime.now(UTC)
        return self._hours.allow(zones, moment) and self._hours.allow(zones, moment + LEAST_TO_BEGIN)

    def never_open(self, destination: str, zones: Zones) -> str | None:
        """Why there is no time at which a number with these ``zones`` can be called, if so."""
        if self._hours is None:
            return None
        if not zones:
            return f"The time zone of {destination} is not known."
        if self.next_opening([zones]) is None:
            return f"No time is allowed in all time zones of {destination}."
        return None

    def limit_validity(self, destination: str, request: CallRequest) -> CallRequest:
        """The request, which 8x8 is not to begin later than people may be called."""
        if self._hours is None:
            return request
        zones, moment = phone.time_zones(destination), datetime.now(UTC)
        until = self._hours.open_until(zones, moment, request.valid_until or moment + HORIZON)
        return replace(request, valid_until=until)

    def opening(self, zones: Zones, moment: datetime) -> datetime | None:
        """When these can be called from that moment on; None where no time is known."""
        return None if self._hours is None else self._hours.open_at(zones, moment)

    def next_opening(self, some: Collection[Zones]) -> datetime | None:
        """When the first of these can be called; None where no time is known. Computed once for each, since
        that takes milliseconds and progress shows it all the time."""
        hours, now = self._hours, datetime.now(UTC)
        if hours is None:
            return None
        for zones in some:
            known = self._openings.get(zones, now)
            if known is not None and known <= now:
                self._openings[zones] = hours.open_at(zones, now)
        return min(filter(None, (self._openings[zones] for zones in some)), default=None)
