"""What the store promises (see voicecli/store/__init__.py), asked of each engine: with two processes, with
commits that take their time, and with processes that are killed."""

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import engines
import pytest
from conftest import DEADLINE
from engines import ENGINES, Engine, Other
from past import event as document, kept
from store_writes import (
    ACCOUNT,
    NUMBER,
    ONCE,
    SHORT,
    WEBHOOK,
    WRITES,
    Contents,
    Write,
    contents,
    event,
    fill,
    journal,
    message,
    take_row,
)

from voicecli.account import AccountId
from voicecli.clock import now
from voicecli.errors import (
    ConfigurationError,
    InUse,
    PlacedBefore,
    StoreBusy,
    StoreFailed,
    VoicecliError,
    is_store_busy,
)
from voicecli.sessions.attempt import AttemptState
from voicecli.store import (
    attempt_outcomes,
    event_queries as stored_events,
    paging,
    pruning,
    runs,
    webhooks,
)
from voicecli.store.attempts import Attempts
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.engine import Store
from voicecli.store.event_recording import Recorded, record_events
from voicecli.store.following import Follower
from voicecli.store.guards import Guards
from voicecli.store.journals import create_journal
from voicecli.store.webhooks import ReplacedWebhook


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return engines.make(request.param, request)


@pytest.fixture(scope="module")
def model(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with something of everything."""
    home = tmp_path_factory.mktemp("model") / "store"
    with engine.open(home) as store:
        fill(store)
    yield home
    engine.release(home)


@pytest.fixture
def home(engine: Engine, model: Path, tmp_path: Path) -> Iterator[Path]:
    engine.copy(model, tmp_path / "store")
    yield tmp_path / "store"
    engine.release(tmp_path / "store")


@pytest.fixture
def store(engine: Engine, home: Path) -> Iterator[Store]:
    with engine.open(home) as store:
        yield store


@pytest.fixture(
    params=[name if name in SHORT else pytest.param(name, marks=pytest.mark.soak) for name in WRITES]
)
def write(request: pytest.FixtureRequest) -> Write:
    return WRITES[request.param]


# -- every write --------------------------------------------------------------------------------------


def test_until_its_commit_nothing_of_a_write_is_there_and_then_all(
    engine: Engine, home: Path, store: Store, write: Write
) -> None:
    """Who looks meanwhile is not held up."""
    before = contents(store)
    other = Other(engine, home, write, stops="before")
    other.reach()
    assert contents(store) == before
    with engine.impatient(), engine.open(home) as another:
        assert contents(another) == before
        if not (store.is_shared and write in (take_row, WRITES["keep an unsubscribed"])):  # else beside it
            with pytest.raises(StoreBusy):
                record_events(another, [event(9)])
    other.go()
    told = other.result()
    assert "Error" not in str(told), told
    with engine.open(home) as another:
        assert contents(another) == contents(store)


def test_a_process_that_is_killed_leaves_nothing_before_its_commit_and_everything_after_it(
    engine: Engine, home: Path, store: Store, write: Write
) -> None:
    before = contents(store)
    other = Other(engine, home, write, stops="before")
    other.reach()
    other.kill()
    assert contents(store) == before
    assert store.find_damage() is None
    engine.end_locks_of_killed(home)
    other = Other(engine, home, write, stops="after")  # the one before is in nobody's way
    other.reach()
    other.kill()
    after = contents(store)
    assert {table: len(rows) for table, rows in after.items()} == expected_sizes(before, write)
    assert after != before


def expected_sizes(before: Contents, write: Write) -> dict[str, int]:
    """How many rows each table has after it."""
    [name] = [name for name, one in WRITES.items() if one is write]
    more = {
        "record events": {"events": 2},
        "count an event once more": {"events": 2},
        "begin an attempt": {"calls": 1},
        "claim a call": {"calls": 1},
        "begin a run": {"runs": 1, "guards": 1},
        "keep an unsubscribed": {"unsubscribed": 1},
        "allow an unsubscribed": {"unsubscribed": -1},
        "remember a webhook": {"replaced_webhooks": 1},
        "forget a webhook": {"replaced_webhooks": -1},
        "claim a row": {"calls": 1},
    }.get(name, {})
    return {table: len(rows) + more.get(table, 0) for table, rows in before.items()}


def test_on_a_full_disk_nothing_of_a_write_is_there_and_it_says_so(
    engine: Engine, home: Path, store: Store, write: Write
) -> None:
    before = contents(store)
    for at in range(1, 50):
        with engine.full_disk() as disk, engine.open(home) as another:
            disk.fill(at)
            try:
                write(another)
                break
            except VoicecliError as error:
                told = error
        assert contents(store) == before, f"write {at}"
        assert "full" in told.message or "space" in told.message
        assert isinstance(told, (StoreFailed, ConfigurationError))
        assert not is_store_busy(told)
    assert 1 < at < 50


def test_a_write_waits_for_another_process_and_gives_up_in_time(
    engine: Engine, home: Path, store: Store, write: Write
) -> None:
    before = contents(store)
    other = Other(engine, home, lambda store: runs.renew_lease(store, 99), stops="before")
    other.reach()
    with engine.impatient(), engine.open(home) as another, pytest.raises(StoreBusy) as caught:
        write(another)
    assert is_store_busy(caught.value)
    assert contents(store) == before
    other.go()
    assert other.result() is False
    write(store)


def test_a_write_on_a_store_that_was_removed_fails(
    engine: Engine, home: Path, store: Store, write: Write
) -> None:
    engine.remove(home)
    with pytest.raises(StoreFailed, match=engine.undone):
        write(store)


# -- opening -----------------------------------------------------------------------------------------


def test_processes_that_open_a_new_store_at_once_all_can(engine: Engine, tmp_path: Path) -> None:
    home = tmp_path / "new"
    engine.make_room(home)
    others = [
        Other(engine, home, lambda store, number=number: record_events(store, [event(number)]))
        for number in range(6)
    ]
    numbers = sorted(one.id for other in others for one in other.result())
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_a_store_of_a_newer_voicecli_is_refused_and_left_alone(engine: Engine, home: Path) -> None:
    engine.make_newer(home)
    with pytest.raises(ConfigurationError, match="newer voicecli"):
        engine.open(home)
    with engine.open(home, accept_newer=True) as store:  # a listener that runs since before
        assert record_events(store, [event(3)]) == [Recorded(3, 1)]


# -- events ------------------------------------------------------------------------------------------


def test_events_are_kept_once_each_and_numbered_in_order(engine: Engine, tmp_path: Path) -> None:
    with engine.open(tmp_path) as store:
        assert record_events(store, [event(1), event(2)]) == [Recorded(1, 1), Recorded(2, 1)]
        third, first, fourth, again = record_events(store, [event(3), event(1), event(4), event(1)])
        assert (first, again) == (Recorded(1, 2), Recorded(1, 3))
        assert (third.times, fourth.times) == (1, 1)
        assert 2 < third.id < fourth.id
        [other] = record_events(store, [event(1, session="another")])
        assert (other.id > fourth.id, other.times) == (True, 1)


def test_two_that_keep_the_same_event_at_once_keep_one(engine: Engine, home: Path, store: Store) -> None:
    others = [Other(engine, home, lambda store: record_events(store, [event(7)])) for _ in range(4)]
    recorded = [one for other in others for one in other.result()]
    assert len({one.id for one in recorded}) == 1
    assert sorted(one.times for one in recorded) == [1, 2, 3, 4]


def test_the_number_of_a_deleted_event_is_not_given_to_another(engine: Engine, tmp_path: Path) -> None:
    with engine.open(tmp_path) as store:
        record_events(store, [event(1), event(2)])
        list(pruning.prune(store, now(), rest=lambda _: None))
        assert record_events(store, [event(3)]) == [Recorded(3, 1)]


def test_who_follows_misses_no_event_however_long_commits_take(engine: Engine, tmp_path: Path) -> None:
    """Numbers are given in the order of commits: none turns up below one that was read."""
    processes, each = 4, 15
    home = tmp_path / "followed"
    engine.open(home).close()

    def write(store: Store, process: int) -> str:
        for number in range(each):
            record_events(store, [event(number, f"s-{process}")])
        return "done"

    others = [
        Other(engine, home, partial(write, process=process), delay=0.004) for process in range(processes)
    ]
    seen: list[int] = []
    with engine.open(home) as store:
        follower, end = Follower(store, every=0.002), time.monotonic() + DEADLINE
        while len(seen) < processes * each and time.monotonic() < end:
            seen += [kept.id for kept in stored_events.events_after(store, seen[-1] if seen else 0)]
            follower.wait()
    assert [other.result() for other in others] == ["done"] * processes
    assert seen == list(range(1, processes * each + 1))


def test_who_looks_slowly_holds_nobody_up_and_misses_nothing(
    engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", 1)
    with engine.impatient(), engine.open(home) as store, engine.open(home) as another:
        looking = stored_events.events_after(store, 0)
        assert next(looking).id == 1
        record_events(another, [event(3)])
        assert [kept.id for kept in looking] == [2, 3]


# -- attempts, guards and runs -----------------------------------------------------------------------


def test_of_those_that_claim_a_call_at_once_one_gets_it(engine: Engine, home: Path) -> None:
    def claim(store: Store) -> str:
        won = []
        for number in range(5):
            try:
                Guards(store, ACCOUNT).claim(message(f"round-{number}"), ONCE)
                won.append(str(number))
            except PlacedBefore:
                pass
        return " ".join(won)

    others = [Other(engine, home, claim) for _ in range(4)]
    assert Counter(" ".join(other.result() for other in others).split()) == dict.fromkeys("01234", 1)


@pytest.mark.parametrize("is_killed", [True, False])
def test_who_is_killed_before_the_commit_has_claimed_nothing(
    engine: Engine, home: Path, store: Store, is_killed: bool
) -> None:
    first = Other(engine, home, WRITES["claim a call"], stops="before")
    first.reach()
    second = Other(engine, home, WRITES["claim a call"])
    if is_killed:
        first.kill()
        assert isinstance(second.result(), int)
    else:
        first.go()
        assert isinstance(first.result(), int)
        assert second.result().startswith("PlacedBefore: The same call may have been placed at")


def test_a_claim_that_is_on_the_disk_holds_though_its_process_was_killed(
    engine: Engine, home: Path, store: Store
) -> None:
    first = Other(engine, home, WRITES["claim a call"], stops="after")
    first.reach()
    first.kill()
    with pytest.raises(PlacedBefore, match="nobody knows how it ended"):
        WRITES["claim a call"](store)


def test_a_run_that_another_has_ended_places_nothing_more(engine: Engine, home: Path, store: Store) -> None:
    assert runs.renew_lease(store, 1)
    assert Other(engine, home, WRITES["end a run"]).result() is None
    assert not runs.renew_lease(store, 1)
    before = contents(store)
    with pytest.raises(PlacedBefore, match="has taken over"):
        WRITES["begin an attempt"](store)
    assert contents(store) == before


def test_several_that_read_outcomes_at_once_tell_the_same(
    engine: Engine, home: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_outcomes, "_PAGE", 2)
    attempts = Attempts(store, ACCOUNT)
    for number in range(5):
        attempts.record_answer(attempts.begin(message(f"m-{number}")), AttemptState.ACCEPTED, f"s-{number}")
        record_events(store, [kept(document("VSS", "BUSY", f"s-{number}"))])
    others = [Other(engine, home, attempt_outcomes.update_outcomes) for _ in range(4)]
    assert [other.result() for other in others] == [None] * 4
    ended = list(store.rows("SELECT outcome FROM calls WHERE session IS NOT NULL"))
    assert ended == [("BUSY",)] * 5


# -- broadcasts --------------------------------------------------------------------------------------


def test_one_process_at_a_time_works_on_a_broadcast_until_it_is_killed(
    engine: Engine, home: Path, store: Store
) -> None:
    other = Other(engine, home, take_row, stops="after")
    other.reach()
    with pytest.raises(InUse, match="worked on by "):
        take_row(store)
    other.kill()
    engine.end_locks_of_killed(home)
    assert take_row(store)


def test_of_those_that_plan_the_same_list_at_once_one_may_call(engine: Engine, home: Path) -> None:
    def plan(store: Store) -> str:
        ours = create_journal(
            store, account=ACCOUNT, file="", fingerprint=b"new", shard=(1, 1), options={}, content=b"Hello"
        )
        try:
            ours.plan([BroadcastRow(1, NUMBER, RowState.PLANNED)], again=False)
        finally:
            ours.close()
        return "planned"

    others = [Other(engine, home, plan, delay=0.02) for _ in range(4)]
    told = Counter(other.result().partition(":")[0] for other in others)
    assert told == {"planned": 1, "PlacedBefore": 3}


def test_a_row_that_another_has_changed_is_not_claimed(engine: Engine, home: Path, store: Store) -> None:
    """Should the lock have failed: then nothing of the write takes place."""
    with journal(store) as ours:
        second, first = (ours.row(line) for line in (2, 1))
        assert first is not None
        assert second is not None
        changes = [(one, one._replace(state=RowState.SENDING, attempts=1)) for one in (second, first)]
        with engine.open(home) as another:
            another.execute_many("UPDATE broadcast_rows SET attempts = ? WHERE line = ?", [(1, 1)])
        before = contents(store)
        leaving = [Attempts(store, ACCOUNT).row(message(f"b-{line}-1"), line=line) for line in (1, 2)]
        with pytest.raises(InUse, match="Another process has changed rows"):
            ours.write(changes, seen=2, new_attempts=leaving)
        assert contents(store) == before


def test_a_row_is_never_planned_again_once_its_request_may_have_left(
    engine: Engine, home: Path, store: Store
) -> None:
    """The row and its attempt are on the disk together before the request leaves."""
    other = Other(engine, home, take_row, stops="after")
    other.reach()
    other.kill()
    engine.end_locks_of_killed(home)
    with journal(store) as ours:
        ours.mark_interrupted_rows()
        row = ours.row(1)
    assert row is not None
    assert (row.state, row.attempts) == (RowState.UNKNOWN, 1)
    assert list(store.rows("SELECT state FROM calls WHERE line = 1")) == [("sending",)]


# -- webhooks ----------------------------------------------------------------------------------------


def test_replaced_webhooks_are_remembered_until_forgotten(engine: Engine, home: Path) -> None:
    nowhere = ReplacedWebhook(
        "VCA", ("https://own", "https://new"), None, enabled=True, had_authorization=False
    )
    with engine.open(home) as store:
        webhooks.remember_webhook(store, ACCOUNT, nowhere._replace(url="https://wrong"))
        webhooks.remember_webhook(store, ACCOUNT, nowhere)
    with engine.open(home) as store:
        assert webhooks.replaced_webhooks(store, ACCOUNT) == [nowhere, WEBHOOK]
        assert webhooks.replaced_webhooks(store, AccountId(ACCOUNT.service, "another")) == []
        webhooks.forget_webhook(store, ACCOUNT, "VCA")
        assert webhooks.replaced_webhooks(store, ACCOUNT) == [WEBHOOK]
