"""What can be said of a broadcast before it begins: how long it takes, and who can't be called yet."""

from datetime import UTC, datetime
from typing import NamedTuple

from voicecli import phone
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.plan import ValidatedList
from voicecli.hours import Hours

ANSWER = 0.5  # seconds that 8x8 is taken to need for an answer, where no --rate says how fast it goes


class Asleep(NamedTuple):
    """How many can't be called now, and when the first of them can."""

    people: int = 0
    until: datetime | None = None


def asleep(validated: ValidatedList, hours: Hours | None) -> Asleep:
    """Who can't be called now, by the hours where they are."""
    if hours is None:
        return Asleep()
    now = datetime.now(UTC)
    zones_of_sleepers = [
        zones
        for row in validated.rows()
        if row.state == "planned" and not hours.allow(zones := phone.time_zones(row.destination), now)
    ]
    openings = (hours.open_at(zones, now) for zones in set(zones_of_sleepers))
    return Asleep(len(zones_of_sleepers), min(filter(None, openings), default=None))


def seconds(calls: int, options: BroadcastOptions) -> float:
    """How long it takes to begin so many calls."""
    return calls / (options.calls_per_second() or options.concurrency / ANSWER)
