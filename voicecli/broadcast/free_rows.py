"""What 8x8 reports of calls to rows that no worker has, where several machines share the store."""

from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.outcomes import after_report, reports
from voicecli.broadcast.policy import Policy
from voicecli.store import free_rows, workers
from voicecli.store.broadcast_rows import StoredBroadcast
from voicecli.store.broadcasts import Broadcast, BroadcastRow, BroadcastState
from voicecli.store.engine import Store
from voicecli.store.read_positions import last_event_number
from voicecli.store.workers import chunk_of


def record_reports_of_free_rows(store: Store, broadcast: Broadcast, policy: Policy | None = None) -> bool:
    """Write into the journal what was reported of them, and what is left of workers whose leases are over;
    whether there were new events. Rows are called again by the ``policy``, that of the broadcast's options by
    default, unless it is done. Of several processes that do so at once one does. Raises StoreFailed."""
    workers.end_dead_ones(store, broadcast)
    stored = StoredBroadcast(store, broadcast)
    seen, newest = stored.seen, last_event_number(store)
    if newest <= seen:
        return False
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
    return True
