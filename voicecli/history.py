"""What the store has, to be looked at: events, and the sessions that they and the placed calls tell of."""

from collections.abc import Iterator

from voicecli import events
from voicecli.events import Event, Received
from voicecli.store import Store


def last_event(store: Store) -> int:
    """The number of the newest event, 0 where there is none. Raises StoreFailed, as all here do."""
    [(number,)] = store.rows("SELECT coalesce(max(id), 0) FROM events")
    return int(number)


def events_after(store: Store, number: int) -> Iterator[Received]:
    """The events that are newer than that one, in the order in which they came."""
    return _received(store, "WHERE id > ? ORDER BY id", (number,))


def events_of(store: Store, session_id: str) -> Iterator[Received]:
    """The events of one session, in the order in which they came."""
    return _received(store, "WHERE session = ? ORDER BY id", (session_id,))


def knew_session(store: Store, session_id: str, number: int) -> bool:
    """Whether anything was known of a session when that was the newest event."""
    query = "SELECT EXISTS (SELECT 1 FROM events WHERE session = ? AND id <= ?)"
    [(known,)] = store.rows(query, (session_id, number))
    return bool(known)


def _received(store: Store, which: str, parameters: tuple[object, ...]) -> Iterator[Received]:
    query = f"SELECT id, received, type, times, reply, body FROM events {which}"  # noqa: S608 - words of ours
    for number, received, kind, times, reply, body in store.rows(query, parameters):
        event = events.parse(body) or Event(kind, {})  # it could be read when it was kept
        yield Received(number, received, event, body, times, reply=reply)
