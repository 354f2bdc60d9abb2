"""Estimates for a dry run: how long the calls take, and who can't be called yet."""

from datetime import datetime
from typing import NamedTuple

from voicecli.broadcast.eligibility import Eligibility
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.validation import ValidatedList
from voicecli.store.broadcasts import RowState

RESPONSE_TIME = 0.5  # seconds that 8x8 is assumed to need for an answer, where there is no --rate


class QuietPeople(NamedTuple):
    """How many can't be called now, for quiet hours, and when the first of them can."""

    people: int = 0
    until: datetime | None = None


def quiet_people(validated: ValidatedList, eligibility: Eligibility) -> QuietPeople:
    """Who can't be called now, by the hours where they are."""
    quiet = [
        zones
        for row in validated.rows()
        if row.state is RowState.PLANNED and (zones := eligibility.quiet_zones(row.destination)) is not None
    ]
    return QuietPeople(len(quiet), eligibility.next_opening(set(quiet)))


def seconds(calls: int, options: BroadcastOptions) -> float:
    """How long it takes to begin so many calls."""
    return calls / (options.calls_per_second() or options.concurrency / RESPONSE_TIME)
