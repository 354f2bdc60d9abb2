"""Why calls of a broadcast came to nothing, as 8x8 says, else the telephone network."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from voicecli.broadcast.outcomes import AT_ONCE
from voicecli.sessions.session import Session
from voicecli.store.broadcasts import BroadcastRow
from voicecli.store.engine import Store
from voicecli.store.event_queries import events_of_each
from voicecli.voice_api.codes import Outcome

FAILURES = (Outcome.ERROR, Outcome.FAILED)
_ROWS_AT_ONCE = 1_000


def call_errors(store: Store, rows: Iterable[BroadcastRow]) -> Mapping[int, str]:
    """Those of the rows whose calls failed, by line, as far as they are known. Raises StoreFailed."""
    found = {}
    sessions = ((row.session, row.line) for row in rows if row.session and row.outcome in FAILURES)
    while lines := dict(islice(sessions, AT_ONCE)):
        for session_id, events in events_of_each(store, [*lines]).items():
            said = (one.event.sip_words for one in reversed(events))
            if error := Session.of(None, events).summary.error or next(filter(None, said), ""):
                found[lines[session_id]] = error
    return found


def with_errors(store: Store, rows: Iterable[BroadcastRow]) -> Iterator[BroadcastRow]:
    """The same rows, those that have no ``reason`` with the error of their call. Raises StoreFailed."""
    left = iter(rows)
    while some := list(islice(left, _ROWS_AT_ONCE)):
        errors = call_errors(store, some)
        for row in some:
            error = None if row.reason else errors.get(row.line)
            yield row if error is None else row._replace(reason=error)
