"""What is reported of a broadcast's calls: found by their sessions, and what is known now is what counts."""

from contextlib import closing
from pathlib import Path

import pytest
from engine_world import World, number, world_of
from past import event, keep
from ready_stores import real_ones

from voicecli.broadcast import engine, report_recording
from voicecli.broadcast.policy import Policy
from voicecli.sessions import pending
from voicecli.sessions.counts import Counts
from voicecli.sessions.key_names import KeyNames
from voicecli.store import sqlite
from voicecli.store.attempts import attempts_where
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.event_queries import events_of_session
from voicecli.store.migrations import MIGRATIONS
from voicecli.store.sqlite import SqliteStore

TWICE_TOO_MANY = "+33199004291"
EARLIER, LATER = "2026-11-28T04:00:00Z", "2026-11-28T04:00:01Z"
ONE = KeyNames.of_confirm("1")
RETRIED_ERRORS = Policy(wait=True, retry=frozenset({"ERROR"}), attempts=2, every=0.0, digits=True, keys=ONE)
CONFIRMING = Policy(wait=True, timeout=3, digits=True, keys=ONE)


world = pytest.fixture(world_of)


def told(world: World, row: BroadcastRow, outcome: str, end: str = EARLIER, **fields: object) -> None:
    """A summary that names nothing but its session, as both of 8x8's samples do."""
    assert row.session
    keep(world.home, event("VSS", outcome, row.session, number=row.destination, endTime=end, **fields))


def pressed(world: World, row: BroadcastRow, digits: str | None) -> None:
    assert row.session
    keep(world.home, event("VCA", "ACTION_COMPLETED", row.session, digits={"dtmf": digits}))


def test_a_summary_without_an_id_of_ours_settles_its_row(world: World) -> None:
    world.plan([number(0), number(1)])

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and row.outcome is None:
            told(world, row, "BUSY")

    engine = world.run(Policy(wait=True), on_row=on_row)
    assert engine.counts.outcomes == {"BUSY": 2}
    attempts = list(attempts_where(world.store, "WHERE broadcast IS NOT NULL ORDER BY line"))
    assert [(one.line, one.session_id) for one in attempts] == [
        (1, world.row(1).session),
        (2, world.row(2).session),
    ]


def test_an_outcome_is_told_before_others_are_claimed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOOK_EVERY", 0.0)
    world.plan([number(0), number(1)])
    has_ended, others = False, []

    def on_row(row: BroadcastRow) -> None:
        nonlocal has_ended
        if row.line == 1 and row.state is RowState.ACCEPTED and row.outcome is None:
            told(world, row, "BUSY")
            has_ended = True
        elif row.line == 1 and row.outcome is not None:
            others.append(world.row(2).state)

    def why_wait() -> str:
        return "" if has_ended or world.row(1).state is RowState.PLANNED else "The first call goes on"

    world.run(Policy(wait=True, timeout=0, concurrency=1), why_wait=why_wait, on_row=on_row)
    assert others == [RowState.PLANNED]


def test_what_was_pressed_may_come_after_the_summary(world: World) -> None:
    world.plan([number(0)])

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and row.outcome is None:
            told(world, row, "COMPLETED")
        elif row.outcome is not None and row.digits is None:
            pressed(world, row, "1")

    engine = world.run(CONFIRMING, on_row=on_row)
    assert (world.row(1).digits, engine.counts.confirmed) == ("1", 1)


def test_what_was_pressed_is_not_waited_for_in_vain(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "DIGITS_DUE", 0.05)
    world.plan([number(0)])
    world.run(
        CONFIRMING,
        on_row=lambda row: told(world, row, "COMPLETED") if row.session and not row.outcome else None,
    )
    assert (world.row(1).outcome, world.row(1).digits) == ("COMPLETED", None)


def test_a_later_summary_counts_before_somebody_is_called_again(world: World) -> None:
    world.plan([number(0)])

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and row.outcome is None:
            told(world, row, "NO_ANSWER")
        elif row.state is RowState.RETRY:
            told(world, row, "COMPLETED", LATER)

    world.run(Policy(wait=True, retry=frozenset({"NO_ANSWER"}), attempts=2, every=0.5), on_row=on_row)
    assert world.calls == {number(0): 1}
    assert (world.row(1).state, world.row(1).outcome) == (RowState.ACCEPTED, "COMPLETED")


def test_who_turns_out_to_have_been_reached_is_not_called_a_third_time(world: World) -> None:
    world.plan([number(0)])
    first: list[BroadcastRow] = []

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and row.outcome is None:
            first.append(row)
            told(world, row, "NO_ANSWER")
            if row.attempts == 2:
                told(world, first[0], "COMPLETED", LATER)

    world.run(Policy(wait=True, retry=frozenset({"NO_ANSWER"}), attempts=3, every=0.0), on_row=on_row)
    assert world.calls == {number(0): 2}
    assert (world.row(1).outcome, world.row(1).session) == ("COMPLETED", first[0].session)


def test_whose_answer_counts_is_not_called_again_for_an_error(world: World) -> None:
    world.plan([number(0), number(1)])

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and row.outcome is None:
            pressed(world, row, "1" if row.line == 1 else "2")
            told(world, row, "ERROR", details={"callA": {"callStatus": "COMPLETED", "callDuration": 3}})

    world.run(RETRIED_ERRORS, on_row=on_row)
    assert world.calls == {number(0): 1, number(1): 2}
    world.journal.plan_retries({"ERROR"}, 3, unless_pressed=RETRIED_ERRORS.final_keys)
    assert [world.row(line).state for line in (1, 2)] == [RowState.ACCEPTED, RowState.RETRY]


def test_what_an_error_may_have_overtaken_is_waited_for_before_somebody_is_called_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "DIGITS_DUE", 1.0)
    world.plan([number(0)])

    def on_row(row: BroadcastRow) -> None:
        if row.state is RowState.ACCEPTED and row.outcome is None:
            told(world, row, "ERROR", details={"callA": {"callStatus": "COMPLETED", "callDuration": 3}})

    def on_progress(counts: Counts) -> None:
        if counts.retrying:
            pressed(world, world.row(1), "1")

    world.run(RETRIED_ERRORS, on_row=on_row, on_progress=on_progress)
    assert world.calls == {number(0): 1}
    assert (world.row(1).state, world.row(1).digits) == (RowState.ACCEPTED, "1")


@pytest.mark.parametrize(
    "when",
    [
        RowState.SENDING,  # so that the 429 that comes then is no refusal
        RowState.PLANNED,  # after a 429, so that it is not tried again
    ],
)
def test_a_summary_that_names_a_call_counts_for_more_than_a_429(world: World, when: RowState) -> None:
    world.plan([TWICE_TOO_MANY])

    def on_row(row: BroadcastRow) -> None:
        if row.state is when:
            world.report(1, "COMPLETED")

    world.run(Policy(wait=True), on_row=on_row)
    assert world.calls == {TWICE_TOO_MANY: 1}
    assert (world.row(1).state, world.row(1).outcome) == (RowState.ACCEPTED, "COMPLETED")
    [attempt] = attempts_where(world.store, "WHERE broadcast IS NOT NULL")
    assert attempt.session_id == "s-1"


def test_what_was_reported_while_nobody_was_at_it_is_found_by_its_session(world: World) -> None:
    world.plan([number(0)])
    world.run()
    told(world, world.row(1), "NO_ANSWER")
    report_recording.record_reports(world.journal, Policy(retry=frozenset({"NO_ANSWER"}), attempts=2))
    assert world.row(1).outcome == "NO_ANSWER"


def test_who_unsubscribed_did_so_when_the_summary_came(world: World) -> None:
    world.plan([number(0)])
    world.run(Policy())
    row = world.row(1)
    keep(
        world.home, event("VSS", "COMPLETED_UNSUBSCRIBED", row.session or "", number=row.destination), ago=60
    )
    report_recording.record_reports(world.journal, Policy())
    [summary] = events_of_session(world.store, row.session, kind="VSS")
    assert list(world.store.rows("SELECT destination, since FROM unsubscribed")) == [
        (row.destination, summary.received)
    ]
    assert world.journal.seen == summary.id


def test_a_broadcast_that_was_begun_by_an_earlier_version_is_settled_by_its_sessions(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.plan([number(0)])
    row = world.row(1)
    called = row._replace(state=RowState.ACCEPTED, attempts=1, session="s-0")
    with real_ones(), monkeypatch.context() as older:
        older.setattr(sqlite, "MIGRATIONS", MIGRATIONS[:6])
        with SqliteStore(tmp_path / "older") as store, store.transaction() as transaction:
            broadcast = world.journal.broadcast
            transaction(
                "INSERT INTO broadcasts SELECT ?, ?, 0, ?, ?, '', x'', 1, 1, '{}', x'', 'open', 0",
                (broadcast.number, broadcast.id, *broadcast.account),
            )
            transaction(
                "INSERT INTO broadcast_rows VALUES (1, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)", called[:6]
            )
    keep(tmp_path / "older", event("VSS", "BUSY", "s-0", number=number(0)))
    with SqliteStore(tmp_path / "older") as store, closing(Journal.open(store, broadcast)) as journal:
        report_recording.record_reports(journal, Policy())
        [row] = journal.rows()
        assert (row.outcome, [one.line for one in attempts_where(store, "")]) == ("BUSY", [1])
