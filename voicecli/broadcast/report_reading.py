"""Reads what a report says from the store."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from voicecli.broadcast import status
from voicecli.broadcast.call_errors import FAILURES, call_errors
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.report import Bar, Figures, Report
from voicecli.broadcast.results import Results
from voicecli.clock import to_local
from voicecli.store import unsubscribed
from voicecli.store.broadcast_rows import calls_by_time, group_rows, rows_with_outcome, time_of_calls
from voicecli.store.broadcasts import Broadcast
from voicecli.store.engine import Store

MAX_ERRORS = 1_000  # calls whose errors are looked up
MAX_SLOTS = 24  # of the time line
_SLOTS = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800)  # seconds


def read_report(results: Results, *, text: str | None = None) -> Report:
    """The report on a broadcast; ``text`` is what people were told. Raises StoreFailed."""
    store, broadcast = results.store, results.broadcast
    failed = islice(rows_with_outcome(store, broadcast, *FAILURES), MAX_ERRORS)
    figures = Figures(results.keys)
    unsubscribed.update(store)
    for row, rows, has_unsubscribed in group_rows(store, broadcast):
        figures.add(row, rows, has_unsubscribed=has_unsubscribed)
    figures.add_errors(call_errors(store, failed).values())
    first, last = time_of_calls(store, broadcast)
    accepts = results.keys is not None and results.keys.accepted
    shard = "" if broadcast.parts == 1 else f", shard {broadcast.part} of {broadcast.parts}"
    return Report(
        broadcast=broadcast.id,
        source=(Path(broadcast.file).name or "a list from a pipe") + shard,
        state=status.state(store, broadcast),
        begun=to_local(broadcast.created),
        last_call=to_local(last) if last else None,
        made=datetime.now(UTC).astimezone(),
        people=figures.people,
        called=figures.called,
        calls=figures.calls,
        reached=figures.reached,
        not_to_call=figures.not_to_call,
        confirmed=figures.confirmed if accepts else None,
        outcomes=figures.outcomes,
        results=figures.results,
        to_reach=figures.to_reach,
        errors=figures.errors,
        timeline=_timeline(store, broadcast, first, last) if last else (),
        has_answers=BroadcastOptions.from_mapping(broadcast.options).captures,
        text=text,
    )


def _timeline(store: Store, broadcast: Broadcast, first: int, last: int) -> Sequence[Bar]:
    """How many calls left when, in slots of equal length by this machine's clock."""
    offset = to_local(first).utcoffset() or timedelta()
    shift = round(offset.total_seconds() * 1e6)
    for seconds in _SLOTS:
        slot = seconds * 1_000_000
        start = (first + shift) // slot * slot - shift
        if (last - start) // slot < MAX_SLOTS:
            break
    counts = calls_by_time(store, broadcast, start, slot)
    form = "%H:%M:%S" if seconds < 60 else "%H:%M"
    if to_local(first).date() != to_local(last).date():
        form = f"%Y-%m-%d {form}" if seconds < 86_400 else "%Y-%m-%d"
    slots = range(min((last - start) // slot + 1, 10 * MAX_SLOTS))
    return [Bar(f"{to_local(start + place * slot):{form}}", counts.get(place, 0)) for place in slots]
