"""Deletes old events, attempts and runs."""

import time
from collections.abc import Callable, Iterator

from voicecli.store import attempt_outcomes, runs, unsubscribed
from voicecli.store.engine import Store
from voicecli.store.read_positions import last_event_number

STEP = 500  # rows that are deleted in one commit, some milliseconds


def count_older(store: Store, before: int, *, calls_before: int | None = None) -> tuple[int, int]:
    """How many events and how many calls ``prune`` deletes that are older than that moment (microseconds
    since 1970)."""
    events, calls = (
        store.read_number(f"SELECT count(*) FROM {table} WHERE {moment} < ? AND {free}", (older,))
        for table, moment, free, older in _deleted(store, before, calls_before)
    )
    return events, calls


def _deleted(store: Store, before: int, calls_before: int | None) -> tuple[tuple[str, str, str, int], ...]:
    """Tables, the column that says how old a row is, which rows may go, and how old they must be: by the
    events of a guarded call it is told whether somebody took it."""
    now = store.now()
    guarded = f"SELECT session FROM calls WHERE guarded > 0 AND guarded >= {now} AND session IS NOT NULL"
    return (
        ("events", "received", f"session NOT IN ({guarded})", before),
        ("calls", "placed", f"guarded < {now}", before if calls_before is None else calls_before),
    )


def prune(
    store: Store,
    before: int,
    *,
    calls_before: int | None = None,
    rest: Callable[[float], object] = time.sleep,
) -> Iterator[tuple[int, int]]:
    """Delete and overwrite what is older (calls: than ``calls_before``, if it is given), but no call that
    --once still guards, nor its events. Works in small steps, each on the disk when it gives how many events
    and how many calls it deleted; after each, ``rest`` gets the seconds that it took, so that others can
    write.

    Outcomes and unsubscribed numbers are recorded before; events that come meanwhile are left.
    """
    last = last_event_number(store)
    unsubscribed.update(store)
    attempt_outcomes.update_outcomes(store)
    store.overwrite_deleted()
    for table, moment, free, older in _deleted(store, before, calls_before):
        free = f"{free} AND id <= {last}" if table == "events" else free
        which = f"{moment} < ? AND {free} ORDER BY {moment} LIMIT {STEP}"
        oldest = f"SELECT id FROM {table} WHERE {which}"
        start = time.monotonic()
        delete = f"DELETE FROM {table} WHERE id IN ({oldest})"
        for deleted in store.delete_in_steps(delete, (older,), STEP):
            worked = time.monotonic() - start
            yield (deleted, 0) if table == "events" else (0, deleted)
            rest(worked)
            start = time.monotonic()
    runs.delete(store, before)
    store.empty_log()
