"""The requests that place calls: what is kept of each."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from voicecli.account import AccountId
from voicecli.clock import now
from voicecli.errors import ConfigurationError, PlacedBefore
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.store import sqlite
from voicecli.store.attempts import (
    Attempts,
    attempt_of_session,
    attempts_where,
    attempts_without_response,
    attempts_without_session,
    sealed_flow,
)
from voicecli.store.engine import Store
from voicecli.store.guards import Guards, Once
from voicecli.store.keys import fingerprint
from voicecli.store.migrations import MIGRATIONS
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.callflow import CallRequest, request_from_json, spoken_text
from voicecli.voice_api.messages import voice_message

SOURCE, NUMBER = "+33199000000", "+33199001234"
HOUR = timedelta(hours=1)


def message(text: str = "Hello", number: str = NUMBER, message_id: str | None = None) -> CallRequest:
    return voice_message(number, text, source=SOURCE, message_id=message_id)


def calls(store: Store) -> Attempts:
    return Attempts(store, AccountId("https://voice.8x8.com", "some_sub"))


def kept(store: Store) -> list[Attempt]:
    return list(attempts_where(store, "ORDER BY placed DESC", ()))


def test_a_call_is_kept_without_what_it_says(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        ours = calls(store)
        ours.record_answer(
            ours.begin(message("The code is 482913", message_id="m-1")), AttemptState.ACCEPTED, "s-1"
        )
        [call] = kept(store)
    assert (call.state, call.session_id, call.client_request_id) == (AttemptState.ACCEPTED, "s-1", "m-1")
    assert (call.source, call.destination) == (SOURCE, NUMBER)
    assert all(b"482913" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_request_is_settled_either_way(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        ours = calls(store)
        first = ours.begin(message("one"))
        assert [call.state for call in kept(store)] == [AttemptState.SENDING]
        ours.record_answer(first, AttemptState.ACCEPTED, "s-1")
        second = ours.begin(message("two"))
        ours.record_answer(second, None)
        assert [call.session_id for call in kept(store)] == ["s-1"]


def test_the_session_of_a_lost_call_becomes_known(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        ours = calls(store)
        first, second = (ours.begin(message(message_id="m-1")) for _ in range(2))
        for number in (first, second):
            ours.record_answer(number, AttemptState.UNKNOWN)
        assert attempt_of_session(store, "s-1") is None
        ours.record_answer(second, AttemptState.ACCEPTED, "s-1")
        assert attempt_of_session(store, "s-1") is not None
        [*_, call] = kept(store)
    assert (call.state, call.session_id) == (AttemptState.UNKNOWN, None)


@pytest.mark.of_the_file
def test_two_stores_have_two_keys(tmp_path: Path) -> None:
    prints = []
    for name in ("one", "two"):
        with SqliteStore(tmp_path / name) as store:
            prints.append(calls(store).fingerprints(message()))
            assert calls(store).fingerprints(message()) == prints[-1]
    assert prints[0] != prints[1]


def test_the_gist_of_a_call_is_whom_it_calls_and_what_it_says() -> None:
    slow = voice_message(NUMBER, "Hello", source="+33199000001", repeat=2, speed=0.8)
    assert spoken_text(slow.callflow) == spoken_text(message().callflow)
    own = [{"action": "makeCall", "params": {"source": SOURCE, "destination": NUMBER}}, {"action": "hangup"}]
    assert spoken_text(request_from_json(own).callflow) != spoken_text(message().callflow)


FLOW = [
    {"action": "makeCall", "params": {"source": SOURCE, "destination": NUMBER}},
    {"action": "sayAndCapture", "params": {"promptMessage": "The code is 482913"}},
]


def test_the_flow_of_a_call_that_asks_is_sealed(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        ours = calls(store)
        ours.begin(message(), asks="1,2", flow=FLOW, broadcast=3, line=7)
        ours.begin(message())
        [plain, asking] = kept(store)
        assert (asking.asks, asking.broadcast, asking.line, asking.session_id) == ("1,2", 3, 7, None)
        assert (plain.asks, plain.broadcast, sealed_flow(store, plain)) == (None, None, None)
        assert sealed_flow(store, asking) == FLOW
        with store.transaction() as transaction:  # somebody moves it to another row
            transaction("UPDATE calls SET sealed = (SELECT sealed FROM calls WHERE id = ?)", (asking.id,))
        with pytest.raises(ConfigurationError):
            sealed_flow(store, plain)
    for path in tmp_path.iterdir():
        assert b"482913" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_call_is_found_by_what_is_known_of_it(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        ours = calls(store)
        number = ours.begin(message(message_id="m-1"))
        ours.begin(message(message_id="m-2", number="+33199001235"))
        [first] = attempts_without_response(store, source=SOURCE.lstrip("+"), destination=NUMBER)
        assert first.client_action_id is not None
        assert attempts_without_session(store, client_action_id=first.client_action_id) == [first]
        ours.record_answer(number, AttemptState.ACCEPTED, "s-1")
        assert attempts_without_response(store, source=SOURCE, destination=NUMBER) == []
        assert attempts_without_session(store, client_action_id=first.client_action_id) == []
        assert attempt_of_session(store, "s-1") == first._replace(
            state=AttemptState.ACCEPTED, session_id="s-1"
        )
        assert attempt_of_session(store, "s-2") is None


def test_a_session_that_a_summary_told_is_not_lost_to_the_answer(tmp_path: Path) -> None:
    """A 429, or no answer at all, does not undo what is known to have happened."""
    with SqliteStore(tmp_path) as store:
        ours = calls(store)
        number = ours.begin(message())
        ours.record_answer(number, AttemptState.ACCEPTED, "s-1")
        for state in (AttemptState.UNKNOWN, None):
            ours.record_answer(number, state)
        [call] = kept(store)
        assert (call.state, call.session_id) == (AttemptState.ACCEPTED, "s-1")


@pytest.mark.of_the_file
def test_a_guard_of_before_holds_however_the_url_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spellings = ("https://voice.8x8.com", "https://voice.8x8.com/", "HTTPS://voice.wavecell.com//")
    with monkeypatch.context() as older:
        older.setattr(sqlite, "MIGRATIONS", MIGRATIONS[:3])
        with SqliteStore(tmp_path) as store, store.transaction() as transaction:
            for index, written in enumerate(spellings):
                content = json.dumps([written, "some_sub", spoken_text(message(f"text {index}").callflow)])
                transaction(
                    "INSERT INTO calls (placed, base_url, subaccount, state, client_request_id, source,"
                    " destination, fingerprint, guarded)"
                    " VALUES (?, ?, 'some_sub', 'sending', ?, '', '', ?, ?)",
                    (now(), written, f"m-{index}", fingerprint(store, content.encode()), now() + 1_000_000),
                )
    with SqliteStore(tmp_path) as store:
        guards = Guards(store, AccountId("https://voice.8x8.com", "some_sub"))
        for index in range(len(spellings)):
            with pytest.raises(PlacedBefore):
                guards.claim(message(f"text {index}"), Once(HOUR, named=False))
            with pytest.raises(PlacedBefore):
                guards.claim(message(message_id=f"m-{index}"), Once(HOUR, named=True))
        guards.claim(message("another text"), Once(HOUR, named=False))
