"""How attempts learn what became of them: from summaries, whichever process reads them and whenever they
come."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from past import NUMBER, OTHER, SESSION, SOURCE, event, keep

from voicecli.account import AccountId
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.store import attempt_outcomes, pruning
from voicecli.store.attempt_outcomes import update_outcomes
from voicecli.store.attempts import FLOW_OUTLIVES, Attempts, attempts_where, sealed_flow
from voicecli.store.engine import Store
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.messages import voice_message

ACCOUNT = AccountId("https://voice.8x8.com", "some_sub")
FLOW = ({"action": "sayAndCapture", "params": {"promptMessage": "The code is 482913"}},)


def begin(store: Store, request_id: str = "m-1", *, asks: str | None = None) -> int:
    request = voice_message(NUMBER, "hi", source=SOURCE, message_id=request_id)
    flow = None if asks is None else FLOW
    return Attempts(store, ACCOUNT).begin(request, asks=asks, flow=flow)


def answered(store: Store, number: int, session: str = SESSION) -> None:
    Attempts(store, ACCOUNT).record_answer(number, AttemptState.ACCEPTED, session)


def taken_in(store: Store) -> list[Attempt]:
    update_outcomes(store)
    return list(attempts_where(store, "ORDER BY id"))


def test_an_outcome_is_told_with_where_it_is_known_from(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        answered(store, begin(store))
        begin(store, "m-2")
        keep(tmp_path, event("VCS", "CALL_CONNECTED"))
        assert taken_in(store)[0].outcome is None
        keep(tmp_path, event("VSS", "COMPLETED"))
        first, second = taken_in(store)
        assert (first.outcome, first.outcome_source) == ("COMPLETED", "vss")
        assert first.seconds is not None
        assert (second.outcome, second.session_id) == (None, None)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_summaries_the_one_that_ended_last_counts(tmp_path: Path, order: tuple[int, int]) -> None:
    told = (
        event("VSS", "NO_ANSWER", endTime="2026-11-28T10:00:00Z"),
        event("VSS", "COMPLETED", endTime="2026-11-28T10:00:01Z"),
    )
    with SqliteStore(tmp_path) as store:
        answered(store, begin(store))
        for index in order:
            keep(tmp_path, told[index])
            [attempt] = taken_in(store)
        assert attempt.outcome == "COMPLETED"


def test_a_summary_that_is_quicker_than_the_answer_is_not_missed(tmp_path: Path) -> None:
    """And it does not name the request: 8x8's samples have no clientRequestId."""
    with SqliteStore(tmp_path) as store:
        number = begin(store)
        keep(tmp_path, event("VSS", "BUSY"))
        keep(tmp_path, event("VSS", "BUSY", OTHER))
        assert [attempt.outcome for attempt in taken_in(store)] == [None]
        answered(store, number)
        assert [attempt.outcome for attempt in taken_in(store)] == ["BUSY"]


def test_a_summary_that_is_read_as_the_answer_comes_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session was not known when it was read, and is when the reader has passed it."""
    lost = attempt_outcomes._lost

    def then_the_answer_comes(*arguments: Any) -> Iterator[tuple[str, Attempt]]:
        yield from lost(*arguments)
        with SqliteStore(tmp_path) as another:
            answered(another, number)

    with SqliteStore(tmp_path) as store:
        number = begin(store)
        keep(tmp_path, event("VSS", "COMPLETED"))
        monkeypatch.setattr(attempt_outcomes, "_lost", then_the_answer_comes)
        update_outcomes(store)
        monkeypatch.undo()
        assert taken_in(store)[0].outcome == "COMPLETED"


def test_a_summary_tells_the_session_of_a_call_whose_answer_was_lost(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        for _ in range(2):
            Attempts(store, ACCOUNT).record_answer(begin(store), AttemptState.UNKNOWN)
        keep(tmp_path, event("VSS", "BUSY", clientRequestId="m-1"))
        keep(tmp_path, event("VSS", "COMPLETED", OTHER, clientRequestId="m-1"))
        told = [(attempt.session_id, attempt.outcome) for attempt in taken_in(store)]
        assert sorted(told) == [(SESSION, "BUSY"), (OTHER, "COMPLETED")]


def test_a_summary_from_before_a_call_left_is_not_its(tmp_path: Path) -> None:
    keep(tmp_path, event("VSS", "BUSY", clientRequestId="m-1"), ago=60)
    with SqliteStore(tmp_path) as store:
        begin(store)
        assert [attempt.session_id for attempt in taken_in(store)] == [None]


def test_the_flow_is_deleted_with_the_summary_or_long_after_its_time(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        for session, request_id in ((SESSION, "m-1"), (OTHER, "m-2"), ("s-3", "m-3")):
            answered(store, begin(store, request_id, asks="1"), session)
        with store.transaction() as transaction:
            late = FLOW_OUTLIVES + 2 * 3_600_000_000
            transaction("UPDATE calls SET valid_until = valid_until - ? WHERE session = ?", (late, OTHER))
        keep(tmp_path, event("VSS", "COMPLETED"))
        [gone] = store.rows("SELECT sealed FROM calls WHERE session = ?", (SESSION,))
        ended, late_one, live = taken_in(store)
        assert (sealed_flow(store, ended), sealed_flow(store, late_one)) == (None, None)
        assert sealed_flow(store, live) == list(FLOW)
        assert all(gone[0][-16:] not in path.read_bytes() for path in tmp_path.iterdir())


def test_what_is_pruned_was_read_before(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        answered(store, begin(store))
        keep(tmp_path, event("VSS", "BUSY"), ago=100)
        [placed] = (attempt.placed for attempt in attempts_where(store, ""))
        for _ in pruning.prune(store, placed, rest=lambda worked: None):
            pass
        assert list(store.rows("SELECT id FROM events")) == []
        assert [attempt.outcome for attempt in attempts_where(store, "")] == ["BUSY"]


@pytest.mark.of_the_file
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT id FROM calls WHERE session = ?", "calls_by_session (session=?)"),
        ("SELECT id FROM calls WHERE session IN (?, ?)", "calls_by_session (session=?)"),
        ("SELECT 1 FROM calls WHERE session IS NULL LIMIT 1", "calls_without_session"),
        ("SELECT id FROM calls WHERE session IS NULL AND client_action_id = ?", "calls_without_session"),
        ("SELECT id FROM calls WHERE fingerprint IN (?, ?)", "calls_by_fingerprint (fingerprint=?)"),
    ],
)
def test_a_call_is_found_without_looking_at_all(tmp_path: Path, query: str, index: str) -> None:
    with SqliteStore(tmp_path):
        pass
    database = sqlite3.connect(tmp_path / "voicecli.sqlite3")
    plan = database.execute(f"EXPLAIN QUERY PLAN {query}", ("x",) * query.count("?")).fetchall()
    database.close()
    assert index in str(plan)
