"""Fills a store with a past: events as the listener keeps them, and calls as they are placed."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voicecli.account import AccountId
from voicecli.phone import PhoneNumber
from voicecli.sandbox import payloads
from voicecli.sessions.attempt import AttemptState
from voicecli.store.attempts import Attempts
from voicecli.store.event_recording import KeptEvent, record_events, record_replies
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api import webhook_events
from voicecli.voice_api.messages import voice_message

SESSION = "5a3eab76-2940-4f6e-9c3a-000000000001"
OTHER = "5a3eab76-2940-4f6e-9c3a-000000000002"
SOURCE, NUMBER = "+33199000000", "+33199001234"


def event(
    kind: str,
    status: str,
    session: str = SESSION,
    *,
    number: str = NUMBER,
    digits: object = None,
    error: int = -2004,
    **fields: object,
) -> dict[str, Any]:
    """An event's document; ``fields`` are put into its payload."""
    document = payloads.sample_event(
        kind,
        status,
        source=SOURCE,
        number=number,
        event_data=digits,
        error=error,
        session={"sessionId": session, "subAccountId": "voicecli_sandbox"},
        now=datetime.now(UTC),
    )
    payload = document["payload"]
    assert isinstance(payload, dict)
    return {**document, "payload": {**payload, **fields}}


def keep(
    home: Path, document: object, *, ago: float = 0, reply: str | None = None, remark: str | None = None
) -> int:
    """Keep an event that came so many seconds ago; its number. Bytes are kept as they are."""
    return keep_all(home, [(document, ago, reply)], remark=remark)[0]


def keep_all(
    home: Path, events: Sequence[tuple[object, float, str | None]], *, remark: str | None = None
) -> list[int]:
    """Keep events with the seconds since they came and the reply to each; their numbers."""
    with SqliteStore(home) as store:
        recorded = record_events(store, [kept(*event) for event in events])
        replies = [
            (reply, remark, one.id)
            for one, (_, _, reply) in zip(recorded, events, strict=True)
            if reply is not None
        ]
        if replies:
            record_replies(store, replies)
    return [one.id for one in recorded]


def kept(document: object, ago: float = 0, reply: str | None = None) -> KeptEvent:
    """An event that came so many seconds ago, as it is to be kept."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    read = webhook_events.parse(body)
    assert read is not None
    received = time.time_ns() // 1000 - int(ago * 1e6)
    return KeptEvent(received, read.type, read.session_id, read.identity(lambda: body), reply, body)


def keep_a_call(
    home: Path, session: str = SESSION, *, ago: float = 0, status: str = "COMPLETED", **fields: Any
) -> None:
    """The events of one call, that began so many seconds ago and took four."""
    digits = event("VCA", "ACTION_COMPLETED", session, digits={"dtmf": "1"}, **fields)
    events = [
        (event("VCS", "CALL_INITIATED", session, **fields), ago, None),
        (event("VCS", "CALL_CONNECTED", session, **fields), ago - 1, None),
        (digits, ago - 2, "hangup"),
        (event("VSS", status, session, **fields), ago - 4, None),
    ]
    keep_all(home, events)


def place(
    home: Path,
    state: AttemptState,
    session: str | None = None,
    *,
    request_id: str = "request-1",
    number: str = NUMBER,
    ago: float = 0,
) -> None:
    """A call that was placed from here so many seconds ago."""
    request = voice_message(PhoneNumber(number, "FR"), "hi", source=SOURCE, message_id=request_id)
    with SqliteStore(home) as store:
        attempts = Attempts(store, AccountId("http://127.0.0.1:9", "some_sub"))
        attempts.record_answer(attempts.begin(request), state, session)
        with store.transaction() as transaction:
            moment = time.time_ns() // 1000 - int(ago * 1e6)
            transaction("UPDATE calls SET placed = ? WHERE id = (SELECT max(id) FROM calls)", (moment,))
