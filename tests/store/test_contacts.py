"""Who was called how often, by what is in the store: ``--at-most``."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from voicecli.account import AccountId
from voicecli.at_most import AtMost
from voicecli.errors import CalledTooOften
from voicecli.sessions.attempt import AttemptState
from voicecli.store import contacts
from voicecli.store.attempts import Attempts
from voicecli.store.engine import Store
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.messages import voice_message

SOURCE, NUMBER, OTHER = "+33199000000", "+33199001234", "+33199001235"
HOUR = 3_600_000_000
ONCE, TWICE = AtMost(1, timedelta(days=1)), AtMost(2, timedelta(days=1))


def place(
    store: Store, number: str = NUMBER, *, ago: int = 0, message_id: str = "m-1", **changes: object
) -> int:
    """A call that was recorded so many microseconds ago, with these columns; its id."""
    request = voice_message(number, "Hello", source=SOURCE, message_id=message_id)
    call = Attempts(store, AccountId("https://voice.8x8.com", "some_sub")).begin(request)
    with store.transaction() as transaction:
        for column, value in {"placed": store.now() - ago, **changes}.items():
            transaction(f"UPDATE calls SET {column} = ? WHERE id = ?", (value, call))
    return call


def too_often(store: Store, at_most: AtMost = ONCE, *, but: tuple[int, ...] = ()) -> set[str]:
    return {*contacts.called_too_often(store, [NUMBER, OTHER], at_most, but=but)}


@pytest.mark.parametrize("prepared", [True, False], ids=["with its index", "without it"])
def test_what_counts(tmp_path: Path, prepared: bool) -> None:
    with SqliteStore(tmp_path) as store:
        if prepared:
            contacts.prepare(store)
            contacts.prepare(store)
        place(store, OTHER, ago=25 * HOUR)
        for outcome in contacts.NOT_REACHED:
            place(store, OTHER, outcome=outcome)
        place(store, OTHER, message_id=f"{contacts.TRIAL}{uuid4()}")
        assert too_often(store) == set()
        for state, outcome in (
            (AttemptState.SENDING, None),
            (AttemptState.UNKNOWN, None),
            ("accepted", "COMPLETED"),
        ):
            call = place(store, state=state, outcome=outcome)
            assert too_often(store) == {NUMBER}
            assert too_often(store, but=(call,)) == too_often(store, TWICE) == set()
            place(store, destination=NUMBER[1:])  # as a callflow of one's own may have it
            assert too_often(store, TWICE) == {NUMBER}
            with pytest.raises(CalledTooOften):
                contacts.refuse_too_often(store, [NUMBER[1:]], TWICE)
            with store.transaction() as transaction:
                transaction("DELETE FROM calls WHERE destination LIKE ?", (f"%{NUMBER[1:]}",))


def test_a_message_id_that_begins_like_a_trial_s_is_none(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        place(store, message_id=f"{contacts.TRIAL}1234 of the bridal shop")
        assert too_often(store) == {NUMBER}


def test_when_somebody_may_be_called_again(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        now = store.now()
        place(store, ago=20 * HOUR)
        place(store, ago=HOUR, session="s-1", state=AttemptState.ACCEPTED)
        last = contacts.called_too_often(store, [NUMBER], TWICE)[NUMBER]
        assert (last.is_certain, last.session_id) == (True, "s-1")
        assert abs(last.at - (now - HOUR)) < HOUR / 60
        assert abs(last.until - (now + 4 * HOUR)) < HOUR / 60
        with pytest.raises(CalledTooOften, match="at most 2 times in 24h is allowed"):
            contacts.refuse_too_often(store, [NUMBER], TWICE)


def test_many_are_looked_up_in_steps(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        place(store)
        many = [f"+3326191{number:04}" for number in range(600)]
        assert {*contacts.called_too_often(store, [*many, NUMBER], ONCE)} == {NUMBER}
