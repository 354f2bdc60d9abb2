"""The calls that were placed: what is kept of each, and the guard against the same one twice."""

from datetime import timedelta
from pathlib import Path

import pytest

from voicecli.callflow import CallRequest, gist, request_from_json, voice_message
from voicecli.errors import PlacedBefore
from voicecli.sessions.attempts import Attempt, AttemptState
from voicecli.store.attempts import Attempts, calls_where, is_session_known
from voicecli.store.sqlite import Store

SOURCE, NUMBER = "+33199000000", "+33199001234"
HOUR = timedelta(hours=1)


def message(text: str = "Hello", number: str = NUMBER, message_id: str | None = None) -> CallRequest:
    return voice_message(number, text, source=SOURCE, message_id=message_id)


def calls(store: Store, subaccount: str = "some_sub") -> Attempts:
    return Attempts(store, base_url="https://voice.8x8.com", subaccount_id=subaccount)


def kept(store: Store) -> list[Attempt]:
    return list(calls_where(store, "ORDER BY placed DESC", ()))


def test_a_call_is_kept_without_what_it_says(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        calls(store).keep(message("The code is 482913", message_id="m-1"), AttemptState.ACCEPTED, "s-1")
        [call] = kept(store)
    assert (call.state, call.session_id, call.client_request_id) == (AttemptState.ACCEPTED, "s-1", "m-1")
    assert (call.source, call.destination) == (SOURCE, NUMBER)
    assert all(b"482913" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_claimed_call_is_settled_either_way(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ours = calls(store)
        first = ours.claim(message("one"), named=False, within=HOUR)
        assert [call.state for call in kept(store)] == [AttemptState.SENDING]
        ours.settle(first, AttemptState.ACCEPTED, "s-1")
        second = ours.claim(message("two"), named=False, within=HOUR)
        ours.settle(second, None)
        assert [call.session_id for call in kept(store)] == ["s-1"]


def test_the_same_call_is_refused_and_another_is_not(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ours = calls(store)
        ours.settle(ours.claim(message(), named=False, within=HOUR), AttemptState.ACCEPTED, "s-1")
        with pytest.raises(PlacedBefore, match="just now as session s-1"):
            ours.claim(message(), named=False, within=HOUR)
        ours.claim(message("Hello!"), named=False, within=HOUR)
        ours.claim(message(number="+33199001235"), named=False, within=HOUR)
        ours.claim(message(), named=False, within=timedelta(microseconds=1))
        calls(store, "another_sub").claim(message(), named=False, within=HOUR)


def test_of_named_calls_the_name_counts_and_nothing_else(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ours = calls(store)
        ours.claim(message("one", message_id="m-1"), named=True, within=HOUR)
        with pytest.raises(PlacedBefore, match="may have been placed"):
            ours.claim(message("two", message_id="m-1"), named=True, within=HOUR)
        ours.claim(message("one", message_id="m-2"), named=True, within=HOUR)
        ours.claim(message("one"), named=False, within=HOUR)


def test_the_session_of_a_lost_call_becomes_known(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ours = calls(store)
        ours.keep(message(message_id="m-1"), AttemptState.UNKNOWN)
        second = ours.keep(message(message_id="m-1"), AttemptState.UNKNOWN)
        assert not is_session_known(store, "s-1")
        ours.settle(second, AttemptState.ACCEPTED, "s-1")
        assert is_session_known(store, "s-1")
        [*_, first] = kept(store)
    assert (first.state, first.session_id) == (AttemptState.UNKNOWN, None)


def test_two_stores_have_two_keys(tmp_path: Path) -> None:
    prints = []
    for name in ("one", "two"):
        with Store(tmp_path / name) as store:
            prints.append(calls(store)._fingerprint(message()))
            assert calls(store)._fingerprint(message()) == prints[-1]
    assert prints[0] != prints[1]


def test_the_gist_of_a_call_is_whom_it_calls_and_what_it_says() -> None:
    slow = voice_message(NUMBER, "Hello", source="+33199000001", repeat=2, speed=0.8)
    assert gist(slow.callflow) == gist(message().callflow)
    own = [{"action": "makeCall", "params": {"source": SOURCE, "destination": NUMBER}}, {"action": "hangup"}]
    assert gist(request_from_json(own).callflow) != gist(message().callflow)
