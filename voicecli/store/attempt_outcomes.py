"""How the calls that were placed from here have ended: the one reader of events that updates the attempts.

Every query of outcomes runs it first, and so does a listener that has a callflow to delete; the process that
writes events never does.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby

from voicecli.errors import StoreFailed
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.session import Session
from voicecli.store.attempts import OUTCOME_READER, attempts_where, delete_expired_flows
from voicecli.store.engine import Store, marks
from voicecli.store.event_queries import find_event, summaries_of
from voicecli.store.read_positions import advance, last_event_number, read_position

VSS = "vss"  # where an outcome is known from: the session summary
_PAGE = 500  # summaries that are processed in one commit


def update_outcomes(store: Store) -> None:
    """Read the summaries (VSS) that came since the last time, in steps of some hundred, each processed once
    by one of several processes: note how each attempt has ended, and which session one without a response has
    become. Deletes the callflows of calls that have ended, and of those whose time is long over. Raises
    StoreFailed, and then the steps before are done."""
    store.overwrite_deleted()
    newest = last_event_number(store)
    while (seen := read_position(store, OUTCOME_READER)) < newest:
        _update_some(store, seen, newest)
    delete_expired_flows(store)


def update_outcomes_if_writable(store: Store) -> None:
    """The same for who only looks: where nothing can be written, what was known before is shown."""
    with suppress(StoreFailed):
        update_outcomes(store)


def _update_some(store: Store, seen: int, newest: int) -> None:
    """Take in the first summaries between these events, unless another process does."""
    query = (
        "SELECT id, received, session, EXISTS (SELECT 1 FROM calls WHERE calls.session = events.session)"
        " FROM events WHERE id > ? AND id <= ? AND type = 'VSS' AND session != '' ORDER BY id LIMIT ?"
    )
    new = list(store.rows(query, (seen, newest, _PAGE)))
    upto = int(new[-1][0]) if len(new) == _PAGE else newest
    if upto <= seen:
        raise store.damaged("an index is not in order")
    known = {str(session) for *_, session, is_known in new if is_known}
    ended = list(_ended(store, known))
    lost = _lost(store, [(number, received) for number, received, _, is_known in new if not is_known])
    ended += [(attempt, Session.of(attempt, summaries_of(store, [session]))) for session, attempt in lost]
    unknown = [session for *_, session, is_known in new if not is_known]
    answered = f"SELECT 1 FROM calls WHERE session IN ({marks(unknown)}) LIMIT 1"
    with store.transaction() as transaction:
        if unknown and any(store.rows(answered, unknown)):
            return  # whose sessions they are was told since they were read: they are read once more
        if not advance(transaction, OUTCOME_READER, seen, upto):
            return
        transaction.execute_many(_END, [_end(attempt, session) for attempt, session in ended])
    if any(attempt.asks is not None for attempt, _ in ended):
        store.empty_log()


def _ended(store: Store, sessions: Iterable[str]) -> Iterator[tuple[Attempt, Session]]:
    """Of sessions that are known to be attempts', these, and what their summaries tell."""
    sessions = list(sessions)
    if not sessions:
        return
    among = f"WHERE session IN ({marks(sessions)})"
    attempts = {attempt.session_id: attempt for attempt in attempts_where(store, among, sessions)}
    for session_id, summaries in groupby(summaries_of(store, sessions), lambda kept: kept.event.session_id):
        attempt = attempts.get(session_id)  # None where an index is damaged
        if attempt is not None and (session := Session.of(attempt, summaries)).outcome is not None:
            yield attempt, session


def _lost(store: Store, summaries: Iterable[tuple[int, int]]) -> Iterator[tuple[str, Attempt]]:
    """The sessions of those summaries, by number and moment of arrival, that name an attempt whose answer has
    not come; and it. Of several with the same clientRequestId, the newest that left before it came."""
    if not any(store.rows("SELECT 1 FROM calls WHERE session IS NULL LIMIT 1")):
        return
    taken: dict[int, str] = {}  # by attempt
    which = "WHERE client_request_id = ? AND session IS NULL AND placed <= ? ORDER BY placed DESC"
    for number, received in summaries:
        kept = find_event(store, number)
        event = None if kept is None else kept.event
        if event is None or event.outcome is None or not event.client_request_id:
            continue
        for attempt in attempts_where(store, which, (event.client_request_id, received)):
            if taken.setdefault(attempt.id, event.session_id) == event.session_id:
                yield event.session_id, attempt
                break


def _end(attempt: Attempt, session: Session) -> tuple[object, ...]:
    """The parameters of _END."""
    found = (session.outcome, VSS, session.summary.seconds)
    return (AttemptState.ACCEPTED, session.id, *found, attempt.id, session.id)


_END = (
    "UPDATE calls SET state = ?, session = ?, outcome = ?, outcome_source = ?, seconds = ?, sealed = NULL"
    " WHERE id = ? AND (session IS NULL OR session = ?)"
)
