"""Who presses a key named stop is not called again, whoever placed the call and whoever reads the event."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from past import NUMBER, OTHER, SESSION, SOURCE, event, keep

from voicecli.account import AccountId
from voicecli.phone import PhoneNumber
from voicecli.sessions.attempt import AttemptState
from voicecli.store import pruning, unsubscribed
from voicecli.store.attempt_outcomes import update_outcomes
from voicecli.store.attempts import Attempts
from voicecli.store.contacts import TRIAL
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.messages import voice_message

NOW = 1 << 62  # later than anything
SOMEBODY = "+33199004321"
KEYS = {"asks": "1", "key_names": "1=confirmed,9=stop"}


def placed(
    home: Path,
    session: str | None = SESSION,
    state: AttemptState | None = None,
    *,
    number: str = NUMBER,
    ago: float = 0,
    **details: Any,
) -> int:
    """A call that asks for a key; without a session its answer was lost, or with SENDING has not come."""
    message_id = details.pop("message_id", f"m-{number}-{details.pop('request', 1)}")
    request = voice_message(PhoneNumber(number, "FR"), "hi", source=SOURCE, message_id=message_id)
    with SqliteStore(home) as store:
        attempts = Attempts(store, AccountId("http://127.0.0.1:9", "some_sub"))
        call = attempts.begin(request, **(KEYS | details))  # type: ignore[typeddict-item]
        if state is not AttemptState.SENDING:
            known = AttemptState.ACCEPTED if session else AttemptState.UNKNOWN
            attempts.record_answer(call, known, session)
        with store.transaction() as transaction:
            moment = time.time_ns() // 1000 - int(ago * 1e6)
            transaction("UPDATE calls SET placed = ? WHERE id = ?", (moment, call))
        return call


def answered(home: Path, call: int, session: str) -> None:
    with SqliteStore(home) as store:
        attempts = Attempts(store, AccountId("http://127.0.0.1:9", "some_sub"))
        attempts.record_answer(call, AttemptState.ACCEPTED, session)


def pressed(digits: object, session: str = SESSION, kind: str = "VCA", **fields: Any) -> dict[str, Any]:
    status = "ACTION_COMPLETED" if kind == "VCA" else "DTMF_RECEIVED"
    return event(kind, status, session, digits=digits, **fields)


def known(home: Path) -> set[str]:
    with SqliteStore(home) as store:
        return unsubscribed.numbers(store)


# -- what counts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "digits", "fields", "counts"),
    [
        ("VCA", {"dtmf": "9"}, {}, True),
        ("VCA", "9", {}, True),
        ("VCA", "9#", {}, True),
        ("VCA", "99", {}, True),
        ("VCA", None, {"callStatus": "DTMF_RECEIVED", "dtmf": "9"}, True),
        ("VCS", {"dtmf": "9"}, {}, True),
        ("VCA", "9", {"source": SOURCE[1:], "destination": NUMBER[1:]}, True),
        ("VCA", "9", {"source": None, "destination": None, "clientActionId": None}, True),
        ("VCA", "1", {}, False),
        ("VCA", "91", {}, False),
        ("VCA", "#", {}, False),
        ("VCA", None, {}, False),
        ("VCA", "9", {"callStatus": "CALL_RECEIVED"}, False),
        ("VCA", "9", {"sessionId": OTHER}, False),
        ("VCA", "9", {"sessionId": ""}, False),
    ],
)
def test_the_key_counts_however_it_is_told(
    tmp_path: Path, kind: str, digits: object, fields: dict[str, Any], *, counts: bool
) -> None:
    placed(tmp_path)
    keep(tmp_path, pressed(digits, kind=kind, **fields))
    assert known(tmp_path) == ({NUMBER} if counts else set())


@pytest.mark.parametrize("details", [{"key_names": None}, {"asks": None, "key_names": None}, {"asks": ""}])
def test_in_a_call_where_it_means_something_else_it_does_not_count(
    tmp_path: Path, details: dict[str, Any]
) -> None:
    placed(tmp_path, **{"key_names": None, **details})
    keep(tmp_path, pressed("9"))
    assert known(tmp_path) == set()


def test_in_a_trial_on_one_s_own_number_it_does_not_count(tmp_path: Path) -> None:
    placed(tmp_path, message_id=f"{TRIAL}{uuid4()}")
    placed(tmp_path, None, message_id=f"{TRIAL}{uuid4()}")
    keep(tmp_path, pressed("9"))
    keep(tmp_path, pressed("9", OTHER, clientActionId=None))
    assert known(tmp_path) == set()


@pytest.mark.parametrize("order", [("9", "1"), ("1", "9"), ("5", "9", "9")])
def test_of_several_keys_it_counts_whatever_else_was_pressed(tmp_path: Path, order: tuple[str, ...]) -> None:
    placed(tmp_path)
    for number, digits in enumerate(order):
        keep(tmp_path, pressed(digits, eventId=f"e-{number}"))
    assert known(tmp_path) == {NUMBER}


def test_a_person_can_allow_the_number_until_it_is_pressed_again(tmp_path: Path) -> None:
    placed(tmp_path)
    once = pressed("9")
    keep(tmp_path, once)
    with SqliteStore(tmp_path) as store:
        assert unsubscribed.allow(store, NUMBER)
    keep(tmp_path, event("VSS", "COMPLETED"))
    keep(tmp_path, once)
    assert known(tmp_path) == set()
    placed(tmp_path, OTHER, request=2)
    keep(tmp_path, pressed("9", OTHER))
    assert known(tmp_path) == {NUMBER}


def test_it_stays_known_when_everything_else_is_deleted(tmp_path: Path) -> None:
    placed(tmp_path, ago=90)
    keep(tmp_path, pressed("9"), ago=80)
    with SqliteStore(tmp_path) as store:
        assert sum(events for events, _ in pruning.prune(store, NOW)) == 1
        assert unsubscribed.numbers(store) == {NUMBER}


def test_who_pressed_it_is_not_called_though_that_can_not_be_noted(tmp_path: Path) -> None:
    placed(tmp_path)
    keep(tmp_path, pressed("9"))
    with SqliteStore(tmp_path) as store, SqliteStore(tmp_path) as other, other.transaction():
        with store.short_patience():
            assert unsubscribed.first_unsubscribed(store, [SOMEBODY, NUMBER]) == NUMBER


# -- a call whose answer has not come ----------------------------------------------------------------


LATE = AttemptState.SENDING


@pytest.mark.parametrize("state", [None, LATE])
@pytest.mark.parametrize("action_id", ["own", "none"])
def test_it_counts_before_the_answer_tells_the_session_and_where_that_is_lost(
    tmp_path: Path, state: AttemptState | None, action_id: str
) -> None:
    """Whether or not the event has the call's clientActionId: then it goes by the numbers."""
    placed(tmp_path, None, state)
    placed(tmp_path, None, state, number=SOMEBODY)
    with SqliteStore(tmp_path) as store:
        query = "SELECT client_action_id FROM calls WHERE destination = ?"
        [(own,)] = store.rows(query, (NUMBER,))
    keep(tmp_path, pressed("9", clientActionId=own if action_id == "own" else None))
    assert known(tmp_path) == {NUMBER}


@pytest.mark.parametrize("told_by", ["answer", "summary"])
def test_an_event_that_does_not_tell_its_call_waits_for_what_does(tmp_path: Path, told_by: str) -> None:
    nothing = {"clientActionId": None, "source": None, "destination": None}
    call = placed(tmp_path, None, LATE)
    keep(tmp_path, pressed("9", **nothing))
    keep(tmp_path, pressed("9", OTHER, **nothing))
    assert known(tmp_path) == set()
    if told_by == "answer":
        answered(tmp_path, call, SESSION)
    else:
        keep(tmp_path, event("VSS", "COMPLETED", clientRequestId=f"m-{NUMBER}-1"))
    assert known(tmp_path) == {NUMBER}
    with SqliteStore(tmp_path) as store:
        update_outcomes(store)
        unsubscribed.update(store)
        assert list(store.rows("SELECT destination FROM unsubscribed")) == [(NUMBER,)], "nothing waits"


def test_another_call_to_the_same_person_whose_answer_has_not_come_leaves_it_open(tmp_path: Path) -> None:
    """In that one 9 may mean something else."""
    placed(tmp_path, None)
    other = placed(tmp_path, None, LATE, key_names=None, asks="9", request=2)
    keep(tmp_path, pressed("9", clientActionId=None))
    assert known(tmp_path) == set()
    answered(tmp_path, other, OTHER)
    assert known(tmp_path) == {NUMBER}


@pytest.mark.parametrize(
    "fields", [{"number": SOMEBODY}, {"clientActionId": "another's"}, {"source": "+33199000009"}]
)
def test_a_call_from_elsewhere_is_not_taken_for_it(tmp_path: Path, fields: dict[str, Any]) -> None:
    placed(tmp_path, None)
    keep(tmp_path, pressed("9", OTHER, **{"clientActionId": None, **fields}))
    assert known(tmp_path) == set()


def test_of_long_ago_a_lost_call_is_not_taken_for_it(tmp_path: Path) -> None:
    placed(tmp_path, None, ago=6 * 3600)
    with SqliteStore(tmp_path) as store, store.transaction() as transaction:
        transaction("UPDATE calls SET valid_until = NULL")
    keep(tmp_path, pressed("9", OTHER, clientActionId=None))
    assert known(tmp_path) == set()
