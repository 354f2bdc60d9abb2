"""Writes into journals what 8x8 has reported while nobody worked on a broadcast, or on a part of it."""

from contextlib import closing, suppress
from itertools import islice

from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.outcomes import after_report, reports
from voicecli.broadcast.policy import Policy
from voicecli.clock import now
from voicecli.errors import InUse
from voicecli.store import free_rows, workers
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcast_rows import StoredBroadcast
from voicecli.store.broadcasts import ROWS_PER_COMMIT, Broadcast, BroadcastRow, BroadcastState
from voicecli.store.engine import Store
from voicecli.store.journals import open_journal
from voicecli.store.read_positions import last_event_number
from voicecli.store.workers import chunk_of


def record_reports(journal: Journal, policy: Policy | None = None) -> None:
    """Write into the journal all that was reported while nobody worked on the broadcast, and that rows which
    another process left ``sending`` are unknown; unless it is done, rows are called again by its ``policy``,
    that of its options by default. Raises StoreFailed."""
    policy = policy or BroadcastOptions.from_mapping(journal.broadcast.options).policy()
    if journal.store.is_shared:
        record_reports_of_free_rows(journal.store, journal.broadcast, policy)
    else:
        journal.mark_interrupted_rows()
        _record_reports_of_all_rows(journal, policy)
    if journal.state is not BroadcastState.DONE:
        journal.plan_retries(policy.retry, policy.attempts, unless_pressed=policy.final_keys)


def _record_reports_of_all_rows(journal: Journal, policy: Policy) -> None:
    newest = last_event_number(journal.store)
    found = reports(journal, journal.seen, newest, policy)
    while some := list(islice(found, ROWS_PER_COMMIT)):
        changed: dict[int, tuple[BroadcastRow, BroadcastRow]] = {}  # by line: as it was, and as it is
        for report in some:
            row = changed[report.line][1] if report.line in changed else journal.row(report.line)
            if row is not None and (known := report.apply_to(row)) != row:
                before, _ = changed.get(report.line, (row, row))
                changed[report.line] = before, known._replace(changed=now())
        journal.write(changed.values())
    journal.write((), seen=newest)


def record_reports_if_idle(store: Store, broadcast: Broadcast) -> None:
    """The same, unless a process works on the broadcast, which does so itself. Raises StoreFailed."""
    if store.is_shared:
        record_reports_of_free_rows(store, broadcast)
        return
    with suppress(InUse), closing(open_journal(store, broadcast)) as journal:
        record_reports(journal)


def record_reports_of_free_rows(store: Store, broadcast: Broadcast, policy: Policy | None = None) -> None:
    """Write into the journal what was reported of them, and what is left of workers whose leases are over.
    Rows are called again by the ``policy``, that of the broadcast's options by default, unless it is done. Of
    several processes that do so at once one does. Raises StoreFailed."""
    workers.end_dead_ones(store, broadcast.number)
    stored = StoredBroadcast(store, broadcast)
    seen, newest = stored.seen, last_event_number(store)
    if newest <= seen:
        return
    policy = policy or BroadcastOptions.from_mapping(broadcast.options).policy()
    is_done = stored.state is BroadcastState.DONE
    taken, passed_by = free_rows.taken_chunks(store, broadcast), set()
    changed: dict[int, tuple[BroadcastRow, BroadcastRow]] = {}  # by line: as it was, and as it is to be

    def is_free(line: int) -> bool:
        if (chunk := chunk_of(line)) in taken:
            passed_by.add(chunk)
            return False
        return True

    for report in reports(stored, seen, newest, policy, of=is_free):
        row = changed[report.line][1] if report.line in changed else stored.row(report.line)
        if row is not None and (known := report.apply_to(row)) != row:
            before, _ = changed.get(report.line, (row, row))
            known = known if is_done else after_report(stored, known, policy)
            changed[report.line] = before, known._replace(changed=store.now())
    free_rows.write(store, broadcast, changed.values(), seen=seen, newest=newest, passed_by=passed_by)
