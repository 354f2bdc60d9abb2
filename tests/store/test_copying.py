"""``store copy``: what a machine has is brought into its team's store: whole, and again for what is new."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from past import event, keep, keep_a_call, keep_all

from voicecli.account import AccountId
from voicecli.at_most import AtMost
from voicecli.clock import now
from voicecli.errors import CalledTooOften, InUse, PlacedBefore, StoreFailed
from voicecli.sessions.attempt import AttemptState
from voicecli.store import (
    attempt_outcomes,
    broadcasts,
    contacts,
    former_keys,
    keys,
    runs,
    sealing,
    unsubscribed,
)
from voicecli.store.attempts import Attempts, attempts_where, sealed_flow
from voicecli.store.broadcast_journal import Journal
from voicecli.store.broadcast_rows import read_rows
from voicecli.store.broadcasts import BroadcastRow, BroadcastState, RowState
from voicecli.store.copying import broadcasts as copying_broadcasts, contents
from voicecli.store.copying.copy import copy_store
from voicecli.store.copying.kinds import Copied
from voicecli.store.engine import Store
from voicecli.store.event_recording import KeptEvent, record_events
from voicecli.store.guards import Guards, Once
from voicecli.store.journals import create_journal
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api import webhook_events
from voicecli.voice_api.callflow import destinations
from voicecli.voice_api.messages import voice_message

ACCOUNT = AccountId("https://voice.8x8.com", "some_sub")
NUMBER, OTHER_NUMBER = "+33199001234", "+33199001235"
ONCE = Once(timedelta(minutes=30))
LIST = b"phone\n+33199000000\n+33199000001\n"
FLOW = [{"action": "sayAndCapture", "params": {"promptMessage": "The code is 482913"}}]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "own") as store:
        yield store


@pytest.fixture
def shared(team: StorePlace) -> Iterator[Store]:
    with open_store(team) as store:
        yield store


def message(number: str = NUMBER, text: str = "Hello", message_id: str | None = None) -> Any:
    return voice_message(number, text, source="+33199000000", message_id=message_id)


def added(done: list[Copied]) -> dict[str, int]:
    return {copied.kind: copied.added for copied in done if copied.added}


def begin_broadcast(store: Store, *states: RowState) -> broadcasts.Broadcast:
    journal = create_journal(
        store,
        account=ACCOUNT,
        file="people.csv",
        fingerprint=keys.fingerprint(store, LIST),
        shard=(1, 1),
        options={},
        content=b"what people hear",
    )
    journal.plan(
        [BroadcastRow(line, f"+331990000{line:02}", one) for line, one in enumerate(states, 2)], again=True
    )
    journal.close()
    return broadcasts.find(store, journal.broadcast.id)


def keep_in(store: Store, document: dict[str, Any], *, times: int = 1) -> None:
    """An event that a listener of the team gets."""
    body = json.dumps(document).encode()
    read = webhook_events.parse(body)
    assert read is not None
    one = KeptEvent(now(), read.type, read.session_id, read.identity(lambda: body), None, body)
    for _ in range(times):
        record_events(store, [one])


def states(store: Store, broadcast_id: str) -> list[tuple[RowState, str | None]]:
    return [(row.state, row.reason) for row in read_rows(store, broadcasts.find(store, broadcast_id))]


def test_no_column_is_forgotten(own: SqliteStore) -> None:
    """What is not copied as it is: numbers that are others there, who has read how far, and guards and
    dropped webhooks, which go along with something else."""
    apart = {
        "events": {"id"},
        "calls": {"id"},
        "runs": {"id"},
        "broadcasts": {"number", "seen"},
        "guards": {"run", "base_url", "subaccount", "client_request_id", "fingerprint"},
        "dropped_webhooks": {"base_url", "subaccount", "type", "url"},
        "unsubscribed": {"destination", "since", "session"},
        "seen_events": {"reader", "event"},
    }
    kinds = (
        *(contents.EVENTS, contents.CALLS, contents.RUNS, contents.WEBHOOKS, contents.FORMER_URLS),
        *(copying_broadcasts.BROADCASTS, copying_broadcasts.ROWS),
    )
    copied = {kind.table: {*kind.columns} for kind in kinds}
    tables = own.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (table,) in list(tables):
        columns = {name for (name,) in own.rows(f"SELECT name FROM pragma_table_info('{table}')")}
        assert columns == copied.get(table, set()) | apart.get(table, set()), table


def test_all_that_a_store_has_is_there_and_a_second_copy_adds_nothing(
    own: SqliteStore, shared: Store
) -> None:
    home = own.folder
    events = [
        (event("VCS", "CALL_CONNECTED", f"s-{n % 400}", eventId=n), n / 10, None) for n in range(1100, 0, -1)
    ]
    keep_all(home, events)
    keep(
        home, event("VSS", "COMPLETED_UNSUBSCRIBED", "s-1", number=OTHER_NUMBER), reply="hangup", remark="why"
    )
    attempts = Attempts(own, ACCOUNT)
    attempts.record_answer(attempts.begin(message(), asks="1", flow=FLOW), AttemptState.ACCEPTED, "s-1000")
    run = Guards(own, ACCOUNT).begin_run([message(OTHER_NUMBER)], 17, joint=True, once=ONCE)
    runs.end_run(own, run)
    attempts.begin(message(message_id="m-1"))
    own.execute_many("UPDATE calls SET currency = ? WHERE client_request_id = 'm-1'", [("E\0R",)])
    begin_broadcast(own, RowState.ACCEPTED, RowState.PLANNED, RowState.SENDING)
    own.execute_many(
        "INSERT INTO replaced_webhooks VALUES (?, ?, 'VSS', 'https://ours', 'https://before', 1, 0)",
        [ACCOUNT],
    )
    own.execute_many("INSERT INTO dropped_webhooks VALUES (?, ?, 'VCA', NULL)", [ACCOUNT])
    own.execute_many("INSERT INTO former_base_urls VALUES (?, ?, 'https://voice.8x8.com/')", [ACCOUNT])

    done = copy_store(own, shared)
    assert added(done) == {
        "former URLs": 1,
        "events": 1101,
        "unsubscribed": 1,
        "runs": 1,
        "broadcasts": 1,
        "broadcast rows": 3,
        "calls": 2,
        "webhooks": 1,
    }
    assert not any(copied.different for copied in done)
    in_order = "SELECT received, type, session, key, times, reply, remark, body FROM events ORDER BY id"
    assert list(shared.rows(in_order)) == list(own.rows(in_order))
    for query in (
        "SELECT run - run, base_url, subaccount, client_request_id, fingerprint FROM guards",
        "SELECT * FROM dropped_webhooks",
        "SELECT * FROM unsubscribed",
    ):
        assert list(shared.rows(query)) == list(own.rows(query))
    [asking, plain] = attempts_where(shared, "ORDER BY id")
    assert sealed_flow(shared, asking) == FLOW
    assert (plain.client_request_id, plain.currency) == ("m-1", "E\ufffdR")  # a text has no NUL there

    again = copy_store(own, shared)
    assert (added(again), [copied.rows for copied in again]) == ({}, [copied.rows for copied in done])
    assert list(shared.rows("SELECT count(*) FROM dropped_webhooks")) == [(1,)]


def test_a_broadcast_goes_on_there_as_it_was_interrupted(own: SqliteStore, shared: Store) -> None:
    begun = begin_broadcast(own, RowState.ACCEPTED, RowState.PLANNED, RowState.SENDING)
    copy_store(own, shared)
    there = broadcasts.find(shared, begun.id)
    assert there[1:-2] == begun[1:-2]
    assert there.state is BroadcastState.STOPPED  # until a person says so
    assert sealing.unseal(shared, there.sealed, begun.id.encode()) == b"what people hear"
    assert states(shared, begun.id) == [
        (RowState.ACCEPTED, None),
        (RowState.PLANNED, None),
        (RowState.UNKNOWN, "it was interrupted"),
    ]
    assert broadcasts.find(own, begun.id) == begun


def test_what_was_sent_before_counts_there(own: SqliteStore, shared: Store) -> None:
    begin_broadcast(own, RowState.PLANNED)
    Guards(own, ACCOUNT).claim(message(), ONCE)
    copy_store(own, shared)
    with pytest.raises(PlacedBefore):
        Guards(shared, ACCOUNT).claim(message(), ONCE)
    with pytest.raises(CalledTooOften):
        contacts.refuse_too_often(shared, destinations(message().callflow), AtMost(1, timedelta(days=1)))
    Guards(shared, ACCOUNT).claim(message(text="something else"), ONCE)
    with pytest.raises(PlacedBefore):
        broadcasts.refuse_repetition(
            shared, fingerprints=former_keys.fingerprints(shared, LIST), account=ACCOUNT, shard=(1, 1)
        )


def test_whom_somebody_allowed_since_stays_allowed(own: SqliteStore, shared: Store) -> None:
    def unsubscribe(number: str, session: str) -> None:
        keep(own.folder, event("VSS", "COMPLETED_UNSUBSCRIBED", session, number=number))

    unsubscribe(NUMBER, "s-1")
    unsubscribe(OTHER_NUMBER, "s-2")
    assert unsubscribed.allow(own, OTHER_NUMBER)
    copy_store(own, shared)
    assert unsubscribed.numbers(shared) == {NUMBER}
    assert unsubscribed.allow(shared, NUMBER)
    copy_store(own, shared)
    assert unsubscribed.numbers(shared) == set()
    unsubscribe(NUMBER, "s-3")
    copy_store(own, shared)
    assert unsubscribed.numbers(shared) == {NUMBER}


@pytest.mark.parametrize("is_called_before", [False, True])
def test_whom_a_summary_is_about_may_become_known_there(
    own: SqliteStore, shared: Store, is_called_before: bool
) -> None:
    summary = event("VSS", "UNSUBSCRIBED_CONTACT", "s-1", number="", clientRequestId="m-9")
    keep(own.folder, {**summary, "payload": {**summary["payload"], "destination": "", "legs": []}})
    keep(own.folder, event("VCS", "CALL_CONNECTED", "s-2"))
    unsubscribed.update(own)
    keep_in(shared, event("VCS", "CALL_CONNECTED", "s-3"))  # so that numbers are others there
    if is_called_before:
        Attempts(shared, ACCOUNT).begin(message(message_id="m-9"))
        copy_store(own, shared)
    else:
        copy_store(own, shared)
        assert unsubscribed.numbers(shared) == set()
        Attempts(shared, ACCOUNT).begin(message(message_id="m-9"))
    assert unsubscribed.numbers(shared) == {NUMBER}


def asking_for_stop(own: SqliteStore, *, is_answered: bool) -> None:
    attempts = Attempts(own, ACCOUNT)
    call = attempts.begin(message(message_id="m-9"), asks="1", key_names="1=yes,9=stop")
    if is_answered:
        attempts.record_answer(call, AttemptState.ACCEPTED, "s-1")


def test_whose_key_it_was_may_become_known_there_and_is_told_once(own: SqliteStore, shared: Store) -> None:
    asking_for_stop(own, is_answered=False)
    nobody = {"destination": None, "source": None, "clientActionId": None}
    keep(own.folder, event("VCA", "ACTION_COMPLETED", "s-1", digits="9", **nobody))
    copy_store(own, shared)
    assert unsubscribed.numbers(shared) == set()
    keep_in(shared, event("VSS", "COMPLETED", "s-1", clientRequestId="m-9"))
    assert unsubscribed.numbers(shared) == {NUMBER}
    assert unsubscribed.allow(shared, NUMBER)
    copy_store(own, shared)
    assert unsubscribed.numbers(shared) == set()


@pytest.mark.parametrize("kind", ["VSS", "VCA"])
def test_who_unsubscribes_as_a_copy_begins_is_not_called_from_there(
    own: SqliteStore, shared: Store, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    asking_for_stop(own, is_answered=True)

    def come_now(_: Store) -> None:
        status = "COMPLETED_UNSUBSCRIBED" if kind == "VSS" else "ACTION_COMPLETED"
        keep(own.folder, event(kind, status, "s-1", number=NUMBER, digits="9"))

    monkeypatch.setattr(attempt_outcomes, "update_outcomes", come_now)
    copy_store(own, shared)
    assert unsubscribed.numbers(shared) == {NUMBER}


def test_who_was_called_since_is_not_called_again_from_there(own: SqliteStore, shared: Store) -> None:
    begun = begin_broadcast(own, RowState.PLANNED, RowState.PLANNED, RowState.PLANNED)
    copy_store(own, shared)
    advance(own, begun, 2, RowState.ACCEPTED)
    advance(own, begun, 3, RowState.ACCEPTED)
    advance(
        shared, broadcasts.find(shared, begun.id), 3, RowState.UNKNOWN, attempts=2
    )  # it knows more of that
    done = copy_store(own, shared)
    [rows] = [copied for copied in done if copied.kind == "broadcast rows"]
    assert rows == Copied("broadcast rows", 3, 0, updated=1, different=1)
    found = [state for state, _ in states(shared, begun.id)]
    assert found == [RowState.ACCEPTED, RowState.UNKNOWN, RowState.PLANNED]


def advance(
    store: Store, broadcast: broadcasts.Broadcast, line: int, state: RowState, *, attempts: int = 1
) -> None:
    with store.transaction() as transaction:
        transaction(
            "UPDATE broadcast_rows SET state = ?, attempts = ?, changed = ? WHERE broadcast = ? AND line = ?",
            (state, attempts, now(), broadcast.number, line),
        )


def test_what_became_of_a_request_that_was_under_way_is_brought_later(
    own: SqliteStore, shared: Store
) -> None:
    attempts = Attempts(own, ACCOUNT)
    number = attempts.begin(message())
    copy_store(own, shared)
    attempts.record_answer(number, AttemptState.ACCEPTED, "s-1")
    copy_store(own, shared)
    [call] = attempts_where(shared, "")
    assert (call.state, call.session_id) == (AttemptState.ACCEPTED, "s-1")


def test_what_came_there_in_another_way_stays(own: SqliteStore, shared: Store) -> None:
    """8x8 has sent it to a listener of the team, too, when its address was changed."""
    document = event("VCS", "CALL_CONNECTED", "s-1")
    keep(own.folder, document, reply="hangup")
    keep_in(shared, document, times=3)
    keep_in(shared, event("VCS", "CALL_CONNECTED", "s-2"))
    done = copy_store(own, shared)
    assert {copied for copied in done if copied.rows} == {Copied("events", 1, 0, updated=1, different=1)}
    query = "SELECT session, times, reply FROM events ORDER BY id"
    assert list(shared.rows(query)) == [("s-1", 3, "hangup"), ("s-2", 1, None)]


@pytest.mark.parametrize("begin", ["a run", "a broadcast"])
def test_nothing_is_copied_while_somebody_calls(own: SqliteStore, shared: Store, begin: str) -> None:
    keep_a_call(own.folder)
    if begin == "a run":
        Guards(own, ACCOUNT).begin_run([message()], 17, joint=True, once=ONCE)
    else:
        journal = Journal.open(own, begin_broadcast(own, RowState.PLANNED))
    with pytest.raises(InUse):
        copy_store(own, shared)
    assert list(shared.rows("SELECT id FROM events")) == []
    if begin == "a broadcast":
        journal.close()
        assert added(copy_store(own, shared))["broadcasts"] == 1


def test_a_row_that_is_missing_in_the_end_is_told(own: SqliteStore, shared: Store, team: StorePlace) -> None:
    keep_a_call(own.folder)

    def lose_one(copied: Copied) -> None:
        if copied.kind == "events":
            with open_store(team) as other, other.transaction() as transaction:
                transaction("DELETE FROM events WHERE id = (SELECT max(id) FROM events)")

    with pytest.raises(StoreFailed, match="one is missing"):
        copy_store(own, shared, lose_one)
    copy_store(own, shared)


class _Killed(BaseException):
    pass


def test_an_interrupted_copy_is_done_again(own: SqliteStore, shared: Store) -> None:
    """Wherever it was interrupted: at the end it is as if nothing had happened."""
    for number in range(3):
        keep_a_call(own.folder, f"s-{number}")
    begun = begin_broadcast(own, RowState.ACCEPTED, RowState.PLANNED)
    Attempts(own, ACCOUNT).begin(message())
    steps = 0

    def kill(_: Copied) -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            raise _Killed

    at = 1
    while True:
        steps = 0
        try:
            done = copy_store(own, shared, kill)
        except _Killed:
            at += 1
        else:
            break
    assert at > 4
    assert added(done) == {}
    assert not any(copied.different for copied in done)
    assert [state for state, _ in states(shared, begun.id)] == [RowState.ACCEPTED, RowState.PLANNED]
    assert broadcasts.find(shared, begun.id).state is BroadcastState.STOPPED
