"""What the store tells for a report on a broadcast, asked of each engine."""

from itertools import pairwise
from pathlib import Path

import pytest

from voicecli.account import AccountId
from voicecli.broadcast.report_reading import MAX_SLOTS, read_report
from voicecli.broadcast.results import Results
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.journals import create_journal
from voicecli.store.sqlite import SqliteStore

ACCOUNT = AccountId("https://voice.8x8.com", "some_sub")
SECOND = 1_000_000
CALLS = 50
PLACE = (
    "INSERT INTO calls (placed, base_url, subaccount, state, client_request_id, source, destination, guarded,"
    " broadcast, line) VALUES (?, 'u', 's', 'accepted', 'r', '', '', 0, ?, 1)"
)


@pytest.mark.parametrize("apart", [0.1, 60.0, 3_600.0, 86_400.0 * 5])
def test_the_time_line_has_every_call_once_in_few_steps_of_one_length(tmp_path: Path, apart: float) -> None:
    with SqliteStore(tmp_path) as store:
        journal = create_journal(
            store, account=ACCOUNT, file="p.csv", fingerprint=b"1", shard=(1, 1), options={}, content=b"Hi"
        )
        journal.plan([BroadcastRow(1, "+33199001234", RowState.PLANNED)], again=False)
        journal.close()
        broadcast = journal.broadcast
        empty = read_report(Results(store, broadcast))
        with store.transaction() as transaction:
            for place in range(CALLS):
                moment = broadcast.created + round(place * apart * SECOND)
                transaction(PLACE, (moment, broadcast.number))
            transaction(PLACE, (broadcast.created + SECOND, broadcast.number + 1))
        report = read_report(Results(store, broadcast))
    assert (empty.last_call, empty.timeline, report.errors) == (None, (), [])
    assert report.last_call is not None
    span = report.last_call - report.begun
    assert round(span.total_seconds(), 1) == round((CALLS - 1) * apart, 1)
    assert sum(bar.number for bar in report.timeline) == CALLS
    assert len(report.timeline) <= (MAX_SLOTS if apart < 86_400 else 10 * MAX_SLOTS)
    assert report.timeline[0].number > 0
    assert all(before.words != after.words for before, after in pairwise(report.timeline))
