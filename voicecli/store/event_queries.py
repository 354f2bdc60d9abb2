"""Reads the webhook events that are kept. Every function raises StoreFailed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from voicecli.store.engine import Store, marks
from voicecli.store.paging import LAST, PAGE, Place, read_pages
from voicecli.voice_api import webhook_events
from voicecli.voice_api.webhook_events import Event, Received

LAST_CHARACTER = "\U0010ffff"
_COLUMNS = "id, received, type, times, reply, remark, body"


def events_after(store: Store, number: int) -> Iterator[Received]:
    """The events that are newer than that one, in the order in which they came. Those that are committed
    while they are read are among them; who goes on from the last one misses none."""
    return _in_pages(store, "WHERE id > ? ORDER BY id LIMIT ?", (number,), lambda kept: (kept.id,))


def sessions_of_broadcast(
    store: Store, number: int, last: int, *, kinds: Sequence[str], broadcast: int, naming: str
) -> Iterator[dict[str, int | None]]:
    """The sessions that the events of these types are about, newer than one event and up to another, which
    are calls of this broadcast, in pages: with the line of the row where the call is known by its session,
    and without where a summary (VSS) has this text in it. Once each, as far as they come together."""
    query = (
        "SELECT id, session, line FROM (SELECT id, session, type, body, (SELECT line FROM calls"
        " WHERE calls.session = events.session AND broadcast = ? LIMIT 1) AS line FROM events"
        f" WHERE id > ? AND id <= ? AND type IN ({marks(kinds)}) AND session != '') AS found"
        " WHERE line IS NOT NULL OR (type = 'VSS' AND instr(body, ?) > 0) ORDER BY id LIMIT ?"
    )
    while page := list(store.rows(query, (broadcast, number, last, *kinds, naming.encode(), PAGE))):
        yield {session_id: line for _, session_id, line in page}
        if page[-1][0] <= number:
            raise store.damaged("an index is not in order")
        number = page[-1][0]


def find_event(store: Store, number: int) -> Received | None:
    """The event with this number."""
    if not 0 < number <= LAST[0]:  # SQLite would refuse what is longer than its numbers
        return None
    return next(_received(store, "WHERE id = ?", (number,)), None)


def events_since(store: Store, since: int) -> Iterator[Received]:
    """The events from that moment on (microseconds since 1970), in the order in which they came."""
    return _in_pages(store, "WHERE (received, id) > (?, ?) ORDER BY received, id LIMIT ?", (since, 0), _place)


def summaries_after(store: Store, number: int, *, naming: str) -> Iterator[Received]:
    """The summaries (VSS) that came after the event with this number and in whose body that text stands,
    whatever the clock said meanwhile."""
    which = "WHERE id > ? AND type = 'VSS' AND instr(body, ?) > 0 ORDER BY id LIMIT ?"
    return _in_pages(store, which, (number,), _number, naming.encode(errors="replace"))


def newest_events(store: Store) -> Iterator[Received]:
    """All events, newest first."""
    which = "WHERE (received, id) < (?, ?) ORDER BY received DESC, id DESC LIMIT ?"
    return _in_pages(store, which, LAST, _place)


def events_of_sessions(store: Store, beginning: str) -> list[Received]:
    """The events of all sessions whose id begins so, in the order in which they came."""
    return list(
        _received(store, "WHERE session >= ? AND session < ? ORDER BY +received, id", prefix_range(beginning))
    )


def events_of_session(store: Store, session_id: str, *, kind: str = "") -> list[Received]:
    """The events of the session with this id, in the order in which they came; with ``kind`` those of one
    type."""
    if not session_id:
        return []
    which = "WHERE session = ? AND ? IN (type, '') ORDER BY +received, id"
    return list(_received(store, which, (session_id, kind)))


def events_of_each(store: Store, sessions: Sequence[str], *, kind: str = "") -> dict[str, list[Received]]:
    """``events_of_session`` of several, by session; without those that have none."""
    found: dict[str, list[Received]] = {}
    query = (
        f"SELECT session, {_COLUMNS} FROM events WHERE session IN ({marks(sessions)})"
        " AND ? IN (type, '') ORDER BY +received, id"
    )
    for session_id, kept in store.read(_read_with_session, query, (*sessions, kind)):
        found.setdefault(session_id, []).append(kept)
    return found


def summaries_of(store: Store, sessions: Sequence[str]) -> Iterator[Received]:
    """All summaries (VSS) of these sessions, session by session."""
    which = f"WHERE session IN ({marks(sessions)}) AND type = 'VSS' ORDER BY session, id"
    return _received(store, which, tuple(sessions))


def answers_of(store: Store, sessions: Sequence[str]) -> Iterator[Received]:
    """The events of these sessions that may tell what was pressed: VCAs, and VCSs with DTMF in them; session
    by session."""
    pressed = "type = 'VCA' OR type = 'VCS' AND instr(upper(CAST(body AS TEXT)), 'DTMF') > 0"
    which = f"WHERE session IN ({marks(sessions)}) AND ({pressed}) ORDER BY session, id"
    return _received(store, which, tuple(sessions))


def summaries_since(store: Store, since: int) -> Iterator[tuple[Received, bool]]:
    """The summaries (VSS) from that moment on (microseconds since 1970), and whether each is the only one of
    its session."""
    query = (
        f"SELECT {_COLUMNS}, session != '' AND EXISTS (SELECT 1"
        " FROM events AS other WHERE other.session = events.session AND other.type = 'VSS'"
        " AND other.id != events.id) FROM events"
        " WHERE (received, id) > (?, ?) AND type = 'VSS' ORDER BY received, id LIMIT ?"
    )

    def read(last: Place, limit: int) -> Iterator[tuple[Received, bool]]:
        for *columns, has_others in store.rows(query, (*last, limit)):
            yield _read(*columns), not has_others

    return read_pages(store, read, (since, 0), lambda found: _place(found[0]))


def session_of_request(store: Store, client_request_id: str, *, after: int) -> str | None:
    """The session whose summary (VSS) names this clientRequestId, among those that came after the event with
    that number; None where none does. A request that a summary names was carried out, whatever its own answer
    says: a 429, too, may be a proxy's."""
    for kept in summaries_after(store, after, naming=client_request_id):
        if kept.event.client_request_id == client_request_id:
            return kept.event.session_id
    return None


def was_session_known(store: Store, session_id: str, number: int) -> bool:
    """Whether anything was known of a session when that was the newest event."""
    query = "SELECT EXISTS (SELECT 1 FROM events WHERE session = ? AND id <= ?)"
    return bool(store.read_number(query, (session_id, number)))


def _in_pages(
    store: Store, which: str, start: Place, place: Callable[[Received], Place], *parameters: object
) -> Iterator[Received]:
    """The events behind that place; ``which`` takes it first, then the parameters, then how many."""

    def read(last: Place, limit: int) -> Iterator[Received]:
        return _received(store, which, (*last, *parameters, limit))

    return read_pages(store, read, start, place)


def _received(store: Store, which: str, parameters: tuple[object, ...]) -> Iterator[Received]:
    return store.read(_read, f"SELECT {_COLUMNS} FROM events {which}", parameters)


def _read_with_session(session_id: str, *columns: Any) -> tuple[str, Received]:
    return session_id, _read(*columns)


def _read(
    number: int, received: int, kind: str, times: int, reply: str | None, remark: str | None, body: bytes
) -> Received:
    event = webhook_events.parse(body) or Event(kind, {})  # it could be read when it was kept
    remarks = () if remark is None else (remark,)
    return Received(number, received, event, body, times, reply=reply, remarks=remarks)


def _place(kept: Received) -> Place:
    return kept.received, kept.id


def _number(kept: Received) -> Place:
    return (kept.id,)


def prefix_range(beginning: str) -> tuple[str, str]:
    """What texts that begin so lie between. What is no text has become a question mark in the store, too."""
    text = beginning.encode(errors="replace").decode()
    return text, text + LAST_CHARACTER
