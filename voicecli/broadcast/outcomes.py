"""Finds the outcomes of a broadcast's calls among the events of the store."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from voicecli.broadcast.policy import Policy
from voicecli.clock import now
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.pending import settled_at
from voicecli.sessions.session import Session
from voicecli.store import attempts as stored_attempts, event_queries as stored_events, unsubscribed
from voicecli.store.broadcast_rows import StoredBroadcast
from voicecli.store.broadcasts import BroadcastRow, RowState
from voicecli.store.engine import Store
from voicecli.voice_api.codes import is_unsubscribed
from voicecli.voice_api.webhook_events import Received

AT_ONCE = 100  # sessions whose events are read together


class Report(NamedTuple):
    """What is known of a call to the row at ``line``. ``attempt`` is 0 where its summary does not name it:
    then the session is that of the row. ``seconds`` is the length of the call, ``bridge`` the outcome of a
    second leg. ``is_final`` is whether no other attempt is made after it. Until ``settled_at`` (seconds since
    1970) a VCA may come that says what was pressed: the summary may overtake it."""

    line: int
    attempt: int
    session: str
    destination: str
    outcome: str
    digits: str | None
    seconds: float | None
    is_final: bool
    settled_at: float
    bridge: str | None = None

    def apply_to(self, row: BroadcastRow) -> BroadcastRow:
        """The row with this report; unchanged where the report is of another call, or has no news of a row
        that is to be called again."""
        if row.state is RowState.SKIPPED or self.destination.lstrip("+") not in ("", row.destination[1:]):
            return row
        if self.session != row.session and (not self.attempt or self.attempt != row.attempts):
            late = row.state is RowState.RETRY and self.is_final  # by an earlier attempt, as it turns out
            if not late:
                return row
        known = row._replace(
            state=RowState.ACCEPTED,
            session=self.session,
            outcome=self.outcome,
            digits=self.digits or (row.digits if self.session == row.session else None),
            seconds=self.seconds,
            reason=None,
            bridge=self.bridge,
            left_out=None,
        )
        news = known != row._replace(state=RowState.ACCEPTED, reason=None, left_out=None)
        return known if news or row.state is not RowState.RETRY else row


def reports(
    journal: StoredBroadcast,
    after: int,
    last: int,
    policy: Policy,
    *,
    of: Callable[[int], bool] = lambda line: True,
) -> Iterator[Report]:
    """The reports of calls to rows ``of`` these lines whose summaries have come, for events newer than
    ``after`` up to ``last``. Who unsubscribed is recorded. Raises StoreFailed."""
    store, broadcast = journal.store, journal.broadcast
    kinds = ("VSS", "VCA", "VCS") if policy.digits else ("VSS",)
    for page in stored_events.sessions_of_broadcast(
        store, after, last, kinds=kinds, broadcast=broadcast.number, naming=broadcast.id
    ):
        found = [(session_id, line) for session_id, line in page.items() if line is None or of(line)]
        while found:
            some, found = found[:AT_ONCE], found[AT_ONCE:]
            sessions = [session_id for session_id, _ in some]
            events = stored_events.events_of_each(store, sessions, kind=_kind(policy))
            for session_id, line in some:
                report = _report(journal, session_id, line, policy, events.get(session_id, ()))
                if report is not None and of(report.line):
                    yield report


def read_report(journal: StoredBroadcast, session_id: str, line: int, policy: Policy) -> Report | None:
    """The report of a session, of the call to the row at ``line``; None as long as no summary has come.
    Raises StoreFailed."""
    events = stored_events.events_of_session(journal.store, session_id, kind=_kind(policy))
    return _report(journal, session_id, line, policy, events)


def _report(
    journal: StoredBroadcast, session_id: str, line: int | None, policy: Policy, events: Iterable[Received]
) -> Report | None:
    """``read_report`` by the events of the session; without a line it is of the row that its summary
    names."""
    store, broadcast = journal.store, journal.broadcast
    session = _session(session_id, policy, events)
    summary, outcome = session.summary, session.outcome
    if outcome is None:
        return None
    named = broadcast.parse_request_id(summary.client_request_id)
    if line is None and named is not None:  # the answer was lost: from now on its other events are found, too
        stored_attempts.record_session(store, broadcast.number, summary.client_request_id, session_id)
    line = line if line is not None else named and named[0]
    if line is None:
        return None
    if is_unsubscribed(outcome) and (row := journal.row(line)) is not None:
        unsubscribed.add(store, row.destination, since=session.summarised or now(), session=session_id)
    return Report(
        line=line,
        attempt=named[1] if named is not None and named[0] == line else 0,
        session=session_id,
        destination=summary.destination,
        outcome=outcome,
        digits=session.digits if policy.digits else None,
        seconds=summary.seconds,
        is_final=session.is_final or outcome not in policy.retry,
        settled_at=_settled_at(store, session),
        bridge=summary.bridge,
    )


def _earlier_report(journal: StoredBroadcast, row: BroadcastRow, policy: Policy) -> Report | None:
    """The report of an earlier attempt after which no other is made, if there is one. Raises StoreFailed."""
    for attempt in range(1, row.attempts):
        request_id = journal.broadcast.request_id(row._replace(attempts=attempt))
        for session_id in stored_attempts.sessions_of_request(journal.store, request_id):
            report = read_report(journal, session_id, row.line, policy)
            if report is not None and report.is_final:
                return report
    return None


def after_report(journal: StoredBroadcast, row: BroadcastRow, policy: Policy) -> BroadcastRow:
    """A row of which something was reported, as it is to be: where the outcome asks for it, and no earlier
    attempt was confirmed, it is called again. Raises StoreFailed."""
    if row.outcome not in policy.retry or row.attempts >= policy.attempts or policy.is_final(row.digits):
        return row
    again = row._replace(state=RowState.RETRY)
    before = _earlier_report(journal, row, policy) if row.attempts > 1 else None
    return again if before is None else before.apply_to(again)


def _settled_at(store: Store, session: Session) -> float:
    """By our clock, which may not be that of the machine on which the summary came."""
    moment, summarised = settled_at(session) or 0.0, (session.summarised or 0) / 1e6
    if not store.is_shared or moment <= summarised:
        return moment
    return time.time() + moment - summarised


def _kind(policy: Policy) -> str:
    """The type of the events that tell something of a session, "" for all: calls that ask for nothing need
    only summaries."""
    return "" if policy.digits else "VSS"


def _session(session_id: str, policy: Policy, events: Iterable[Received]) -> Session:
    attempt = Attempt(
        0, 0, AttemptState.ACCEPTED, session_id, "", "", "", asks=policy.asks, key_names=policy.key_names
    )
    return Session.of(attempt, events)
