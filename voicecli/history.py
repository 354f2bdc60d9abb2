"""What the store has, to be looked at: events, and the sessions that they and the placed calls tell of."""

import time
from collections.abc import Callable, Iterator
from heapq import merge
from typing import NamedTuple, TypeVar

from voicecli import events, placed, unsubscribed
from voicecli.errors import InvalidInput, quoted
from voicecli.events import Event, Received
from voicecli.placed import calls_where
from voicecli.sessions import Placed, Session
from voicecli.stats import Stats
from voicecli.store import Store

T = TypeVar("T")
_Place = tuple[int, int]  # a moment, and a number among those of the same moment

PAGE = 500  # rows that are read at once: whoever looks at them slowly must not hold the store up
MAX_CANDIDATES = 8  # sessions that are named where a beginning fits several
STEP = 500  # rows that are deleted in one commit, some milliseconds
LONGEST_CALL = 24 * 3_600_000_000  # microseconds from its placing to its summary
_LAST = (1 << 62, 0)
_LAST_CHARACTER = "\U0010ffff"


# -- events ------------------------------------------------------------------------------------------


def last_event(store: Store) -> int:
    """The number of the newest event, 0 where there is none. Raises StoreFailed, as all here do."""
    [(number,)] = store.rows("SELECT coalesce(max(id), 0) FROM events")
    return int(number)


def events_after(store: Store, number: int) -> Iterator[Received]:
    """The events that are newer than that one, in the order in which they came."""
    which = "WHERE id > ? ORDER BY id LIMIT ?"
    return _in_pages(lambda last: _received(store, which, (last[1], PAGE)), (0, number), _place)


def reports_between(
    store: Store, number: int, last: int, *, naming: str, digits: bool = False
) -> Iterator[Received]:
    """The summaries (VSS) that have this text in them, newer than one event and up to another, in the order
    in which they came; with ``digits`` also the VCAs, whatever they name."""
    which = (
        "WHERE id > ? AND id <= ? AND (type = 'VSS' AND instr(body, ?) OR type = 'VCA' AND ?)"
        " ORDER BY id LIMIT ?"
    )
    of = (last, naming.encode(), digits, PAGE)
    return _in_pages(lambda place: _received(store, which, (place[1], *of)), (0, number), _place)


def event(store: Store, number: int) -> Received | None:
    """The event with this number."""
    if not 0 < number <= _LAST[0]:  # SQLite would refuse what is longer than its numbers
        return None
    return next(_received(store, "WHERE id = ?", (number,)), None)


def events_since(store: Store, since: int, *, kind: str = "") -> Iterator[Received]:
    """The events from that moment on (microseconds since 1970), in the order in which they came; with
    ``kind`` those of one type."""
    which = "WHERE (received, id) > (?, ?) AND ? IN (type, '') ORDER BY received, id LIMIT ?"
    return _in_pages(lambda last: _received(store, which, (*last, kind, PAGE)), (since, 0), _place)


def newest_events(store: Store) -> Iterator[Received]:
    """All events, newest first."""
    which = "WHERE (received, id) < (?, ?) ORDER BY received DESC, id DESC LIMIT ?"
    return _in_pages(lambda last: _received(store, which, (*last, PAGE)), _LAST, _place)


def events_of(store: Store, beginning: str) -> list[Received]:
    """The events of all sessions whose id begins so, in the order in which they came."""
    return list(
        _received(store, "WHERE session >= ? AND session < ? ORDER BY +received, id", _range(beginning))
    )


def events_of_one(store: Store, session_id: str) -> list[Received]:
    """The events of the session with this id, in the order in which they came."""
    if not session_id:
        return []
    return list(_received(store, "WHERE session = ? ORDER BY +received, id", (session_id,)))


def knew_session(store: Store, session_id: str, number: int) -> bool:
    """Whether anything was known of a session when that was the newest event."""
    query = "SELECT EXISTS (SELECT 1 FROM events WHERE session = ? AND id <= ?)"
    [(known,)] = store.rows(query, (session_id, number))
    return bool(known)


def _received(store: Store, which: str, parameters: tuple[object, ...]) -> Iterator[Received]:
    query = f"SELECT id, received, type, times, reply, body FROM events {which}"  # noqa: S608 - words of ours
    for number, received, kind, times, reply, body in store.rows(query, parameters):
        read = events.parse(body) or Event(kind, {})  # it could be read when it was kept
        yield Received(number, received, read, body, times, reply=reply)


def _place(kept: Received) -> _Place:
    return kept.received, kept.id


def _in_pages(
    read: Callable[[_Place], Iterator[T]], last: _Place, place: Callable[[T], _Place]
) -> Iterator[T]:
    """All that ``read`` finds behind one place, then behind the last of these, and so on: nobody who looks
    at it slowly holds up those who write."""
    while page := list(read(last)):
        yield from page
        last = place(page[-1])


# -- sessions ----------------------------------------------------------------------------------------


def sessions(store: Store, *, since: int = 0) -> Iterator[Session]:
    """The calls that were placed or first heard of from that moment on (microseconds since 1970), newest
    first."""
    calls: set[int] = set()  # that were given out
    ids: set[str] = set()
    streams = (_first_heard_of(store, since), _placed_since(store, since))
    for _, _, session_id, call in merge(*streams, key=lambda entry: entry.place, reverse=True):
        if call is not None and (call.id in calls or session_id in ids):
            continue
        found = events_of_one(store, session_id)
        call = call or _call_in_doubt(store, found)
        if call is not None:
            calls.add(call.id)
        if session_id:
            ids.add(session_id)
        yield Session(call, found)


def session(store: Store, beginning: str) -> Session:
    """The one call whose session id, or clientRequestId, begins so. Raises InvalidInput where there is none,
    and where there are several."""
    if not beginning:
        raise InvalidInput("The session's id is empty.", hint="voicecli sessions lists them.")
    ids = _sessions_that_begin(store, beginning)
    calls = [] if ids == [beginning] else _calls_that_begin(store, beginning)
    if calls and calls[0].client_request_id == beginning:
        ids = []
    found = {one: one for one in ids}  # what is meant, and what of it begins so
    for call in calls:
        found.setdefault(call.session_id or call.client_request_id, call.client_request_id)
    if len(found) == 1:
        if not ids and calls[0].session_id is None:
            session_id = _session_of_one_in_doubt(store, calls[0])
            return Session(calls[0], events_of_one(store, session_id))
        return _one(store, *found)
    if not found:
        raise InvalidInput(
            f"There is no session that begins with {quoted(beginning)}.",
            hint="voicecli sessions lists them; only what was placed or received here is known.",
        )
    names = list(found.values())
    more = ", …" if len(names) > MAX_CANDIDATES else ""
    raise InvalidInput(
        f"Several sessions begin with {quoted(beginning)}.",
        hint=f"Give more of it: {', '.join(names[:MAX_CANDIDATES])}{more}",
    )


def _sessions_that_begin(store: Store, beginning: str) -> list[str]:
    """The ids of sessions that begin so, at most one more than can be named; only the one that is meant if
    it is whole."""
    found: set[str] = set()
    for table in ("events", "calls"):
        query = (
            f"SELECT DISTINCT session FROM {table} WHERE session >= ? AND session < ?"  # noqa: S608
            f" ORDER BY session LIMIT {MAX_CANDIDATES + 1}"
        )
        found |= {str(row[0]) for row in store.rows(query, _range(beginning))}
    return [beginning] if beginning in found else sorted(found)[: MAX_CANDIDATES + 1]


def _calls_that_begin(store: Store, beginning: str) -> list[Placed]:
    """The calls whose clientRequestId begins so, newest first; only the newest one with a whole one."""
    newest = "ORDER BY placed DESC LIMIT"
    [start, end] = _range(beginning)
    return list(calls_where(store, f"WHERE client_request_id = ? {newest} 1", (start,))) or list(
        calls_where(
            store,
            f"WHERE client_request_id >= ? AND client_request_id < ? {newest} {MAX_CANDIDATES + 1}",
            (start, end),
        )
    )


def _first_heard_of(store: Store, since: int) -> Iterator["_Entry"]:
    """The sessions that were not placed from here, by their first events, newest first."""
    query = (
        "SELECT received, id, session FROM events AS first"
        " WHERE (received, id) < (?, ?) AND received >= ? AND session != ''"
        " AND NOT EXISTS (SELECT 1 FROM events WHERE session = first.session"
        " AND (+received, id) < (first.received, first.id))"
        " AND NOT EXISTS (SELECT 1 FROM calls WHERE session = first.session)"
        " ORDER BY received DESC, id DESC LIMIT ?"
    )

    def read(last: _Place) -> Iterator[_Entry]:
        for received, number, session_id in store.rows(query, (*last, since, PAGE)):
            yield _Entry(received, number, session_id, None)

    return _in_pages(read, _LAST, lambda entry: entry.place)


def _placed_since(store: Store, since: int) -> Iterator["_Entry"]:
    """The calls that were placed from here, newest first."""
    which = "WHERE (placed, id) < (?, ?) AND placed >= ? ORDER BY placed DESC, id DESC LIMIT ?"

    def read(last: _Place) -> Iterator[_Entry]:
        for call in calls_where(store, which, (*last, since, PAGE)):
            yield _Entry(call.placed, call.id, call.session_id or "", call)

    return _in_pages(read, _LAST, lambda entry: entry.place)


class _Entry(NamedTuple):
    """A call on its way into the list: of an event with this ``number``, or of a call."""

    start: int  # microseconds since 1970
    number: int
    session_id: str
    call: Placed | None

    @property
    def place(self) -> _Place:
        return self.start, self.number


def _call_in_doubt(store: Store, found: list[Received]) -> Placed | None:
    """The call without an answer that turns out to be this session: its VSS names the clientRequestId."""
    request_id = Session(None, found).client_request_id
    if not request_id:
        return None
    which = "WHERE client_request_id = ? AND session IS NULL AND placed <= ? ORDER BY placed DESC LIMIT 1"
    return next(calls_where(store, which, (request_id, found[-1].received)), None)


def _session_of_one_in_doubt(store: Store, call: Placed) -> str:
    """The same from the other end; nothing where no VSS names it."""
    for kept in events_since(store, call.placed, kind="VSS"):
        if kept.received > call.placed + LONGEST_CALL:
            break
        if kept.event.client_request_id == call.client_request_id:
            return kept.event.session_id
    return ""


def _one(store: Store, session_id: str) -> Session:
    found = events_of_one(store, session_id)
    call = next(calls_where(store, "WHERE session = ? ORDER BY placed DESC", (session_id,)), None)
    return Session(call or _call_in_doubt(store, found), found)


def _range(beginning: str) -> tuple[str, str]:
    """What texts that begin so lie between. What is no text has become a question mark in the store, too."""
    text = beginning.encode(errors="replace").decode()
    return text, text + _LAST_CHARACTER


# -- figures -----------------------------------------------------------------------------------------


def stats(store: Store, since: int) -> Stats:
    """The figures of the calls whose summaries came from that moment on (microseconds since 1970), and how
    many were heard of or placed since then without one."""
    figures = Stats()
    seen, request_ids = set(), set()
    for kept in events_since(store, since, kind="VSS"):
        summary = kept.event
        if summary.session_id not in seen:  # one that came in several forms is one call
            seen.add(summary.session_id)
            request_ids.add(summary.client_request_id)
            figures.see(summary)
    [(heard_of,)] = store.rows(
        "SELECT count(DISTINCT session) FROM events AS one"
        " WHERE received >= ? AND session != '' AND type IN ('VCA', 'VCS')"
        " AND NOT EXISTS (SELECT 1 FROM events WHERE session = one.session AND type = 'VSS')",
        (since,),
    )
    [(silent,)] = store.rows(
        "SELECT count(*) FROM calls WHERE placed >= ? AND session IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM events WHERE session = calls.session)",
        (since,),
    )
    figures.open = heard_of + silent
    in_doubt = calls_where(store, "WHERE placed >= ? AND session IS NULL", (since,))
    figures.in_doubt = sum(call.client_request_id not in request_ids for call in in_doubt)
    return figures


# -- what is old -------------------------------------------------------------------------------------


def older(store: Store, before: int) -> tuple[int, int]:
    """How many events and how many calls are older than that moment (microseconds since 1970)."""
    [(events_,)] = store.rows("SELECT count(*) FROM events WHERE received < ?", (before,))
    [(calls,)] = store.rows(
        "SELECT count(*) FROM calls WHERE placed < ? AND guarded < ?", (before, placed.now())
    )
    return events_, calls


def counted(events: int, calls: int) -> str:
    """So many events and calls, in words."""
    return f"{events:,} event{'' if events == 1 else 's'} and {calls:,} call{'' if calls == 1 else 's'}"


def prune(
    store: Store, before: int, *, rest: Callable[[float], object] = time.sleep
) -> Iterator[tuple[int, int]]:
    """Delete what is older, and overwrite it; but no call that --once still guards. In small steps, each of
    which gives how many events and how many calls it took. After each it rests, for others want to write,
    too: ``rest`` gets the seconds that the step took.

    Who has unsubscribed stays known: it is noted before, and events that come meanwhile are left.
    """
    last = last_event(store)
    unsubscribed.take_in(store)
    store.overwrite()
    for table, moment, free in (
        ("events", "received", f"id <= {last}"),
        ("calls", "placed", f"guarded < {placed.now()}"),
    ):
        which = f"{moment} < ? AND {free} ORDER BY {moment} LIMIT {STEP}"
        oldest = f"SELECT id FROM {table} WHERE {which}"  # noqa: S608
        deleted = STEP
        while deleted == STEP:
            start = time.monotonic()
            with store.change() as change:
                deleted = change(f"DELETE FROM {table} WHERE id IN ({oldest})", (before,)).rowcount  # noqa: S608
            yield (deleted, 0) if table == "events" else (0, deleted)
            rest(time.monotonic() - start)
    store.empty_log()
