"""Who has unsubscribed is not called again, whatever becomes of the events that told so."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from past import NUMBER, OTHER, SESSION, SOURCE, event, keep, keep_a_call, place

from voicecli.errors import StoreBusy
from voicecli.sessions.attempt import AttemptState
from voicecli.store import event_queries as stored_events, pruning, unsubscribed, unsubscribing_events
from voicecli.store.engine import Store
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.codes import Outcome

NOW = 1 << 62  # later than anything
SOMEBODY = "+33199004321"


def known(home: Path) -> set[str]:
    with SqliteStore(home) as store:
        return unsubscribed.numbers(store)


def leg(destination: str, **fields: str) -> dict[str, object]:
    return {"callDirection": "OUTBOUND", "source": SOURCE, "destination": destination, **fields}


# -- who is meant ------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", Outcome)
def test_only_an_outcome_that_says_so_counts(tmp_path: Path, outcome: Outcome) -> None:
    keep(tmp_path, event("VSS", outcome, details={"callA": leg(NUMBER)}))
    assert known(tmp_path) == ({NUMBER} if "UNSUB" in outcome else set())


def test_an_outcome_that_nobody_listed_counts_where_it_says_so(tmp_path: Path) -> None:
    keep(tmp_path, event("VSS", "COMPLETED", sessionStatus="UNSUBSCRIBED_FOR_GOOD"))
    keep(tmp_path, event("VSS", "COMPLETED", OTHER, sessionStatus="Unsubscribed", number=SOMEBODY))
    assert known(tmp_path) == {NUMBER, SOMEBODY}


def test_the_word_elsewhere_in_a_summary_means_nothing(tmp_path: Path) -> None:
    keep(tmp_path, event("VSS", "COMPLETED", clientRequestId="UNSUBSCRIBED"))
    keep(tmp_path, event("VCS", "CALL_CONNECTED", callStatus="COMPLETED_UNSUBSCRIBED"))
    assert known(tmp_path) == set()


@pytest.mark.parametrize("written", ["33199001234", "+33199001234", "0033199001234", "+33 1 99 00 12 34"])
def test_a_number_is_known_however_it_is_written(tmp_path: Path, written: str) -> None:
    keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED", number=written))
    assert known(tmp_path) == {NUMBER}


@pytest.mark.parametrize("first", ["callA", "CallA"])
def test_of_two_that_were_bridged_neither_is_called(tmp_path: Path, first: str) -> None:
    legs = {first: leg(NUMBER), "callB": leg(SOMEBODY)}
    keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED", details=legs))
    assert known(tmp_path) == {NUMBER, SOMEBODY}


@pytest.mark.parametrize("direction", ["direction", "callDirection"])
def test_of_a_call_that_came_in_it_is_whoever_called(tmp_path: Path, direction: str) -> None:
    inbound = {direction: "INBOUND", "source": SOMEBODY, "destination": SOURCE}
    keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED", details={"callA": inbound}))
    assert known(tmp_path) == {SOMEBODY}


# -- a summary without legs --------------------------------------------------------------------------


def test_a_call_that_was_not_placed_is_known_by_our_own_note(tmp_path: Path) -> None:
    place(tmp_path, AttemptState.ACCEPTED, SESSION)
    keep(tmp_path, event("VSS", "UNSUBSCRIBED_CONTACT"))
    assert known(tmp_path) == {NUMBER}


def test_a_call_whose_answer_was_lost_is_known_by_its_request(tmp_path: Path) -> None:
    place(tmp_path, AttemptState.UNKNOWN, request_id="mine")
    place(tmp_path, AttemptState.UNKNOWN, request_id="another", number=SOMEBODY)
    keep(tmp_path, event("VSS", "UNSUBSCRIBED_CONTACT", clientRequestId="mine"))
    assert known(tmp_path) == {NUMBER}


def test_a_summary_that_comes_before_our_note_is_understood_later(tmp_path: Path) -> None:
    keep(tmp_path, event("VSS", "UNSUBSCRIBED_CONTACT"))
    keep(tmp_path, event("VSS", "UNSUBSCRIBED_CONTACT", OTHER, clientRequestId="request-2"))
    assert known(tmp_path) == set()
    place(tmp_path, AttemptState.ACCEPTED, SESSION)
    assert known(tmp_path) == {NUMBER}
    place(tmp_path, AttemptState.UNKNOWN, request_id="request-2", number=SOMEBODY)
    assert known(tmp_path) == {NUMBER, SOMEBODY}
    with SqliteStore(tmp_path) as store:
        assert unsubscribed.allow(store, NUMBER)
        assert unsubscribed.numbers(store) == {SOMEBODY}


def test_of_several_summaries_the_first_moment_is_kept(tmp_path: Path) -> None:
    keep(tmp_path, event("VSS", "UNSUBSCRIBED_CONTACT"), ago=100)
    assert known(tmp_path) == set()
    place(tmp_path, AttemptState.ACCEPTED, SESSION)
    keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED", OTHER), ago=50)
    assert known(tmp_path) == {NUMBER}
    with SqliteStore(tmp_path) as store:
        assert list(store.rows("SELECT session FROM unsubscribed")) == [(SESSION,)]


# -- a person says otherwise -------------------------------------------------------------------------


@pytest.mark.parametrize("written", [NUMBER, NUMBER[1:]])
def test_a_person_can_allow_a_number_until_it_unsubscribes_again(tmp_path: Path, written: str) -> None:
    keep_a_call(tmp_path, SESSION, status="COMPLETED_UNSUBSCRIBED")
    keep_a_call(tmp_path, OTHER, status="COMPLETED_UNSUBSCRIBED", number=SOMEBODY)
    with SqliteStore(tmp_path) as store:
        assert unsubscribed.allow(store, written)
        assert not unsubscribed.allow(store, written)
        assert not unsubscribed.allow(store, "")
        assert unsubscribed.numbers(store) == {SOMEBODY}
    keep_a_call(tmp_path, "a-third", status="UNSUBSCRIBED_CONTACT", details={"callA": leg(NUMBER)})
    assert known(tmp_path) == {NUMBER, SOMEBODY}


def test_who_was_allowed_is_not_brought_back_by_one_who_read_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_a_call(tmp_path, status="COMPLETED_UNSUBSCRIBED")
    people = unsubscribing_events._called

    def slow_people(store: Store, summary: object) -> set[str]:
        with SqliteStore(tmp_path) as other:
            monkeypatch.setattr(unsubscribing_events, "_called", people)
            assert unsubscribed.allow(other, NUMBER)
        return people(store, summary)  # type: ignore[arg-type]

    monkeypatch.setattr(unsubscribing_events, "_called", slow_people)
    assert known(tmp_path) == set()


def test_several_that_read_at_once_agree(tmp_path: Path) -> None:
    for index in range(20):
        keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED", f"s-{index}", number=f"+331990012{index:02}"))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(known, [tmp_path] * 8))
    assert [len(one) for one in found] == [20] * 8


# -- for good ----------------------------------------------------------------------------------------


def test_who_unsubscribed_stays_known_when_the_events_are_deleted(tmp_path: Path) -> None:
    keep_a_call(tmp_path, SESSION, status="COMPLETED_UNSUBSCRIBED", ago=100)
    place(tmp_path, AttemptState.ACCEPTED, OTHER, number=SOMEBODY, ago=90)
    keep(tmp_path, event("VSS", "UNSUBSCRIBED_CONTACT", OTHER), ago=80)
    with SqliteStore(tmp_path) as store:
        assert sum(events for events, _ in pruning.prune(store, NOW)) == 5
        assert pruning.count_older(store, NOW) == (0, 0)
        assert unsubscribed.numbers(store) == {NUMBER, SOMEBODY}
    keep_a_call(tmp_path, "later", status="COMPLETED_UNSUBSCRIBED", number="+33199005678")
    assert known(tmp_path) == {NUMBER, SOMEBODY, "+33199005678"}


def test_what_comes_while_the_old_is_deleted_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STEP", 1)
    keep_a_call(tmp_path, ago=100)
    with SqliteStore(tmp_path) as store:
        steps = pruning.prune(store, NOW)
        next(steps)
        keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED", OTHER), ago=200)
        list(steps)
        assert [kept.event.session_id for kept in stored_events.newest_events(store)] == [OTHER]
        assert unsubscribed.numbers(store) == {NUMBER}


def test_events_are_read_once_and_nobody_who_writes_has_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED"))
    read: list[str] = []
    people = unsubscribing_events._called

    def people_while_others_write(store: Store, summary: object) -> set[str]:
        keep(tmp_path, event("VCS", "CALL_INITIATED", f"session-{len(read)}"))
        read.append("one")
        return people(store, summary)  # type: ignore[arg-type]

    monkeypatch.setattr(unsubscribing_events, "_called", people_while_others_write)
    assert known(tmp_path) == known(tmp_path) == {NUMBER}
    assert read == ["one"]


@pytest.mark.parametrize("is_known", [True, False])
def test_who_has_unsubscribed_is_not_called_though_that_can_not_be_noted(
    tmp_path: Path, is_known: bool
) -> None:
    """The store may be read-only, or held by somebody; then of others it is not known."""
    keep(tmp_path, event("VSS", "COMPLETED_UNSUBSCRIBED", number=NUMBER))
    if is_known:
        assert known(tmp_path) == {NUMBER}
        keep(tmp_path, event("VSS", "BUSY", OTHER))
    with SqliteStore(tmp_path) as store, SqliteStore(tmp_path) as other, other.transaction():
        with store.short_patience():
            assert unsubscribed.first_unsubscribed(store, [SOMEBODY, NUMBER]) == NUMBER
        with store.short_patience(), pytest.raises(StoreBusy):
            unsubscribed.first_unsubscribed(store, [SOMEBODY])
