"""The store, looked at again: its events, the sessions they tell of, and what is deleted for good."""

import signal
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from past import OTHER, SESSION, event, keep, keep_a_call, place

from voicecli import interrupts
from voicecli.errors import InvalidInput
from voicecli.sessions.attempt import AttemptState
from voicecli.sessions.session import SessionRecord
from voicecli.store import event_queries as stored_events, paging, pruning, session_queries as stored_sessions
from voicecli.store.read_positions import last_event_number
from voicecli.store.sqlite import SqliteStore

NOW = 1 << 62  # later than anything


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that everything takes several pages, and several steps."""
    monkeypatch.setattr(paging, "PAGE", 2)
    monkeypatch.setattr(pruning, "STEP", 2)


def listed(home: Path, since: int = 0) -> list[str]:
    with SqliteStore(home) as store:
        return [
            one.session.id or one.session.client_request_id
            for one in stored_sessions.sessions(store, since=since)
        ]


def found(home: Path, beginning: str) -> SessionRecord:
    with SqliteStore(home) as store:
        return stored_sessions.session(store, beginning)


# -- events ------------------------------------------------------------------------------------------


def test_events_come_in_the_order_in_which_they_arrived(tmp_path: Path) -> None:
    for ago in (50, 40, 30, 20, 10):
        keep(tmp_path, event("VCS", "CALL_INITIATED"), ago=ago)
    with SqliteStore(tmp_path) as store:
        assert last_event_number(store) == 5
        assert [kept.id for kept in stored_events.events_since(store, 0)] == [1, 2, 3, 4, 5]
        middle = next(stored_events.events_after(store, 2))
        assert [kept.id for kept in stored_events.events_since(store, middle.received)] == [3, 4, 5]
        assert [kept.id for kept in stored_events.newest_events(store)] == [5, 4, 3, 2, 1]
        assert [kept.id for kept in stored_events.events_after(store, 2)] == [3, 4, 5]


def test_an_event_is_found_by_its_number_with_its_bytes(tmp_path: Path) -> None:
    body = b'{"eventType":"CALL_ACTION", "payload":{"sessionId":"s", "eventData":"7" }}'
    keep(tmp_path, body, reply="say, hangup")
    with SqliteStore(tmp_path) as store:
        kept = stored_events.find_event(store, 1)
        assert kept is not None
        assert (kept.body, kept.event.words, kept.reply) == (body, "digit 7", "say, hangup")
        assert stored_events.find_event(store, 2) is None
        assert stored_events.find_event(store, -1) is None


def test_an_empty_store_has_nothing(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        assert last_event_number(store) == 0
        assert list(stored_events.newest_events(store)) == list(stored_sessions.sessions(store)) == []
        assert pruning.count_older(store, NOW) == (0, 0)
        assert list(pruning.prune(store, NOW)) == [(0, 0), (0, 0)]


# -- sessions ----------------------------------------------------------------------------------------


def test_sessions_are_listed_newest_first_whether_placed_or_seen(tmp_path: Path) -> None:
    keep_a_call(tmp_path, "seen-1", ago=100)
    place(tmp_path, AttemptState.ACCEPTED, "placed-1", ago=90)
    keep_a_call(tmp_path, "placed-1", ago=89)
    keep_a_call(tmp_path, "seen-2", ago=80)
    place(tmp_path, AttemptState.ACCEPTED, "placed-2", ago=70)
    place(tmp_path, AttemptState.UNKNOWN, request_id="in-doubt", ago=60)
    assert listed(tmp_path) == ["in-doubt", "placed-2", "seen-2", "placed-1", "seen-1"]


def test_a_session_has_its_place_by_its_start_not_by_its_last_event(tmp_path: Path) -> None:
    keep(tmp_path, event("VCS", "CALL_INITIATED", "long"), ago=100)
    keep_a_call(tmp_path, "short", ago=50)
    keep(tmp_path, event("VSS", "COMPLETED", "long"), ago=1)
    assert listed(tmp_path) == ["short", "long"]


def test_since_counts_from_the_start(tmp_path: Path) -> None:
    place(tmp_path, AttemptState.ACCEPTED, "placed", ago=100)
    keep_a_call(tmp_path, "old", ago=100)
    place(tmp_path, AttemptState.ACCEPTED, "new", ago=50)
    keep_a_call(tmp_path, "seen", ago=40)
    with SqliteStore(tmp_path) as store:
        [start, *_] = [
            one.session.start for one in stored_sessions.sessions(store) if one.session.id == "new"
        ]
    assert listed(tmp_path, since=start) == ["seen", "new"]


def test_what_is_of_no_session_is_no_session(tmp_path: Path) -> None:
    keep(tmp_path, event("VNU", ""))
    assert listed(tmp_path) == []


def test_a_call_in_doubt_is_the_session_whose_summary_names_it(tmp_path: Path) -> None:
    place(tmp_path, AttemptState.UNKNOWN, request_id="disk-1", ago=60)
    keep(tmp_path, event("VSS", "BUSY", clientRequestId="disk-1"), ago=50)
    keep(tmp_path, event("VSS", "BUSY", OTHER, clientRequestId="another"), ago=40)
    assert listed(tmp_path) == [OTHER, SESSION]
    for beginning in (SESSION, "disk"):
        session = found(tmp_path, beginning).session
        assert (session.id, session.status, session.answer) == (SESSION, "BUSY", "accepted")
    assert found(tmp_path, OTHER).session.attempt is None


def test_a_call_in_doubt_that_nobody_reported_is_found_by_its_request(tmp_path: Path) -> None:
    place(tmp_path, AttemptState.SENDING, request_id="disk-1")
    session = found(tmp_path, "disk-1").session
    assert (session.id, session.status) == ("", "UNKNOWN")


def test_the_beginning_of_an_id_is_enough(tmp_path: Path) -> None:
    keep_a_call(tmp_path, "abc-1", ago=10)
    place(tmp_path, AttemptState.ACCEPTED, "xyz-1", request_id="mine")
    assert [kept.event.type for kept in found(tmp_path, "a").events] == ["VCS", "VCS", "VCA", "VSS"]
    assert found(tmp_path, "xyz").session.id == found(tmp_path, "mi").session.id == "xyz-1"


def test_a_whole_id_is_meant_even_where_another_goes_on(tmp_path: Path) -> None:
    for session in ("abc", "abc-1"):
        keep_a_call(tmp_path, session, ago=10)
    assert found(tmp_path, "abc").session.id == "abc"
    place(tmp_path, AttemptState.UNKNOWN, request_id="same", number="+33199005678", ago=20)
    place(tmp_path, AttemptState.UNKNOWN, request_id="same", ago=10)
    place(tmp_path, AttemptState.UNKNOWN, request_id="same-2")
    assert found(tmp_path, "same").session.destination == "+33199001234"


def test_a_whole_request_is_meant_even_where_a_session_begins_so(tmp_path: Path) -> None:
    keep_a_call(tmp_path, "disk-session", ago=10)
    place(tmp_path, AttemptState.UNKNOWN, request_id="disk")
    assert found(tmp_path, "disk").session.status == "UNKNOWN"
    with pytest.raises(InvalidInput) as refused:
        found(tmp_path, "dis")
    assert refused.value.hint == "Give more of it: disk-session, disk"


def test_an_ambiguous_beginning_names_the_candidates(tmp_path: Path) -> None:
    keep_a_call(tmp_path, "abc-1", ago=10)
    place(tmp_path, AttemptState.ACCEPTED, "abc-2")
    with pytest.raises(InvalidInput, match="Several sessions begin with 'ab'") as refused:
        found(tmp_path, "ab")
    assert refused.value.hint == "Give more of it: abc-1, abc-2"
    for number in range(20):
        keep(tmp_path, event("VSS", "BUSY", f"x-{number:02}"))
    with pytest.raises(InvalidInput) as refused:
        found(tmp_path, "x")
    assert refused.value.hint.endswith("x-06, x-07, …")


@pytest.mark.parametrize("beginning", ["", "%", "_", "*", "'", "5a3eab76 ", "ü", "\udcff", "\U0010ffff"])
def test_what_no_session_begins_with_is_refused(tmp_path: Path, beginning: str) -> None:
    keep_a_call(tmp_path, ago=10)
    with pytest.raises(InvalidInput):
        found(tmp_path, beginning)


# -- figures -----------------------------------------------------------------------------------------


def test_each_call_counts_once(tmp_path: Path) -> None:
    keep_a_call(tmp_path, "done", ago=10)
    keep(tmp_path, event("VSS", "COMPLETED", "done", lastAction="HANGUP"))  # in another form
    keep(tmp_path, event("VSS", "ERROR", "wrong"))
    keep(tmp_path, event("VCS", "CALL_INITIATED", "heard of"))
    place(tmp_path, AttemptState.ACCEPTED, "silent")
    place(tmp_path, AttemptState.UNKNOWN, request_id="resolved", ago=1)
    keep(tmp_path, event("VSS", "BUSY", "resolved", clientRequestId="resolved"))
    place(tmp_path, AttemptState.UNKNOWN, request_id="in-doubt")
    with SqliteStore(tmp_path) as store:
        figures = stored_sessions.statistics(store, 0)
    assert figures.outcomes == {"COMPLETED": 1, "ERROR": 1, "BUSY": 1}
    assert (figures.ended, figures.answered, figures.open, figures.in_doubt) == (3, 1, 2, 1)
    assert figures.errors == {(-2004, "no coverage for the requested area (-2004)"): 1}


def test_a_later_summary_is_what_counts(tmp_path: Path) -> None:
    later, earlier = "2026-11-28T04:00:01Z", "2026-11-28T04:00:00Z"
    keep(tmp_path, event("VSS", "NO_ANSWER", endTime=earlier), ago=100)
    keep(tmp_path, event("VSS", "COMPLETED", endTime=later), ago=50)
    keep(tmp_path, event("VSS", "COMPLETED", OTHER, endTime=later), ago=100)
    keep(tmp_path, event("VSS", "NO_ANSWER", OTHER, endTime=earlier), ago=50)
    with SqliteStore(tmp_path) as store:
        assert stored_sessions.statistics(store, 0).outcomes == {"COMPLETED": 2}
        middle = stored_events.events_of_session(store, OTHER)[0].received + 1
        assert stored_sessions.statistics(store, middle).outcomes == {"COMPLETED": 2}
        assert [one.session.outcome for one in stored_sessions.sessions(store)] == ["COMPLETED"] * 2


def test_a_signal_ends_what_reads_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_a_call(tmp_path)
    with SqliteStore(tmp_path) as store:
        for read in (
            partial(stored_sessions.statistics, store, 0),
            lambda: next(stored_sessions.sessions(store)),
        ):
            monkeypatch.setattr(interrupts, "_signals", interrupts._Signals())
            interrupts.note(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                read()


# -- what is old -------------------------------------------------------------------------------------


def test_what_is_older_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    for number in range(5):
        keep_a_call(tmp_path, f"old-{number}", ago=1_000)
        place(tmp_path, AttemptState.ACCEPTED, f"old-{number}", ago=1_000)
    keep_a_call(tmp_path, "new", ago=100)
    place(tmp_path, AttemptState.ACCEPTED, "new", ago=101)
    with SqliteStore(tmp_path) as store:
        before = next(stored_sessions.sessions(store)).session.start
        assert pruning.count_older(store, before) == (20, 5)
        rests: list[float] = []
        steps = list(pruning.prune(store, before, rest=rests.append))
        assert len(rests) == len(steps)
        assert (sum(events for events, _ in steps), sum(calls for _, calls in steps)) == (20, 5)
        assert max(events + calls for events, calls in steps) == 2
        assert pruning.count_older(store, NOW) == (4, 1)
    assert listed(tmp_path) == ["new"]


@pytest.mark.of_the_file
def test_between_two_steps_others_can_write(tmp_path: Path) -> None:
    for number in range(4):
        keep_a_call(tmp_path, f"old-{number}", ago=1_000)
    with SqliteStore(tmp_path) as store:
        for _ in pruning.prune(store, NOW):
            database = sqlite3.connect(tmp_path / "voicecli.sqlite3", timeout=0, isolation_level=None)
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
            database.close()


@pytest.mark.of_the_file
def test_nothing_of_it_is_left_on_the_disk(tmp_path: Path) -> None:
    keep_a_call(tmp_path, "s-1", ago=1_000, number="+33199007777")
    place(tmp_path, AttemptState.ACCEPTED, "s-1", number="+33199007777", ago=1_000)
    keep_a_call(tmp_path, "s-2")
    with SqliteStore(tmp_path) as store:
        assert b"33199007777" in content(tmp_path)
        list(pruning.prune(store, next(stored_sessions.sessions(store)).session.start))
        assert b"33199007777" not in content(tmp_path)
        assert b"33199001234" in content(tmp_path)


def content(home: Path) -> bytes:
    """All that is in the store's files."""
    return b"".join(path.read_bytes() for path in home.iterdir())


def test_a_summary_that_names_a_request_is_found(tmp_path: Path) -> None:
    keep(tmp_path, event("VSS", "BUSY", clientRequestId="mine-2"), ago=50)
    keep(tmp_path, event("VCS", "CALL_CONNECTED", "another", clientRequestId="mine"), ago=40)
    keep(tmp_path, event("VSS", "BUSY", OTHER, clientRequestId="mine"), ago=30)
    with SqliteStore(tmp_path) as store:
        assert stored_events.session_of_request(store, "mine", after=0) == OTHER
        assert stored_events.session_of_request(store, "min", after=0) is None
        last = next(stored_events.newest_events(store)).id
        assert stored_events.session_of_request(store, "mine", after=last) is None
    keep(tmp_path, event("VSS", "BUSY", "late", clientRequestId="mine"), ago=5_000)  # the clock was set back
    with SqliteStore(tmp_path) as store:
        assert stored_events.session_of_request(store, "mine", after=last) == "late"
