"""What came of a call before a VCA: what the store has, and what was asked about here."""

import json

from voicecli.errors import StoreFailed
from voicecli.listener.vca_repliers import CallHistory
from voicecli.voice_api import webhook_events
from voicecli.voice_api.webhook_events import Received


def received(number: int, moment: int, session: str = "s-1") -> Received:
    payload = {"sessionId": session, "eventId": f"e-{moment}", "status": "ACTION_COMPLETED"}
    body = json.dumps({"eventType": "CALL_ACTION", "payload": payload}).encode()
    event = webhook_events.parse(body)
    assert event is not None
    return Received(number, moment, event, body)


FIRST, SECOND, THIRD = (received(number, number * 10) for number in (1, 2, 3))


def test_of_what_is_in_the_store_only_what_came_before_counts() -> None:
    stored = [FIRST, SECOND, THIRD]
    assert CallHistory().before(SECOND, lambda: stored) == [FIRST]
    assert CallHistory().before(received(0, 40), lambda: stored) == stored, "it could not be written"


def test_without_the_store_what_was_asked_about_here_is_known() -> None:
    def fail() -> list[Received]:
        raise StoreFailed("It can't be read.")

    history = CallHistory()
    assert history.before(FIRST, fail) == []
    assert history.before(received(1, 5, "another"), fail) == []
    assert history.before(SECOND, fail) == [FIRST]
