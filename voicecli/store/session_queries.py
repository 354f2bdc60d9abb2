"""Reads sessions, from events and attempts, and the figures of many."""

from collections.abc import Iterator
from heapq import merge
from itertools import groupby, islice
from typing import NamedTuple

from voicecli import interrupts
from voicecli.errors import InvalidInput, quote
from voicecli.sessions.attempt import Attempt
from voicecli.sessions.session import Session, SessionRecord
from voicecli.sessions.statistics import Statistics
from voicecli.store.attempt_outcomes import update_outcomes_if_writable
from voicecli.store.attempts import attempt_of_session, attempts_where
from voicecli.store.engine import Store
from voicecli.store.event_queries import answers_of, events_of_session, prefix_range, summaries_since
from voicecli.store.paging import LAST, PAGE, Place, read_pages
from voicecli.voice_api.webhook_events import Received

MAX_CANDIDATES = 8  # sessions that are named where a beginning fits several


# -- sessions ----------------------------------------------------------------------------------------


def sessions(store: Store, *, since: int = 0) -> Iterator[SessionRecord]:
    """The calls that were placed or first heard of from that moment on (microseconds since 1970), newest
    first."""
    calls: set[int] = set()  # that were given out
    ids: set[str] = set()
    update_outcomes_if_writable(store)
    streams = (_first_heard_of(store, since), _placed_since(store, since))
    for _, _, session_id, call in merge(*streams, key=lambda entry: entry.place, reverse=True):
        if call is not None and (call.id in calls or session_id in ids):
            continue
        interrupts.check()
        found = events_of_session(store, session_id)
        if call is not None:
            calls.add(call.id)
        if session_id:
            ids.add(session_id)
        yield _record(call, found)


def session(store: Store, beginning: str) -> SessionRecord:
    """The one call whose session id, or clientRequestId, begins so. Raises InvalidInput where there is none,
    and where there are several."""
    if not beginning:
        raise InvalidInput("The session's id is empty.", hint="voicecli sessions lists them.")
    update_outcomes_if_writable(store)
    ids = _sessions_that_begin(store, beginning)
    calls = [] if ids == [beginning] else _calls_that_begin(store, beginning)
    if calls and calls[0].client_request_id == beginning:
        ids = []
    found = {one: one for one in ids}  # what is meant, and what of it begins so
    for call in calls:
        found.setdefault(call.session_id or call.client_request_id, call.client_request_id)
    if len(found) == 1:
        if not ids and calls[0].session_id is None:
            return _record(calls[0], [])
        return _one(store, *found)
    if not found:
        raise InvalidInput(
            f"There is no session that begins with {quote(beginning)}.",
            hint="voicecli sessions lists them: what was placed or received here.",
        )
    names = list(found.values())
    more = ", …" if len(names) > MAX_CANDIDATES else ""
    raise InvalidInput(
        f"Several sessions begin with {quote(beginning)}.",
        hint=f"Give more of it: {', '.join(names[:MAX_CANDIDATES])}{more}",
    )


def _sessions_that_begin(store: Store, beginning: str) -> list[str]:
    """The ids of sessions that begin so, at most one more than can be named; only the one that is meant if
    it is whole."""
    found: set[str] = set()
    for table in ("events", "calls"):
        query = (
            f"SELECT DISTINCT session FROM {table} WHERE session >= ? AND session < ?"
            f" ORDER BY session LIMIT {MAX_CANDIDATES + 1}"
        )
        found |= {str(row[0]) for row in store.rows(query, prefix_range(beginning))}
    return [beginning] if beginning in found else sorted(found)[: MAX_CANDIDATES + 1]


def _calls_that_begin(store: Store, beginning: str) -> list[Attempt]:
    """The calls whose clientRequestId begins so, newest first; only the newest one with a whole one."""
    newest = "ORDER BY placed DESC LIMIT"
    [start, end] = prefix_range(beginning)
    return list(attempts_where(store, f"WHERE client_request_id = ? {newest} 1", (start,))) or list(
        attempts_where(
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

    def read(last: Place, limit: int) -> Iterator[_Entry]:
        for received, number, session_id in store.rows(query, (*last, since, limit)):
            yield _Entry(received, number, session_id, None)

    return read_pages(store, read, LAST, lambda entry: entry.place)


def _placed_since(store: Store, since: int) -> Iterator["_Entry"]:
    """The calls that were placed from here, newest first."""
    which = "WHERE (placed, id) < (?, ?) AND placed >= ? ORDER BY placed DESC, id DESC LIMIT ?"

    def read(last: Place, limit: int) -> Iterator[_Entry]:
        for call in attempts_where(store, which, (*last, since, limit)):
            yield _Entry(call.placed, call.id, call.session_id or "", call)

    return read_pages(store, read, LAST, lambda entry: entry.place)


class _Entry(NamedTuple):
    """A call on its way into the list: of an event with this ``number``, or of a call."""

    start: int  # microseconds since 1970
    number: int
    session_id: str
    call: Attempt | None

    @property
    def place(self) -> Place:
        return self.start, self.number


def _one(store: Store, session_id: str) -> SessionRecord:
    found = events_of_session(store, session_id)
    return _record(attempt_of_session(store, session_id), found)


def _record(call: Attempt | None, found: list[Received]) -> SessionRecord:
    return SessionRecord(Session.of(call, found), found)


# -- figures -----------------------------------------------------------------------------------------


def statistics(store: Store, since: int) -> Statistics:
    """The figures of the calls whose summaries came from that moment on (microseconds since 1970), and how
    many were heard of or placed since then without one."""
    update_outcomes_if_writable(store)
    figures = Statistics()
    several: set[str] = set()
    for kept, is_only in summaries_since(store, since):
        interrupts.check()
        if is_only:
            figures.add(Session.of(None, [kept]))
        else:
            several.add(kept.event.session_id)
    for session_id in several:  # it counts once, as it ended
        figures.add(Session.of(None, events_of_session(store, session_id, kind="VSS")))
    for pressed in _with_keys(store, since):
        figures.add_result(pressed)
    heard_of = store.read_number(
        "SELECT count(DISTINCT session) FROM events AS one"
        " WHERE received >= ? AND session != '' AND type IN ('VCA', 'VCS')"
        " AND NOT EXISTS (SELECT 1 FROM events WHERE session = one.session AND type = 'VSS')",
        (since,),
    )
    silent = store.read_number(
        "SELECT count(*) FROM calls WHERE placed >= ? AND session IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM events WHERE session = calls.session)",
        (since,),
    )
    figures.open = heard_of + silent
    in_doubt = "SELECT count(*) FROM calls WHERE placed >= ? AND session IS NULL"
    figures.in_doubt = store.read_number(in_doubt, (since,))
    return figures


def _with_keys(store: Store, since: int) -> Iterator[Session]:
    """The calls whose keys have a meaning and whose summaries came since then, without these."""
    which = "WHERE asks > '' AND session IN (SELECT session FROM events WHERE received >= ? AND type = 'VSS')"
    attempts = attempts_where(store, which, (since,))
    for some in iter(lambda: list(islice(attempts, PAGE)), []):
        interrupts.check()
        asked = {attempt.session_id or "": attempt for attempt in some}
        for session_id, found in groupby(answers_of(store, [*asked]), lambda one: one.event.session_id):
            yield Session.of(asked.get(session_id), found)
